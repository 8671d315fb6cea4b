/**
 * Uploads and downloads over the connection, in pieces that fit a command; each piece is retried
 * until it arrives.
 */

import type { Link } from "./connection.ts";
import { CallError } from "./errors.ts";
import { newId } from "./ids.ts";
import type { Part } from "./messages.ts";
import { sleep } from "./retry.ts";

export type FilePart = Extract<Part, { type: "file" }>;

export interface UploadOptions {
  /** The client's own id of the file: to continue after a failure, pass the same one again. */
  id?: string;
  /** Needed if the file itself has no name. */
  filename?: string;
  mediaType?: string;
  /** Bytes that have arrived, and bytes in total. */
  onProgress?: (arrived: number, bytes: number) => void;
  signal?: AbortSignal;
}

export type DownloadOptions = Pick<UploadOptions, "onProgress" | "signal">;

/** How many pieces are in flight: when one arrives, the next is already there. */
const AT_ONCE = 3;
/** The most missing pieces that a reply lists. */
const MOST_TOLD = 200;
/** A longer data URL is uploaded instead of sent with a prompt: twenty of this length fit. */
const INLINE = 2_000;
const ROUNDS = 5;
const UNKNOWN = "application/octet-stream";

/** Uploads a file; the result refers to it in the parts of a prompt. */
export async function upload(
  connection: Link,
  file: Blob,
  { id = newId(), filename, mediaType, onProgress, signal }: UploadOptions = {},
): Promise<FilePart> {
  const bytes = file.size;
  const size = connection.pieceBytes;
  const parts = Math.ceil(bytes / size);
  if (parts === 0) throw new CallError(400, "The file is empty.", false);
  const name = filename ?? (file as Partial<File>).name;
  const about = {
    id,
    parts,
    bytes,
    media_type: mediaType || file.type || UNKNOWN,
    // the end has the file extension
    ...(name && { filename: name.slice(-80) }),
  };
  const lengthOf = (part: number) => Math.min(size, bytes - (part - 1) * size);
  let url: string | undefined;
  let missing = Array.from({ length: parts }, (_, at) => at + 1);
  const send = async (part: number) => {
    const piece = file.slice((part - 1) * size, part * size);
    const data = base64(new Uint8Array(await piece.arrayBuffer()));
    const reply = await unhurried(
      () => connection.call("upload", { ...about, part, data }, { signal }),
      signal,
    );
    url ??= reply.url;
    return reply.missing ?? [];
  };
  // the first piece alone: a refusal comes before the rest is sent, and the reply tells which
  // pieces exist
  let told = await send(1);
  for (let round = 0; url === undefined && round < ROUNDS; round++) {
    const last = told.length < MOST_TOLD ? parts : (told.at(-1) ?? parts);
    const there = (part: number) => part <= last && !told.includes(part);
    missing = missing.filter((part) => !there(part));
    const left = new Set(missing);
    const tell = () =>
      onProgress?.(bytes - [...left].reduce((sum, at) => sum + lengthOf(at), 0), bytes);
    tell();
    await each(missing, async (part) => {
      told = await send(part);
      left.delete(part);
      tell();
    });
  }
  if (url === undefined) throw new CallError(0, "The file did not arrive. Try again.", true);
  onProgress?.(bytes, bytes);
  return { type: "file", mediaType: about.media_type, url, ...(name && { filename: name }) };
}

/** Downloads a file of the user, by the `upload:` address in a message. */
export async function download(
  connection: Link,
  url: string,
  { onProgress, signal }: DownloadOptions = {},
): Promise<File> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let arrived = 0;
  const load = async (part: number) => {
    const found = await unhurried(
      () => connection.call("download", { url, part }, { signal }),
      signal,
    );
    const data = fromBase64(found.data);
    pieces[part - 1] = data;
    arrived += data.length;
    onProgress?.(arrived, found.bytes);
    return found;
  };
  const { parts, media_type, filename } = await load(1);
  await each(
    Array.from({ length: parts - 1 }, (_, at) => at + 2),
    load,
  );
  return new File(pieces, filename ?? "file", { type: media_type });
}

/** The same parts, with each file uploaded first that is too large for a command. */
export function withUploads(
  connection: Link,
  parts: readonly Part[],
  signal?: AbortSignal,
): Promise<Part[]> {
  return Promise.all(
    parts.map(async (part) => {
      if (part.type !== "file" || !isToUpload(part)) return part;
      const { mediaType, filename, url } = part;
      const file = new Blob([contentOf(url)]);
      const id = idOf([mediaType, filename, connection.pieceBytes, url].join());
      const options = { id, mediaType, ...(filename && { filename }) };
      return upload(connection, file, { ...options, ...(signal && { signal }) });
    }),
  );
}

function isToUpload({ url, mediaType }: FilePart): boolean {
  return url.startsWith("data:") && (url.length > INLINE || !mediaType.startsWith("image/"));
}

/** The content of a data URL; not by `fetch`, which a content security policy may forbid. */
function contentOf(url: string): Uint8Array<ArrayBuffer> {
  const comma = url.indexOf(",");
  const content = decodeURIComponent(url.slice(comma + 1));
  const encoded = /;base64$/i.test(url.slice(0, comma));
  return encoded ? fromBase64(content) : new TextEncoder().encode(content);
}

/**
 * The same id for the same file in the same pieces: however often a prompt is sent, its file is
 * stored once.
 */
function idOf(file: string): string {
  let [a, b] = [0, 0];
  for (let at = 0; at < file.length; at++) {
    const code = file.charCodeAt(at);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677) + a;
  }
  return `${file.length}-${a >>> 0}-${b >>> 0}`;
}

/** If the server tells how long to wait, waits and tries again. */
async function unhurried<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  while (true) {
    try {
      return await call();
    } catch (error) {
      const seconds = error instanceof CallError && error.code === 429 && inSeconds(error.message);
      if (!seconds) throw error;
      await sleep(seconds * 1000, signal);
    }
  }
}

function inSeconds(sentence: string): number {
  return Number(/ in (\d+) seconds?\.$/.exec(sentence)?.[1] ?? 0);
}

/** Works on the parts, several at once; after a failure, no further one begins. */
async function each(parts: readonly number[], work: (part: number) => Promise<unknown>) {
  const left = [...parts];
  const some = async () => {
    for (let part = left.shift(); part !== undefined; part = left.shift()) {
      try {
        await work(part);
      } catch (error) {
        left.length = 0;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, some));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

function base64(bytes: Uint8Array): string {
  let text = "";
  // as many arguments as every engine accepts
  for (let at = 0; at < bytes.length; at += 8_192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return btoa(text);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
