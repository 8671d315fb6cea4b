/** The AI SDK's chats over the Centrifugo connection that an app already holds. */

import type { ChatTransport, UIMessage, UIMessageChunk } from "ai";
import type { Centrifuge } from "centrifuge";
import { ChatClient } from "../client.ts";
import { CallError, noConnection } from "../errors.ts";
import { isClosed, type Status } from "../messages.ts";
import type { WhenBusy } from "../methods.ts";
import { notify } from "../observable.ts";
import { unlessAborted } from "../retry.ts";
import { AnswerStream } from "./answer_stream.ts";
import { type Chat, Chats } from "./chats.ts";
import { resumable } from "./replay.ts";
import { type Answer, isRunning, notThere, proceed, regenerate, revise, send } from "./requests.ts";

export interface TransportOptions<M extends UIMessage = UIMessage> {
  /** The app's own connection, which the app keeps control of, or a chat client. */
  connection: Centrifuge | ChatClient;
  /** Centrifugo's RPC namespace for the chat's methods. */
  rpcNamespace?: string;
  /** One of the models that the service allows. */
  model?: string;
  /** What to do with a prompt while the conversation is being answered. */
  whenBusy?: WhenBusy;
  /** Returns what goes along with each request of the AI SDK; by default its `body` as `data`. */
  prepare?: (request: PreparedRequest<M>) => PromptOptions;
  onEvent?: (event: TransportEvent) => void;
}

export interface PreparedRequest<M extends UIMessage = UIMessage> {
  chatId: string;
  trigger: "submit-message" | "regenerate-message";
  messages: M[];
  body: object | undefined;
  metadata: unknown;
}

export interface PromptOptions {
  model?: string;
  whenBusy?: WhenBusy;
  /** Any JSON up to 8 KB for the responder. */
  data?: unknown;
}

/** An event of an answer; `ms` are milliseconds since it was requested. */
export type TransportEvent = { chatId: string; message: string } & (
  | { type: "sent"; ms: number }
  | { type: "resumed" }
  | { type: "first-chunk"; ms: number }
  /** Without a status if reading ended before the answer did. */
  | { type: "ended"; status?: Status; ms: number }
);

type SendRequest<M extends UIMessage> = Parameters<ChatTransport<M>["sendMessages"]>[0];

interface Resumption {
  chatId: string;
  abortSignal?: AbortSignal | undefined;
}

export class CentrifugoChatTransport<M extends UIMessage = UIMessage> implements ChatTransport<M> {
  readonly client: ChatClient;
  readonly #options: TransportOptions<M>;
  readonly #chats: Chats;

  constructor(options: TransportOptions<M>) {
    const { connection, rpcNamespace } = options;
    this.client =
      connection instanceof ChatClient ? connection : Chats.client(connection, rpcNamespace);
    this.#options = options;
    this.#chats = Chats.of(this.client);
  }

  /** Called by the AI SDK. Sends only what is new: the history is the server's. */
  async sendMessages(request: SendRequest<M>): Promise<ReadableStream<UIMessageChunk>> {
    const { chatId, abortSignal } = request;
    abortSignal?.throwIfAborted();
    const began = Date.now();
    const chat = this.#chats.get(chatId);
    const release = chat.stream();
    const unsent = this.#untilReached();
    const asked = this.#ask(chat, request, unsent.signal).finally(unsent.end);
    const stop = () => {
      unsent.abort();
      // also an answer not known here yet: its prompt may have been accepted
      asked.then(({ conversation, id }) => conversation.stop(id)).catch(() => {});
    };
    abortSignal?.addEventListener("abort", stop, { once: true });
    const done = () => {
      abortSignal?.removeEventListener("abort", stop);
      release();
    };
    try {
      const answer = await unlessAborted(asked, abortSignal);
      this.#tell({ type: "sent", chatId, message: answer.id, ms: Date.now() - began });
      return this.#read(chat, answer, began, abortSignal, done);
    } catch (error) {
      void asked.catch(() => {}).finally(done);
      throw error;
    }
  }

