/**
 * A file that the server keeps: an image is loaded and shown once it is near, all others are
 * downloaded on demand.
 */

import { CallError } from "centrifugo-llm";
import { useContext, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type FileProps, nameOf } from "./file_name.ts";
import { FileIcon } from "./icons.tsx";
import { FilesOf, fileOf } from "./stored_files.ts";

export function StoredFile({ file }: { file: FileProps }) {
  return file.mediaType.startsWith("image/") ? <Picture file={file} /> : <Download file={file} />;
}

type Shown = { address: string } | "coming" | "failed" | "coming again";

function Picture({ file }: { file: FileProps }) {
  const client = useContext(FilesOf);
  const place = useRef<HTMLAnchorElement>(null);
  const near = useNear(place);
  const [shown, setShown] = useState<Shown>("coming");
  const wanted = shown === "coming" || shown === "coming again";
  useEffect(() => {
    if (client === null || !near || !wanted) return;
    let left = false;
    fileOf(client, file.url).then(
      (found) => !left && setShown({ address: URL.createObjectURL(found) }),
      () => !left && setShown("failed"),
    );
    return () => {
      left = true;
    };
  }, [client, file.url, near, wanted]);
  const address = typeof shown === "object" ? shown.address : null;
  useEffect(() => {
    if (address !== null) return () => URL.revokeObjectURL(address);
  }, [address]);
  const again = useRef(false);
  useLayoutEffect(() => {
    // the focused button has disappeared
    const isLost = document.activeElement === document.body;
    if (address !== null && again.current && isLost) place.current?.focus();
  }, [address]);
  const retry = () => {
    again.current = true;
    setShown("coming again");
  };
  const name = nameOf(file);
  if (shown === "failed" || shown === "coming again") {
    return (
      <p class="file">
        <span>{name} could not be loaded.</span>
        {/* not disabled, which would lose the focus */}
        <button type="button" class="plain" aria-disabled={wanted} onClick={retry}>
          Try again
        </button>
      </p>
    );
  }
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

function Download({ file }: { file: FileProps }) {
  const client = useContext(FilesOf);
  const [state, setState] = useState("");
  const name = nameOf(file);
  const download = async () => {
    if (client === null) return;
    setState("Downloading…");
    try {
      const address = URL.createObjectURL(await fileOf(client, file.url));
      const link = Object.assign(document.createElement("a"), { href: address, download: name });
      link.click();
      // the browser has it by then
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
      setState("");
    } catch (error) {
      setState(error instanceof CallError ? error.message : "The file could not be downloaded.");
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

/** Whether an element is near the view: what nobody scrolls to is not loaded. */
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
