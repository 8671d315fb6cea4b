/** The files for the next prompt: prepared, uploaded, and then named by the prompt. */

import {
  CallError,
  Cell,
  type ChatClient,
  type FilePart,
  newId,
  type Observable,
} from "centrifugo-llm";
import { NotTaken } from "./not_taken.ts";
import { remember } from "./stored_files.ts";

export interface Attachment {
  readonly id: string;
  readonly name: string;
  /** The uploaded share, from 0 to 1. */
  readonly progress: number;
  /** The file part for a prompt; null until the upload is complete. */
  readonly part: FilePart | null;
  /** Why the upload failed. */
  readonly error: string | null;
  /** Whether another attempt can help. */
  readonly temporary?: boolean;
}

const MOST = 10;
const key = (conversation: string) => `files:${conversation}`;

export class Attachments {
  readonly #client: ChatClient;
  readonly #files = new Cell<readonly Attachment[]>([]);
  /** Why a file was refused, in a sentence; otherwise the empty string. */
  readonly #refusal = new Cell("");
  readonly #sources = new Map<string, { file: File; controller: AbortController }>();
  #conversation: string;

  constructor(client: ChatClient, conversation: string) {
    this.#client = client;
    this.#conversation = conversation;
    this.restore(kept(conversation));
    this.#files.subscribe((files) => keep(this.#conversation, partsOf(files)));
  }

  get files(): Observable<readonly Attachment[]> {
    return this.#files;
  }

  get refusal(): Observable<string> {
    return this.#refusal;
  }

  /** A new conversation has received its id: moves the files of its field there. */
  moveTo(conversation: string): void {
    if (conversation === this.#conversation) return;
    keep(this.#conversation, []);
    this.#conversation = conversation;
    keep(conversation, partsOf(this.#files.value));
  }

  add(files: Iterable<File>): void {
    this.#refusal.set("");
    for (const file of files) {
      if (this.#files.value.length >= MOST) {
        this.#refusal.set(`A prompt can have at most ${MOST} files.`);
        return;
      }
      const id = newId();
      this.#files.set([
        ...this.#files.value,
        { id, name: file.name, progress: 0, part: null, error: null },
      ]);
      this.#sources.set(id, { file, controller: new AbortController() });
      void this.#bring(id);
    }
  }

  /** Adds files that were uploaded before. */
  restore(parts: readonly FilePart[]): void {
    const files = parts.map((part) => ({
      id: newId(),
      name: part.filename ?? part.mediaType,
      progress: 1,
      part,
      error: null,
    }));
    this.#files.set([...this.#files.value, ...files]);
  }

  readonly retry = (id: string): void => {
    this.#change(id, { error: null });
    void this.#bring(id);
  };

  readonly remove = (id: string): void => {
    this.#sources.get(id)?.controller.abort();
    this.#sources.delete(id);
    this.#files.set(this.#files.value.filter((file) => file.id !== id));
  };

  /** Removes and returns the files for a prompt. */
  take(): FilePart[] {
    const parts = partsOf(this.#files.value);
    for (const { id } of this.#files.value) this.remove(id);
    this.#refusal.set("");
    return parts;
  }

  async #bring(id: string): Promise<void> {
    const source = this.#sources.get(id);
    if (source === undefined) return;
    const { signal } = source.controller;
    try {
      const { prepared } = await import("./file_kinds.ts");
      const file = await prepared(source.file);
      const part = await this.#client.upload(file, {
        id,
        signal,
        onProgress: (arrived, bytes) => this.#change(id, { progress: arrived / bytes }),
      });
      remember(part.url, file);
      this.#change(id, { part, progress: 1 });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof NotTaken) {
        this.remove(id);
        this.#refusal.set(error.message);
      } else if (error instanceof CallError) {
        this.#change(id, { error: error.message, temporary: error.temporary });
      } else {
        this.#change(id, { error: "The file could not be read.", temporary: false });
      }
    }
  }

  #change(id: string, change: Partial<Attachment>): void {
    this.#files.set(
      this.#files.value.map((file) => (file.id === id ? { ...file, ...change } : file)),
    );
  }
}

function partsOf(files: readonly Attachment[]): FilePart[] {
  return files.flatMap(({ part }) => (part === null ? [] : [part]));
}

function kept(conversation: string): readonly FilePart[] {
  try {
    return JSON.parse(sessionStorage.getItem(key(conversation)) ?? "[]");
  } catch {
    return [];
  }
}

function keep(conversation: string, parts: readonly FilePart[]): void {
  try {
    if (parts.length === 0) sessionStorage.removeItem(key(conversation));
    else sessionStorage.setItem(key(conversation), JSON.stringify(parts));
  } catch {
    // without storage, they live as long as the page
  }
}
