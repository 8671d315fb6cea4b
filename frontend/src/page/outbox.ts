/** Prompts that are on their way, or that were refused and wait for another try. */

import {
  CallError,
  type ChatClient,
  type Conversation,
  newId,
  type Observable,
  type WhenBusy,
} from "../client/client.ts";
import { Cell } from "../client/observable.ts";

export interface Pending {
  /** The prompt's id: every try is the same prompt. */
  readonly id: string;
  /** The empty string for a new conversation. */
  readonly conversation: string;
  readonly text: string;
  readonly whenBusy: WhenBusy;
  /** Why it was not accepted; null while it is on its way. */
  readonly error: string | null;
}

export class Outbox {
  readonly #client: ChatClient;
  readonly #pending = new Cell<readonly Pending[]>([]);
  readonly #onBegun: (conversation: Conversation, first: Pending) => void;

  constructor(client: ChatClient, onBegun: (conversation: Conversation, first: Pending) => void) {
    this.#client = client;
    this.#onBegun = onBegun;
  }

  get pending(): Observable<readonly Pending[]> {
    return this.#pending;
  }

  send(conversation: string, text: string, whenBusy: WhenBusy): void {
    const prompt: Pending = { id: newId(), conversation, text, whenBusy, error: null };
    this.#pending.set([...this.#pending.value, prompt]);
    void this.#deliver(prompt);
  }

  readonly retry = (id: string): void => {
    const prompt = this.#pending.value.find((pending) => pending.id === id);
    if (prompt === undefined) return;
    const again = { ...prompt, error: null };
    this.#replace(id, again);
    void this.#deliver(again);
  };

  readonly discard = (id: string): void => {
    this.#pending.set(this.#pending.value.filter((pending) => pending.id !== id));
  };

  async #deliver(prompt: Pending): Promise<void> {
    try {
      const { id, text, whenBusy } = prompt;
      if (prompt.conversation === "") {
        this.#onBegun(await this.#client.begin(text, { id }), prompt);
      } else {
        await this.#client.open(prompt.conversation).send(text, { id, whenBusy });
      }
      this.discard(prompt.id);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#replace(prompt.id, { ...prompt, error: error.message });
    }
  }

  #replace(id: string, prompt: Pending): void {
    this.#pending.set(this.#pending.value.map((pending) => (pending.id === id ? prompt : pending)));
  }
}
