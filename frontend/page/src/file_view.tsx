/**
 * A file of a message: images inside it or stored on the server are shown, all others are links.
 */

import type { FilePart } from "centrifugo-llm";
import { useState } from "preact/hooks";
import { type FileProps, nameOf } from "./file_name.ts";
import { FileIcon } from "./icons.tsx";
import { isPage } from "./links.ts";
import { StoredFile } from "./stored_file.tsx";

export function FilesView({ files }: { files: readonly FilePart[] }) {
  if (files.length === 0) return null;
  return (
    <ul class="files" aria-label="Files">
      {files.map((file, index) => (
        <li key={`${index}`}>
          <FileView {...file} />
        </li>
      ))}
    </ul>
  );
}

export function FileView(file: FileProps) {
  const [broken, setBroken] = useState(false);
  if (file.url.startsWith("upload:")) return <StoredFile file={file} />;
  // loading an image from elsewhere would tell that server who reads the message, and when
  if (!/^data:image\//i.test(file.url) || broken) return <FileLink {...file} />;
  return (
    <figure class="inline-picture">
      <img src={file.url} alt={file.filename || "Picture"} onError={() => setBroken(true)} />
      {file.filename && (
        <figcaption>
          <FileLink {...file} />
        </figcaption>
      )}
    </figure>
  );
}

function FileLink(file: FileProps) {
  const { url, filename } = file;
  const name = (
    <>
      <FileIcon />
      <span>{nameOf(file)}</span>
    </>
  );
  if (isPage(url)) {
    return (
      <a class="file" href={url} target="_blank" rel="noopener noreferrer">
        {name}
      </a>
    );
  }
  // browsers open no page for a data link, but they download it
  if (/^data:/i.test(url)) {
    return (
      <a class="file" href={url} download={filename ?? ""}>
        {name}
      </a>
    );
  }
  return <span class="file">{name}</span>;
}
