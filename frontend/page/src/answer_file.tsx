/** A file of an answer: a picture that came within it is shown, all else is a link. */

import type { FilePart } from "centrifugo-llm";
import { useState } from "preact/hooks";
import { FileView } from "./file_view.tsx";
import { FileIcon } from "./icons.tsx";
import { visible } from "./json_text.ts";

type AnswerFileProps = Pick<FilePart, "url" | "mediaType" | "filename">;

const LONGEST_NAME = 120;

export function AnswerFile(file: AnswerFileProps) {
  const [broken, setBroken] = useState(false);
  if (file.url.startsWith("upload:")) return <FileView file={{ ...file, type: "file" }} />;
  // one that is elsewhere would tell its server who reads the answer, and when
  if (!/^data:image\//i.test(file.url) || broken) return <FileLink {...file} />;
  return (
    <figure class="answer-picture">
      <img src={file.url} alt={file.filename ?? "Picture"} onError={() => setBroken(true)} />
      {file.filename && (
        <figcaption>
          <FileLink {...file} />
        </figcaption>
      )}
    </figure>
  );
}

function FileLink({ url, mediaType, filename }: AnswerFileProps) {
  const name = (
    <>
      <FileIcon />
      <span>{visible((filename || mediaType || "File").slice(0, LONGEST_NAME))}</span>
    </>
  );
  if (/^https?:/i.test(url)) {
    return (
      <a class="file" href={url} target="_blank" rel="noopener noreferrer">
        {name}
      </a>
    );
  }
  if (/^data:/i.test(url)) {
    return (
      <a class="file" href={url} download={filename ?? ""}>
        {name}
      </a>
    );
  }
  return <span class="file">{name}</span>;
}
