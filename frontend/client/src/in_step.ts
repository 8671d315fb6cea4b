/**
 * A chat of the AI SDK's kept in step with what other tabs and devices do in the same conversation: the entry
 * `centrifugo-llm/in-step`, for Vue, Svelte and whatever else; React has a hook.
 */

import type { UIMessage } from "ai";
import type { Chat } from "./ai_sdk/chats.ts";
import { isSettled } from "./ai_sdk/decisions.ts";
import { type AnyPart, isTool, resumable } from "./ai_sdk/replay.ts";
import { isRunning } from "./ai_sdk/requests.ts";
import type { CentrifugoChatTransport } from "./ai_sdk/transport.ts";
import type { Conversation } from "./conversation.ts";
import { callError } from "./errors.ts";
import type { Message } from "./messages.ts";
import { Cell, type Observable } from "./observable.ts";
import type { Summary } from "./protocol.ts";

/** What is read and set of a `Chat` of the AI SDK's, for React, Vue, Svelte or anything else. */
export interface ChatView<M extends UIMessage> {
  readonly id: string;
  readonly status: "submitted" | "streaming" | "ready" | "error";
  messages: M[];
}

/** What the server knows of a chat; its messages are in the chat itself. */
export interface Standing {
  /** False until it is known whether there is such a conversation. */
  readonly loaded: boolean;
  readonly title: string | null;
  /** Whether an answer is being made or queued, and whether something of it is there. */
  readonly answering: "submitted" | "streaming" | undefined;
  readonly hasEarlier: boolean;
  /** Why it cannot be shown. */
  readonly error: Error | null;
}

export interface InStep {
  readonly standing: Observable<Standing>;
  loadEarlier(): Promise<void>;
  close(): void;
}

export const UNKNOWN: Standing = {
  loaded: false,
  title: null,
  answering: undefined,
  hasEarlier: false,
  error: null,
};
/** How soon to look again whether the chat has read the rest of a stream that has ended. */
const REST = 5;

/** Until `close` is called. While a stream of the chat's own runs, its messages are left to the AI SDK. */
export function keepInStep<M extends UIMessage>(
  chat: ChatView<M>,
  transport: CentrifugoChatTransport<M>,
): InStep {
  const step = new Step(chat, transport.chat(chat.id));
  return step;
}

class Step<M extends UIMessage> implements InStep {
  readonly #view: ChatView<M>;
  readonly #chat: Chat;
  readonly #standing = new Cell(UNKNOWN);
  readonly #leave: (() => void)[] = [];
  readonly #copies = new WeakMap<Message, M>();
  #followed: Conversation | null = null;
  #unfollow = () => {};
  #unlist = () => {};
  #rest: ReturnType<typeof setTimeout> | undefined;
  #shown: readonly Message[] | null = null;
  #looked: readonly Summary[] | null = null;
  #closed = false;

