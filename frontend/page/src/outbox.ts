/** Prompts that are being sent, or were refused and can be sent again. */

import {
  CallError,
  Cell,
  type ChatClient,
  type Conversation,
  type FilePart,
  newId,
  type Observable,
  type Prompt,
  type WhenBusy,
} from "centrifugo-llm";

export interface Pending {
  /** The prompt's id: the same in every attempt. */
  readonly id: string;
  /** The empty string for a new conversation. */
  readonly conversation: string;
  readonly text: string;
  /** Uploaded before. */
  readonly files?: readonly FilePart[];
  readonly whenBusy: WhenBusy;
  /** The default one unless another was chosen. */
  readonly model?: string;
  /** Why it was not accepted; null while it is being sent. */
  readonly error: string | null;
}

const KEY = "outbox";

export class Outbox {
  readonly #client: ChatClient;
  readonly #pending = new Cell<readonly Pending[]>(kept());
  readonly #onBegun: (conversation: Conversation) => void;
  /** The last delivery of each conversation: the next prompt waits for it, to keep the order. */
  readonly #last = new Map<string, Promise<void>>();
  readonly #givenUp = new Map<string, AbortController>();

  /** Sends what a reloaded page had not delivered. */
  constructor(client: ChatClient, onBegun: (conversation: Conversation) => void) {
    this.#client = client;
    this.#onBegun = onBegun;
    this.#pending.subscribe(keep);
    for (const prompt of this.#pending.value) {
      if (prompt.error === null) this.#enqueue(prompt);
    }
  }

  get pending(): Observable<readonly Pending[]> {
    return this.#pending;
  }

  send(
    conversation: string,
    text: string,
    whenBusy: WhenBusy,
    files: readonly FilePart[] = [],
    model?: string,
  ): void {
    const prompt: Pending = {
      id: newId(),
      conversation,
      text,
      files,
      whenBusy,
      ...(model !== undefined && { model }),
      error: null,
    };
    this.#pending.set([...this.#pending.value, prompt]);
    this.#enqueue(prompt);
  }

  readonly retry = (id: string): void => {
    const prompt = this.#pending.value.find((pending) => pending.id === id);
    if (prompt === undefined) return;
    const again = { ...prompt, error: null };
    this.#replace(id, again);
    this.#enqueue(again);
  };

  /** Gives a prompt up; if its reply is outstanding, it may have been accepted. */
  readonly discard = (id: string): void => {
    this.#givenUp.get(id)?.abort();
    this.#pending.set(this.#pending.value.filter((pending) => pending.id !== id));
  };

  #enqueue(prompt: Pending): void {
    const { id, conversation } = prompt;
    const controller = new AbortController();
    this.#givenUp.set(id, controller);
    const before = this.#last.get(conversation) ?? Promise.resolve();
    const delivery = before
      .then(() => this.#deliver(prompt, controller.signal))
      .finally(() => this.#givenUp.delete(id));
    this.#last.set(conversation, delivery);
  }

  async #deliver(prompt: Pending, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    try {
      const { id, conversation, whenBusy, model } = prompt;
      const said = partsOf(prompt);
      const options = { id, signal, ...(model !== undefined && { model }) };
      if (conversation === "") this.#onBegun(await this.#client.begin(said, options));
      else await this.#client.send(conversation, said, { ...options, whenBusy });
      this.discard(id);
    } catch (error) {
      if (signal.aborted) return;
      this.#replace(prompt.id, { ...prompt, error: reasonOf(error) });
    }
  }

  #replace(id: string, prompt: Pending): void {
    this.#pending.set(this.#pending.value.map((pending) => (pending.id === id ? prompt : pending)));
  }
}

/** Errors of the page itself are reported too: otherwise the user would wait in vain. */
function reasonOf(error: unknown): string {
  if (error instanceof CallError) return error.message;
  console.warn("A prompt could not be sent:", error);
  return "The prompt could not be sent.";
}

function partsOf({ text, files = [] }: Pending): Prompt {
  if (files.length === 0) return text;
  return text.trim() === "" ? files : [...files, { type: "text", text }];
}

function kept(): readonly Pending[] {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}

function keep(pending: readonly Pending[]): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(pending));
  } catch {
    // without storage, they live as long as the page
  }
}
