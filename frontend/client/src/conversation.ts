/** One conversation, followed live without loss, and what a user can do in it. */

import type { Link } from "./connection.ts";
import { CallError } from "./errors.ts";
import { Follower, type Sync } from "./follower.ts";
import { newId } from "./ids.ts";
import { isClosed, isWaiting } from "./messages.ts";
import type { Decisions } from "./methods.ts";
import { Cell, notify, type Observable } from "./observable.ts";
import type { Position, Session } from "./protocol.ts";
import { callSend, type Prompt, type SendOptions } from "./sending.ts";
import {
  type ConversationEvent,
  type ConversationState,
  emptyConversation,
  hasHole,
  progressOf,
  type Reduce,
} from "./state.ts";

/** Called after each event that arrives, once the state includes it. */
export type ConversationListener = (event: ConversationEvent) => void;

export const PAGE = 50;
/** A later attempt would stop an answer that began in the meantime. */
const STOP_WITHIN = 3_000;

export class Conversation {
  readonly id: string;
  readonly #connection: Link;
  readonly #reduce: Reduce;
  readonly #state = new Cell(emptyConversation);
  readonly #follower: Follower<Session, ConversationEvent>;
  readonly #listeners = new Set<ConversationListener>();
  /** The cursor of the page before the first message; null if there is none. */
  #earlier: string | null = null;

  /**
   * Created by `ChatClient`. `session` is the result of a call; `partial` if earlier messages may
   * exist.
   */
  constructor(
    id: string,
    connection: Link,
    reduce: Reduce,
    onClose: () => void,
    session?: Session,
    partial = false,
  ) {
    this.id = id;
    this.#connection = connection;
    this.#reduce = reduce;
    this.#follower = new Follower(connection, {
      load: () => connection.call("open", { conversation: id, limit: PAGE }, { within: 0 }),
      show: (shown) => {
        const { messages } = this.#state.value;
        const stays = messages.findIndex(({ id }) => id === shown.messages[0]?.id) > 0;
        // if earlier messages stay, so does the cursor of those before them
        if (!stays) this.#earlier = shown.next ?? null;
        this.#receive({ type: "session", session: shown, whole: true });
      },
      receive: (event) => this.#receive(event),
      settled: (shown, covered) => this.#settled(shown, covered),
      intact: () => !hasHole(this.#state.value),
      expectant: () =>
        this.#state.value.messages.some((message) => !isClosed(message) && !isWaiting(message)),
      news: ({ generation }) =>
        generation === null || progressOf(this.#state.value, generation.message) < generation.seq,
    });
    const stop = this.sync.subscribe((sync) => {
      if (sync !== "gone" && sync !== "closed") return;
      stop();
      onClose();
    });
    if (session === undefined) void this.#follower.synchronise();
    else this.#follower.begin(session, partial);
  }

  get state(): Observable<ConversationState> {
    return this.#state;
  }

  get sync(): Observable<Sync> {
    return this.#follower.sync;
  }

  /** Why the conversation is gone; null while it is not, and if it was deleted. */
  get failure(): CallError | null {
    return this.#follower.failure;
  }

