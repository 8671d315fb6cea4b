/**
 * A chat of the AI SDK's kept in step with what other tabs and devices do in the same conversation: the entry
 * `centrifugo-llm/in-step`, for Vue, Svelte and whatever else; React has a hook.
 */

import type { UIMessage } from "ai";
import type { Chat } from "./ai_sdk/chats.ts";
import { isRunning } from "./ai_sdk/requests.ts";
import type { CentrifugoChatTransport } from "./ai_sdk/transport.ts";
import type { Conversation } from "./conversation.ts";
import { callError } from "./errors.ts";
import { Cell, type Observable } from "./observable.ts";
import type { Message } from "./protocol.ts";

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
  readonly answering: "submitted" | "streaming" | null;
  readonly hasEarlier: boolean;
  /** Why it cannot be shown. */
  readonly error: Error | null;
}

export interface InStep {
  readonly standing: Observable<Standing>;
  loadEarlier(): Promise<void>;
  close(): void;
}

const UNKNOWN: Standing = {
  loaded: false,
  title: null,
  answering: null,
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
      if (!this.#closed) this.#standing.set({ ...this.#standing.value, error: callError(error) });
    }
  }

  /** There is no such conversation yet, or any more: another tab may begin it. */
  #await(): void {
    this.#standing.set({ ...UNKNOWN, loaded: true });
    this.#unlist();
    const list = this.#chat.client.list();
    const look = () => {
      const { conversations } = list.state.value;
      if (conversations.some(({ key }) => key === this.#chat.key)) void this.#find();
    };
    this.#unlist = list.state.subscribe(look);
    look();
  }

  #follow(conversation: Conversation | null): void {
    this.#unfollow();
    this.#unfollow = () => {};
    const deleted = this.#followed?.state.value.deleted ?? false;
    this.#followed = conversation;
    if (conversation === null) {
      this.#shown = null;
      if (deleted) this.#view.messages = [];
      void this.#find();
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
    this.#standing.set({
      loaded: true,
      title,
      answering:
        running === undefined ? null : running.parts.length > 0 ? "streaming" : "submitted",
      hasEarlier: conversation.hasEarlier,
      error: null,
    });
    if (messages === this.#shown || this.#chat.streams.value > 0) return;
    const { status } = this.#view;
    if (status === "submitted" || status === "streaming") {
      // it still reads what is left of its stream, and would write over ours
      clearTimeout(this.#rest);
      this.#rest = setTimeout(() => this.#show(), REST);
      return;
    }
    this.#shown = messages;
    this.#view.messages = [...messages.map((message) => this.#copy(message)), ...this.#unsent()];
  }

  /** A prompt that was refused stays, so that the app can send it again. */
  #unsent(): M[] {
    const last = this.#view.messages.at(-1);
    if (this.#view.status !== "error" || last?.role !== "user") return [];
    return this.#shown?.some(({ id }) => id === last.id) ? [] : [last];
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
