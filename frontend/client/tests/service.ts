/**
 * The service behind an app's Centrifuge: one user's conversation under a name, with answers that
 * are complete at once.
 */

import type { Centrifuge } from "centrifuge";
import type { Message } from "../src/messages.ts";
import type { Publication } from "../src/protocol.ts";
import { prompt } from "./answers.ts";

interface Request {
  key?: string;
  id?: string;
  text?: string;
  parts?: Message["parts"];
  replaces?: string;
  message?: string;
  limit?: number;
  before?: string;
}

type Listener = (context: object) => void;

export class Service {
  messages: Message[] = [];
  /** Every call, in order. */
  readonly calls: [string, Request][] = [];
  /**
   * What happens to the next prompts: refused before they are stored, or accepted without a reply.
   */
  readonly fates: ("refused" | "no reply")[] = [];
  /** The most messages per page. */
  page = 200;
  readonly #subscribed = new Map<string, Map<string, Listener>>();

  /** The connection of the user. */
  readonly centrifuge = {
    state: "connected",
    on: () => {},
    off: () => {},
    rpc: async (method: string, request: Request) => {
      this.calls.push([method, request]);
      return { data: structuredClone(this.#reply(method.split(":")[1] ?? "", request)) };
    },
    getSubscription: (channel: string) => this.#subscribed.get(channel) ?? null,
    newSubscription: (channel: string) => {
      const listeners = new Map<string, Listener>();
      this.#subscribed.set(channel, listeners);
      return {
        channel,
        on: (event: string, listener: Listener) => listeners.set(event, listener),
        subscribe: async () => {
          await null;
          const streamPosition = { offset: 0, epoch: "e" };
          listeners.get("subscribed")?.({ recovered: true, streamPosition });
        },
      };
    },
    removeSubscription: ({ channel }: { channel: string }) => this.#subscribed.delete(channel),
  } as unknown as Centrifuge;

  get ids(): string[] {
    return this.messages.map(({ id }) => id);
  }

  /** The called methods, in order. */
  get methods(): string[] {
    return this.calls.map(([method]) => method);
  }

  publish(data: Publication): void {
    this.#subscribed.get("ai:c")?.get("publication")?.({ data });
  }

  /** Adds a turn: a prompt and its answer. */
  add(id: string, parts = prompt(id).parts): void {
    this.messages.push({ ...prompt(id), parts }, answer(`answer-${id}`));
  }

  #reply(method: string, { id = "", text, parts, ...request }: Request): object {
    if (method === "open") {
      if (this.messages.length === 0) throw { code: 404, message: "There is none." };
      return this.#session(this.#before(this.messages.length, request.limit));
    }
    if (method === "history") return this.#before(Number(request.before), request.limit);
    if (method === "regenerate") {
      const at = this.#at(request.message);
      this.messages.splice(at, Number.POSITIVE_INFINITY, answer(id));
      return this.#session({ messages: [answer(id)] });
    }
    if (method !== "send") throw { code: 404, message: "There is no such method." };
    const fate = this.fates.shift();
    const refusal = { code: 429, message: "You have used up your prompts." };
    if (fate === "refused") throw refusal;
    // the same id again is the same prompt
    if (!this.ids.includes(id)) {
      if (request.replaces !== undefined) this.messages.splice(this.#at(request.replaces));
      this.add(id, parts ?? [{ type: "text", text: text ?? "" }]);
    }
    // as a refusal, because those are not retried automatically
    if (fate !== undefined) throw refusal;
    const at = this.ids.indexOf(id);
    return this.#session({ messages: this.messages.slice(at, at + 2) });
  }

  #at(id: string | undefined): number {
    const at = this.messages.findIndex((message) => message.id === id);
    if (at < 0) throw { code: 404, message: "There is no such message." };
    return at;
  }

  #before(end: number, limit = 50): { messages: Message[]; next?: string } {
    const from = Math.max(0, end - Math.min(limit, this.page));
    const messages = this.messages.slice(from, end);
    return { messages, ...(from > 0 && { next: String(from) }) };
  }

  #session(shown: { messages: Message[]; next?: string }): object {
    const since = { offset: 0, epoch: "e" };
    const about = { conversation: "c", channel: "ai:c", title: "", key: "chat" };
    return { ...about, ...shown, since, generation: null };
  }
}

function answer(id: string): Message {
  return { ...prompt(id, "So."), role: "assistant", metadata: { status: "complete" } };
}