  /** Called by the AI SDK. An abort only ends the reading; the answer goes on. */
  async reconnectToStream({
    chatId,
    abortSignal,
  }: Resumption): Promise<ReadableStream<UIMessageChunk> | null> {
    abortSignal?.throwIfAborted();
    const began = Date.now();
    const chat = this.#chats.get(chatId);
    const release = chat.stream();
    try {
      const conversation = await unlessAborted(chat.find(), abortSignal);
      const id = conversation?.state.value.messages.find(isRunning)?.id;
      if (conversation == null || id === undefined) {
        release();
        return null;
      }
      this.#tell({ type: "resumed", chatId, message: id });
      return this.#read(chat, { conversation, id }, began, abortSignal, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Stops the running answer of a chat and cancels queued ones, whoever requested them. */
  async stop(chatId: string): Promise<boolean> {
    const chat = this.#chats.get(chatId);
    const release = chat.hold();
    try {
      return (await (await chat.find())?.stop()) ?? false;
    } finally {
      release();
    }
  }

  /**
   * Brings a version of a message back into view; then get the messages from `keepInStep` or
   * `load`.
   */
  async choose(chatId: string, message: string): Promise<void> {
    const chat = this.#chats.get(chatId);
    const release = chat.hold();
    try {
      const conversation = await chat.find();
      if (conversation === null) throw notThere();
      await conversation.choose(message);
    } finally {
      release();
    }
  }

  /**
   * The latest messages of a chat, to initialize `useChat`; empty if there is no such chat yet.
   * `resumeStream` brings the rest of a running answer.
   */
  async load(chatId: string): Promise<M[]> {
    const chat = this.#chats.get(chatId);
    const release = chat.hold();
    try {
      const messages = (await chat.find())?.state.value.messages ?? [];
      return messages.map((one) => (isRunning(one) ? resumable(one) : one)) as unknown as M[];
    } finally {
      release();
    }
  }

  /** A chat by its name, followed while it is held. */
  chat(chatId: string): Chat {
    return this.#chats.get(chatId);
  }

  async #ask(chat: Chat, request: SendRequest<M>, signal: AbortSignal): Promise<Answer> {
    const { chatId, trigger, messages, messageId, body, metadata } = request;
    const { model, whenBusy, prepare } = this.#options;
    const options = {
      ...(model !== undefined && { model }),
      ...(whenBusy !== undefined && { whenBusy }),
      ...(prepare !== undefined
        ? prepare({ chatId, trigger, messages, body, metadata })
        : body !== undefined && { data: body }),
    };
    const last = messages.at(-1);
    if (trigger === "regenerate-message") {
      return regenerate(chat, messages, messageId, { ...options, signal });
    }
    if (last?.role === "assistant") return proceed(chat, last, options.data);
    if (last?.role !== "user") throw new CallError(400, "There is no message to send.", false);
    if (messageId === undefined) return send(chat, last, { ...options, signal });
    return revise(chat, last, messageId, { ...options, signal });
  }

  #read(
    chat: Chat,
    { conversation, id, shown }: Answer,
    began: number,
    signal: AbortSignal | undefined,
    release: () => void,
  ): ReadableStream<UIMessageChunk> {
    const about = { chatId: chat.key, message: id };
    const passed = () => Date.now() - began;
    const stream = new AnswerStream(conversation, id, {
      ...shown,
      onContent: () => this.#tell({ ...about, type: "first-chunk", ms: passed() }),
      onEnd: (message) => {
        signal?.removeEventListener("abort", aborted);
        unwatch();
        release();
        const status = message !== null && isClosed(message) && message.metadata.status;
        this.#tell({ ...about, type: "ended", ...(status && { status }), ms: passed() });
      },
    });
    const aborted = () => stream.fail(signal?.reason);
    signal?.addEventListener("abort", aborted, { once: true });
    const unwatch = this.client.state.subscribe((state) => {
      // the connection is closed for good
      if (state === "offline") stream.fail(noConnection());
    });
    stream.follow();
    return stream.readable;
  }

  /**
   * A signal with which a call can be given up, but only while there was no connection to send it.
   */
  #untilReached(): { signal: AbortSignal; abort: () => void; end: () => void } {
    const controller = new AbortController();
    const { state } = this.client;
    let reached = state.value === "connected";
    const end = state.subscribe((value) => {
      reached ||= value === "connected";
    });
    return {
      signal: controller.signal,
      abort: () => {
        if (!reached) controller.abort();
      },
      end,
    };
  }

  #tell(event: TransportEvent): void {
    if (this.#options.onEvent !== undefined) notify(this.#options.onEvent, event);
  }
}

export function centrifugoChat<M extends UIMessage = UIMessage>(
  connection: Centrifuge | ChatClient,
  options: Omit<TransportOptions<M>, "connection"> = {},
): CentrifugoChatTransport<M> {
  return new CentrifugoChatTransport<M>({ ...options, connection });
}
