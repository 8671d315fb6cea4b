/**
 * Keeps a chat of the AI SDK in step with other tabs and devices: the entry
 * `centrifugo-llm/in-step`, for Vue, Svelte and others; React has a hook.
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

/** The parts of an AI SDK `Chat` that are read and set, in React, Vue, Svelte or anything else. */
export interface ChatView<M extends UIMessage> {
  readonly id: string;
  readonly status: "submitted" | "streaming" | "ready" | "error";
  messages: M[];
}

/** What the server knows about a chat; its messages are in the chat itself. */
export interface Standing {
  /** False until it is known whether the conversation exists. */
  readonly loaded: boolean;
  readonly title: string | null;
  /** `submitted` while an answer is queued or has no content yet, `streaming` once it has. */
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
/**
 * How soon to check again, in milliseconds, whether the chat has read the rest of an ended stream.
 */
const REST = 5;

/**
 * Works until `close` is called. While the chat has a stream of its own, its messages are left to
 * the AI SDK.
 */
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

  /** The conversation does not exist yet, or no longer: another tab may begin it. */
  #await(): void {
    this.#standing.set({ ...UNKNOWN, loaded: true });
    this.#unlist();
    const list = this.#chat.client.list();
    const look = () => {
      const { conversations } = list.state.value;
      // a conversation that is listed but was not found is about to leave the list
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
      // if access is forbidden, another attempt would end the same way
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
    // a stream that is about to begin continues the messages that are shown
    const resuming = this.#chat.streams.value > 0 && running !== undefined;
    const begun = resuming ? resumable(running) : running;
    if (messages === this.#shown && begun === running) return;
    const { status } = this.#view;
    if (status === "submitted" || status === "streaming") {
      clearTimeout(this.#rest);
      // the chat still reads the rest of its stream, and would overwrite our messages
      if (this.#chat.streams.value === 0) this.#rest = setTimeout(() => this.#show(), REST);
      return;
    }
    this.#shown = begun === running ? messages : null;
    const shown = messages.map((message) =>
      this.#withDecisions(this.#copy(message === running ? (begun ?? message) : message)),
    );
    this.#view.messages = [...shown, ...this.#unsent(messages)];
  }

  /** Notifies only about changes: most publications change nothing here. */
  #stand(next: Standing): void {
    const present = this.#standing.value;
    const fields = Object.keys(next) as (keyof Standing)[];
    if (fields.some((field) => present[field] !== next[field])) this.#standing.set(next);
  }

  /** Keeps unsent decisions of this tab beside those of others. */
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

  /** Keeps a refused prompt, so that the app can send it again. */
  #unsent(stored: readonly Message[]): M[] {
    const last = this.#view.messages.at(-1);
    if (this.#view.status !== "error" || last?.role !== "user") return [];
    return stored.some(({ id }) => id === last.id) ? [] : [last];
  }

  /**
   * The AI SDK changes messages in place: a copy leaves ours unchanged, and equal while nothing
   * changes.
   */
  #copy(message: Message): M {
    const known = this.#copies.get(message);
    if (known !== undefined) return known;
    const copy = { ...message, parts: message.parts.map((part) => ({ ...part })) } as unknown as M;
    this.#copies.set(message, copy);
    return copy;
  }
}
