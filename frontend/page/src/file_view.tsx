/** A file of a message: a picture small beside the text, anything else by its name, to be downloaded. */

import { CallError, type FilePart } from "centrifugo-llm";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { FileIcon } from "./icons.tsx";
import { FilesOf, fileOf } from "./stored_files.ts";

export function FilesView({ files }: { files: readonly FilePart[] }) {
  if (files.length === 0) return null;
  return (
    <ul class="files" aria-label="Files">
      {files.map((file, index) => (
        <li key={`${index}`}>
          <FileView file={file} />
        </li>
      ))}
    </ul>
  );
}

export function FileView({ file }: { file: FilePart }) {
  const { url, mediaType } = file;
  if (url.startsWith("upload:")) {
    return mediaType.startsWith("image/") ? <Picture file={file} /> : <Download file={file} />;
  }
  // a picture of elsewhere is not loaded: its host would learn who looks
  return (
    <a class="file" href={url} target="_blank" rel="noopener noreferrer">
      <FileIcon />
      <span>{nameOf(file)}</span>
    </a>
  );
}

function Picture({ file }: { file: FilePart }) {
  const client = useContext(FilesOf);
  const place = useRef<HTMLAnchorElement>(null);
  const near = useNear(place);
  const [address, setAddress] = useState<string | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (client === null || !near) return;
    let made: string | null = null;
    let left = false;
    fileOf(client, file.url).then(
      (found) => {
        if (left) return;
        made = URL.createObjectURL(found);
        setAddress(made);
      },
      () => setFailed(true),
    );
    return () => {
      left = true;
      if (made !== null) URL.revokeObjectURL(made);
    };
  }, [client, file.url, near]);
  const name = nameOf(file);
  if (failed) return <p class="file">{name} cannot be shown.</p>;
  return (
    <a
      ref={place}
      class="picture"
      {...(address !== null && { href: address })}
      download={name}
      title={name}
      aria-busy={address === null}
    >
      {address !== null && <img src={address} alt={name} />}
    </a>
  );
}

function Download({ file }: { file: FilePart }) {
  const client = useContext(FilesOf);
  const [state, setState] = useState("");
  const name = nameOf(file);
  const download = async () => {
    if (client === null) return;
    setState("Fetching…");
    try {
      const address = URL.createObjectURL(await fileOf(client, file.url));
      const link = Object.assign(document.createElement("a"), { href: address, download: name });
      link.click();
      // the browser has it by then
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
      setState("");
    } catch (error) {
      setState(error instanceof CallError ? error.message : "It cannot be fetched.");
    }
  };
  return (
    <>
      <button type="button" class="file" aria-label={`Download ${name}`} onClick={download}>
        <FileIcon />
        <span>{name}</span>
      </button>
      <span class="file-state" role="status">
        {state}
      </span>
    </>
  );
}

function nameOf({ filename, mediaType }: FilePart): string {
  return filename ?? mediaType;
}

/** Whether an element has come near to what is in view: what nobody scrolls to is not fetched. */
function useNear(place: { current: Element | null }): boolean {
  const [near, setNear] = useState(false);
  useEffect(() => {
    if (place.current === null) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (!entry?.isIntersecting) return;
        setNear(true);
        observer.disconnect();
      },
      { rootMargin: "600px" },
    );
    observer.observe(place.current);
    return () => observer.disconnect();
  }, [place]);
  return near;
}
