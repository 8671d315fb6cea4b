/** The files beside the prompt field, and the ways to add some. */

import { useContext, useEffect, useState } from "preact/hooks";
import type { Attachment, Attachments } from "./attachments.ts";
import { useObservable } from "./hooks.ts";
import { AttachIcon, CloseIcon, FileIcon } from "./icons.tsx";
import { FilesOf, fileOf } from "./stored_files.ts";

export function AttachmentList({ attachments }: { attachments: Attachments }) {
  const files = useObservable(attachments.files);
  const refusal = useObservable(attachments.refusal);
  return (
    <>
      {files.length > 0 && (
        <ul class="attachments" aria-label="Files for this prompt">
          {files.map((file) => (
            <Chip key={file.id} file={file} attachments={attachments} />
          ))}
        </ul>
      )}
      {refusal !== "" && (
        <p class="not-taken" role="alert">
          {refusal}
        </p>
      )}
      <p class="unseen" role="status" aria-label="Files">
        {said(files)}
      </p>
    </>
  );
}

/** In words, for users who do not see the progress bars. */
function said(files: readonly Attachment[]): string {
  if (files.length === 0) return "";
  const failed = files.filter(({ error }) => error !== null).length;
  const coming = files.filter(({ part, error }) => part === null && error === null).length;
  if (coming > 0) return `Uploading ${coming} of ${counted(files.length)}`;
  return failed > 0 ? `${counted(failed)} failed to upload` : `${counted(files.length)} added`;
}

function counted(files: number): string {
  return files === 1 ? "1 file" : `${files} files`;
}

function Chip({ file, attachments }: { file: Attachment; attachments: Attachments }) {
  const { id, name, progress, part, error, temporary } = file;
  return (
    <li class={error === null ? "attachment" : "attachment failed"}>
      {part?.mediaType.startsWith("image/") ? <Thumbnail url={part.url} /> : <FileIcon />}
      <span class="attachment-text">
        <span class="attachment-name">{name}</span>
        {error !== null && <span>{error}</span>}
        {part === null && error === null && (
          <progress max={1} value={progress} aria-label={`Uploading ${name}`} />
        )}
      </span>
      {error !== null && temporary && (
        <button type="button" class="plain" onClick={() => attachments.retry(id)}>
          Try again
        </button>
      )}
      <button
        type="button"
        class="icon"
        aria-label={`Remove ${name}`}
        onClick={() => attachments.remove(id)}
      >
        <CloseIcon />
      </button>
    </li>
  );
}

function Thumbnail({ url }: { url: string }) {
  const client = useContext(FilesOf);
  const [address, setAddress] = useState<string | null>(null);
  useEffect(() => {
    if (client === null) return;
    let made: string | null = null;
    let left = false;
    const show = (file: File) => {
      if (left) return;
      made = URL.createObjectURL(file);
      setAddress(made);
    };
    fileOf(client, url).then(show, () => {});
    return () => {
      left = true;
      if (made !== null) URL.revokeObjectURL(made);
    };
  }, [client, url]);
  return address === null ? <FileIcon /> : <img src={address} alt="" />;
}

/** The button that opens the system's file dialog. */
export function AddFiles({
  attachments,
  disabled,
}: {
  attachments: Attachments;
  disabled: boolean;
}) {
  return (
    <label class="add-files" data-disabled={disabled}>
      <input
        type="file"
        multiple
        disabled={disabled}
        aria-label="Add files"
        onChange={({ currentTarget }) => {
          attachments.add([...(currentTarget.files ?? [])]);
          // so that choosing the same file again fires a change event
          currentTarget.value = "";
        }}
      />
      <AttachIcon />
    </label>
  );
}

/**
 * Takes pasted files, unless there is also text, as when pasting from a table: then the text is
 * meant.
 */
export function filesPasted({ clipboardData }: ClipboardEvent): File[] {
  if (clipboardData === null || clipboardData.types.includes("text/plain")) return [];
  return [...clipboardData.files];
}

/** Takes files dropped anywhere on the page; returns whether files are being dragged over it. */
export function useDrop(attachments: Attachments, disabled: boolean): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    if (disabled) return;
    const carries = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const drag = (event: DragEvent) => {
      if (!carries(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      if (!carries(event)) return;
      event.preventDefault();
      setOver(false);
      attachments.add([...(event.dataTransfer?.files ?? [])]);
    };
    addEventListener("dragover", drag);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", drag);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, [attachments, disabled]);
  return over;
}