  /**
   * Resolves once the conversation is shown and followed; rejects if that fails, or it is closed
   * before.
   */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (sync: Sync): boolean => {
        if (sync === "live") resolve();
        else if (sync === "gone") reject(this.failure ?? deleted());
        else if (sync === "closed") reject(new CallError(0, "The conversation was closed.", false));
        else return false;
        return true;
      };
      if (check(this.sync.value)) return;
      const stop = this.sync.subscribe((sync) => check(sync) && stop());
    });
  }

  /** Calls the listener for each event, once the state includes it; call the result to stop. */
  listen(listener: ConversationListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the prompt is accepted and stored; its answer arrives in `state`. */
  async send(prompt: Prompt, options: SendOptions = {}): Promise<Session> {
    const session = await callSend(this.#connection, { conversation: this.id }, prompt, options);
    const { replaces } = options;
    if (replaces === undefined || this.#remove(replaces)) this.join(session);
    // another version is shown in its place, whose id is not known here
    else await this.#follower.synchronise();
    return session;
  }

  /**
   * Sends another version of a prompt: the old one and all after it leave the view, and can be
   * chosen again.
   */
  edit(message: string, prompt: Prompt, options: SendOptions = {}): Promise<Session> {
    return this.send(prompt, { ...options, replaces: message });
  }

  /** Brings a version of a message back into view, with the newest messages that followed it. */
  async choose(message: string): Promise<void> {
    const request = { conversation: this.id, message, limit: PAGE };
    const { messages } = await this.#connection.call("choose", request);
    const last = messages.at(-1)?.id;
    // a synchronization already under way may have begun before the change
    for (let tries = 0; tries < 2; tries++) {
      await this.#follower.synchronise();
      if (this.#state.value.messages.some(({ id }) => id === last)) return;
    }
  }

  /**
   * Sends decisions or tool outputs for a waiting answer. With the last missing one, the same
   * message grows on. The first decision on a call counts; the session shows which one that was.
   */
  async continue(message: string, decisions: Decisions, data?: unknown): Promise<Session> {
    const request = {
      conversation: this.id,
      message,
      ...decisions,
      ...(data !== undefined && { data }),
    };
    try {
      return this.#joined(await this.#connection.call("continue", request));
    } catch (error) {
      const known = this.#state.value.messages.find(({ id }) => id === message);
      const open = known !== undefined && !isClosed(known);
      if (!open || !(error instanceof CallError) || error.code !== 409) throw error;
      // the answer had asked while it was still being written: the news that it waits may be here
      // before the refusal
      if (this.#runs(message)) await this.#rested(message);
      return this.#joined(await this.#connection.call("continue", request));
    }
  }

  #joined(session: Session): Session {
    this.join(session);
    return session;
  }

  #runs(id: string): boolean {
    const message = this.#state.value.messages.find((known) => known.id === id);
    return message !== undefined && !isClosed(message) && !isWaiting(message);
  }

  /** Resolves when the answer is no longer being made, or no longer followed. */
  #rested(id: string): Promise<void> {
    return new Promise((resolve) => {
      const stops = [this.state, this.sync].map((seen: Observable<unknown>) =>
        seen.subscribe(() => {
          if (this.#runs(id) && !["gone", "closed"].includes(this.sync.value)) return;
          for (const stop of stops) stop();
          resolve();
        }),
      );
    });
  }

  /** Shows the new messages of a call at once; their publications may come later. */
  join(session: Session): void {
    this.#follower.deliver({ type: "session", session, whole: false });
  }

  /**
   * Regenerates an answer, named by its own id or its prompt's. It and all that followed leave the
   * view, and can be chosen again. Resolves to the new answer's id; null if another tab regenerated
   * it first.
   */
  async regenerate(named: string, data?: unknown): Promise<string | null> {
    const message = this.#answerOf(named);
    try {
      const session = await this.#connection.call("regenerate", {
        conversation: this.id,
        message,
        id: newId(),
        ...(data !== undefined && { data }),
      });
      this.#remove(message);
      this.join(session);
      return session.messages.at(-1)?.id ?? null;
    } catch (error) {
      if (!(error instanceof CallError) || (error.code !== 404 && error.code !== 409)) throw error;
      // perhaps another tab, or an attempt of ours whose reply was lost, has begun it already
      await this.#follower.synchronise();
      if (this.#state.value.messages.some(({ id }) => id === message)) throw error;
      return null;
    }
  }

  /**
   * Removes a message and all after it; false if it is not here. The publication of that may come
   * after the reply, and both versions must never show together.
   */
  #remove(first: string): boolean {
    const { messages } = this.#state.value;
    const from = messages.findIndex(({ id }) => id === first);
    if (from < 0) return false;
    const removed = messages.slice(from).map(({ id }) => id);
    this.#follower.deliver({ type: "removed", messages: removed });
    return true;
  }

  #answerOf(named: string): string {
    const { messages } = this.#state.value;
    const at = messages.findIndex(({ id, role }) => id === named && role === "user");
    const next = at < 0 ? undefined : messages[at + 1];
    return next?.role === "assistant" ? next.id : named;
  }

  /** Stops the running answer and cancels the queued ones; with a message, only that one. */
  async stop(message?: string): Promise<boolean> {
    const request = { conversation: this.id, ...(message !== undefined && { message }) };
    const { stopped } = await this.#connection.call("stop", request, { within: STOP_WITHIN });
    return stopped;
  }

  /** Whether there are messages before the first. */
  get hasEarlier(): boolean {
    return this.#earlier !== null;
  }

  async loadEarlier(): Promise<void> {
    const before = this.#earlier;
    if (before === null) return;
    const page = await this.#connection.call("history", {
      conversation: this.id,
      limit: PAGE,
      before,
    });
    // requested twice, or reloaded meanwhile: the page would not connect to what is shown
    if (this.#earlier !== before) return;
    this.#earlier = page.next ?? null;
    this.#receive({ type: "history", messages: page.messages });
  }

  /** Reloads the latest messages. */
  refresh(): Promise<void> {
    return this.#follower.synchronise();
  }

  /** Unsubscribes; the answer goes on without us. */
  close(): void {
    this.#follower.close();
  }

  #receive(event: ConversationEvent): void {
    this.#state.set(this.#reduce(this.#state.value, event));
    for (const listener of [...this.#listeners]) notify(listener, event);
    if (this.#state.value.deleted) this.#follower.close("gone");
  }

  #settled({ generation, since }: Session, covered: Position): boolean {
    if (hasHole(this.#state.value)) return false;
    if (generation === null) return true;
    const progress = progressOf(this.#state.value, generation.message);
    // live publications have continued the session's text
    if (progress > generation.seq) return true;
    if (since.epoch === covered.epoch) return since.offset >= covered.offset;
    // nothing was published since the history was lost, so no later session is coming
    return covered.offset === 0 && progress === generation.seq;
  }
}

function deleted(): CallError {
  return new CallError(403, "There is no such conversation.", false);
}