  constructor(view: ChatView<M>, chat: Chat) {
    this.#view = view;
    this.#chat = chat;
    this.#leave.push(
      chat.hold(),
      chat.conversation.subscribe((conversation) => this.#follow(conversation)),
      chat.streams.subscribe(() => this.#show()),
      chat.client.state.subscribe((state) => {
        if (state === "connected" && this.#followed === null) void this.#find();
      }),
    );
    if (chat.conversation.value !== null) this.#follow(chat.conversation.value);
    else void this.#find();
  }

  get standing(): Observable<Standing> {
    return this.#standing;
  }

  async loadEarlier(): Promise<void> {
    await this.#chat.conversation.value?.loadEarlier();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#rest);
    this.#unfollow();
    this.#unlist();
    for (const leave of this.#leave) leave();
  }

  async #find(): Promise<void> {
    try {
      if ((await this.#chat.find()) === null && !this.#closed) this.#await();
    } catch (error) {
      if (!this.#closed) this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#standing.set({ ...this.#standing.value, error: callError(error) });
  }

  /** There is no such conversation yet, or any more: another tab may begin it. */
  #await(): void {
    this.#standing.set({ ...UNKNOWN, loaded: true });
    this.#unlist();
    const list = this.#chat.client.list();
    const look = () => {
      const { conversations } = list.state.value;
      // one that is listed and was not there is about to leave the list
      if (conversations === this.#looked) return;
      this.#looked = conversations;
      if (conversations.some(({ key }) => key === this.#chat.key)) void this.#find();
    };
    this.#unlist = list.state.subscribe(look);
    look();
  }

  #follow(conversation: Conversation | null): void {
    this.#unfollow();
    this.#unfollow = () => {};
    const left = this.#followed;
    this.#followed = conversation;
    if (conversation === null) {
      this.#shown = null;
      if (left?.state.value.deleted) this.#view.messages = [];
      // where it may not be followed, the next try would end like this one
      if (left?.failure != null) this.#fail(left.failure);
      else void this.#find();
      return;
    }
    this.#unlist();
    this.#unfollow = conversation.state.subscribe(() => this.#show());
    this.#show();
  }

  #show(): void {
    const conversation = this.#chat.conversation.value;
    if (conversation === null) return;
    const { messages, title } = conversation.state.value;
    const running = messages.find(isRunning);
    this.#stand({
      loaded: true,
      title,
      answering: running && (running.parts.length > 0 ? "streaming" : "submitted"),
      hasEarlier: conversation.hasEarlier,
      error: null,
    });
    // a stream that is about to begin goes on with what is shown of some answers
    const resuming = this.#chat.streams.value > 0 && running !== undefined;
    const begun = resuming ? resumable(running) : running;
    if (messages === this.#shown && begun === running) return;
    const { status } = this.#view;
    if (status === "submitted" || status === "streaming") {
      clearTimeout(this.#rest);
      // it still reads what is left of its stream, and would write over ours
      if (this.#chat.streams.value === 0) this.#rest = setTimeout(() => this.#show(), REST);
      return;
    }
    this.#shown = begun === running ? messages : null;
    const shown = messages.map((message) =>
      this.#withDecisions(this.#copy(message === running ? (begun ?? message) : message)),
    );
    this.#view.messages = [...shown, ...this.#unsent(messages)];
  }

  /** Only what has changed is told: most publications change nothing of it. */
  #stand(next: Standing): void {
    const present = this.#standing.value;
    const fields = Object.keys(next) as (keyof Standing)[];
    if (fields.some((field) => present[field] !== next[field])) this.#standing.set(next);
  }

  /** What was decided here, and has not gone out, stays beside what others have decided. */
  #withDecisions(message: M): M {
    if ((message.metadata as { status?: string }).status !== "waiting") return message;
    const ours = this.#view.messages.find(({ id }) => id === message.id)?.parts as
      | readonly AnyPart[]
      | undefined;
    const parts = (message.parts as unknown as readonly AnyPart[]).map((part) => {
      if (!isTool(part) || isSettled(part)) return part;
      return ours?.find((own) => own.toolCallId === part.toolCallId && isSettled(own)) ?? part;
    });
    return { ...message, parts } as unknown as M;
  }

  /** A prompt that was refused stays, so that the app can send it again. */
  #unsent(stored: readonly Message[]): M[] {
    const last = this.#view.messages.at(-1);
    if (this.#view.status !== "error" || last?.role !== "user") return [];
    return stored.some(({ id }) => id === last.id) ? [] : [last];
  }

  /** The AI SDK grows messages in place; ours stay as they are, and equal while nothing of them has changed. */
  #copy(message: Message): M {
    const known = this.#copies.get(message);
    if (known !== undefined) return known;
    const copy = { ...message, parts: message.parts.map((part) => ({ ...part })) } as unknown as M;
    this.#copies.set(message, copy);
    return copy;
  }
}
