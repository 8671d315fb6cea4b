/** The contents of files that messages name, each loaded once. */

import type { ChatClient } from "centrifugo-llm";
import { createContext } from "preact";

/** The client from which file views load files. */
export const FilesOf = createContext<ChatClient | null>(null);

const MOST_BYTES = 100_000_000;
const known = new Map<string, Promise<File>>();
const sizes = new Map<string, number>();

/** Keeps a file that was here before its upload. */
export function remember(url: string, file: File): void {
  known.set(url, Promise.resolve(file));
  counted(url, file);
}

export function fileOf(client: ChatClient, url: string): Promise<File> {
  const found = known.get(url) ?? client.download(url);
  known.set(url, found);
  found.then(
    (file) => counted(url, file),
    () => known.delete(url),
  );
  return found;
}

/** Counts its size; drops the oldest files if all are too large together. */
function counted(url: string, { size }: File): void {
  sizes.delete(url);
  sizes.set(url, size);
  let all = [...sizes.values()].reduce((sum, one) => sum + one, 0);
  for (const [oldest, bytes] of sizes) {
    if (all <= MOST_BYTES || oldest === url) return;
    all -= bytes;
    sizes.delete(oldest);
    known.delete(oldest);
  }
}
