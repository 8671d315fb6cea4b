/** One answer of a conversation as the stream of chunks that the AI SDK reads. */

import type { UIMessageChunk } from "ai";
import type { Conversation } from "../conversation.ts";
import { CallError } from "../errors.ts";
import { isClosed, type Message } from "../messages.ts";
import type { Chunk } from "../protocol.ts";
import { type ConversationEvent, progressOf } from "../state.ts";
import { type AnyPart, difference, ending, NotContinued } from "./replay.ts";

export interface AnswerStreamOptions {
  /**
   * What the reader shows of the message already, and the last `seq` in that; by default nothing.
   */
  message?: Message;
  seq?: number;
  /** Called with the first chunk that brings visible content. */
  onContent?: () => void;
  /**
   * Called once, however the stream ends, with the message as it is then, or null if it is gone.
   */
  onEnd: (message: Message | null) => void;
}

/** Chunks without visible content. */
const SILENT: ReadonlySet<string> = new Set([
  "start",
  "message-metadata",
  "start-step",
  "finish-step",
]);
const CLOSING: ReadonlySet<string> = new Set(["finish", "abort", "error"]);

/**
 * Follows the message until it ends. Publications pass through unchanged. If the conversation
 * caught up by a session instead, the session's additions to the message become chunks of our own.
 */
export class AnswerStream {
  readonly readable: ReadableStream<UIMessageChunk>;
  readonly #conversation: Conversation;
  readonly #id: string;
  readonly #options: AnswerStreamOptions;
  /** Publications of the message that were not passed on. */
  readonly #waiting = new Map<number, readonly Chunk[]>();
  readonly #leave: (() => void)[] = [];
  #controller!: ReadableStreamDefaultController<UIMessageChunk>;
  /** The message as the reader shows it, and the last `seq` in that; -1 if it shows nothing. */
  #shown: Message | null;
  #seq: number;
  /**
   * Tools whose argument text the reader does not have, so that no more text can be added to it.
   */
  readonly #partial = new Set<string>();
  #batch: UIMessageChunk[] = [];
  #ended = false;

  constructor(conversation: Conversation, id: string, options: AnswerStreamOptions) {
    this.#conversation = conversation;
    this.#id = id;
    this.#options = options;
    this.#shown = options.message ?? null;
    this.#seq = options.seq ?? -1;
    this.readable = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#end(),
    });
  }

  follow(): void {
    this.#leave.push(
      this.#conversation.listen((event) => this.#received(event)),
      this.#conversation.sync.subscribe(() => this.#checkSync()),
    );
    this.#advance();
    this.#checkSync();
  }

  /** Fails the stream; `resumeStream` begins it again from the start. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#end();
    this.#controller.error(error);
  }

  #received(event: ConversationEvent): void {
    if (event.type === "chunks" && event.message === this.#id && event.seq > this.#seq) {
      this.#waiting.set(event.seq, event.chunks);
    }
    this.#advance();
  }

  /** Passes on what the conversation has and the reader has not. */
  #advance(): void {
    if (this.#ended) return;
    const message = this.#message();
    if (message === undefined) {
      queueMicrotask(() => this.#checkPresence());
      return;
    }
    const progress = progressOf(this.#conversation.state.value, this.#id);
    for (let next = this.#next(); next !== undefined && this.#seq < progress; next = this.#next()) {
      this.#waiting.delete(++this.#seq);
      for (const chunk of next) this.#pass(chunk);
      if (next.some(({ type }) => CLOSING.has(type))) {
        this.#close(message);
        return;
      }
    }
    if (this.#seq < progress) this.#jump(message, progress);
    if (this.#ended) return;
    this.#shown = message;
    if (message.metadata.status === "waiting") this.#close(message);
  }

  /**
   * A message that another tab regenerates is gone. While a session is taken in, it may be missing
   * for a moment.
   */
  #checkPresence(): void {
    if (this.#message() === undefined) this.#close(null);
  }

  #next(): readonly Chunk[] | undefined {
    return this.#waiting.get(this.#seq + 1);
  }

  #jump(message: Message, progress: number): void {
    try {
      this.#emit(difference(this.#shown, message));
    } catch (error) {
      if (!(error instanceof NotContinued)) throw error;
      this.fail(new CallError(0, "The answer has changed. Load it again.", true));
      return;
    }
    this.#seq = progress;
    for (const seq of this.#waiting.keys()) if (seq <= progress) this.#waiting.delete(seq);
    for (const { state, toolCallId, rawInput } of message.parts as readonly AnyPart[]) {
      if (state !== "input-streaming" || typeof rawInput === "string") continue;
      this.#partial.add(String(toolCallId));
    }
    if (!isClosed(message)) return;
    this.#emit(ending(message));
    this.#close(message);
  }

  /**
   * Passes on a chunk of a publication. The AI SDK reads metadata only from three types of chunks.
   */
  #pass(chunk: Chunk): void {
    const { type, toolCallId = "" } = chunk as { type: string; toolCallId?: string };
    if (type === "tool-input-available") this.#partial.delete(toolCallId);
    if (type === "tool-input-delta" && this.#partial.has(toolCallId)) return;
    const told = this.#batch.at(-1)?.type === "message-metadata";
    if ((type === "abort" || type === "error") && "messageMetadata" in chunk && !told) {
      this.#emit([{ type: "message-metadata", messageMetadata: chunk.messageMetadata }]);
    }
    this.#emit([chunk as UIMessageChunk]);
  }

  #emit(chunks: readonly UIMessageChunk[]): void {
    for (const chunk of chunks) {
      if (!SILENT.has(chunk.type)) {
        this.#options.onContent?.();
        delete this.#options.onContent;
      }
      this.#put(chunk);
    }
  }

  /**
   * Chunks that arrive together are read together: after a reconnect, hundreds of pieces of one
   * text.
   */
  #put(chunk: UIMessageChunk): void {
    if (this.#batch.length === 0) queueMicrotask(() => this.#flush());
    const last = this.#batch.at(-1);
    if (last?.type === "text-delta" && chunk.type === "text-delta" && last.id === chunk.id) {
      this.#batch[this.#batch.length - 1] = { ...last, ...chunk, delta: last.delta + chunk.delta };
    } else this.#batch.push(chunk);
  }

  #flush(): void {
    for (const chunk of this.#batch.splice(0)) this.#controller.enqueue(chunk);
  }

  #checkSync(): void {
    const sync = this.#conversation.sync.value;
    if (sync === "gone" && this.#conversation.failure === null) this.#close(null);
    else if (sync === "gone") this.fail(this.#conversation.failure);
    else if (sync === "closed") this.fail(new CallError(0, "The conversation was closed.", true));
  }

  #message(): Message | undefined {
    return this.#conversation.state.value.messages.find(({ id }) => id === this.#id);
  }

  #close(message: Message | null): void {
    if (this.#ended) return;
    if (message === null) this.#emit([{ type: "abort" }]);
    this.#flush();
    this.#end();
    this.#controller.close();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#batch = [];
    for (const leave of this.#leave) leave();
    this.#options.onEnd(this.#message() ?? null);
  }
}
