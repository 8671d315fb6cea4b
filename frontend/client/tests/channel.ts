/**
 * A channel and its server behind a bad connection: history with a limit and an epoch, checkpoints
 * that lag behind, delayed replies and deliveries, and losses.
 */

import { vi } from "vitest";
import type { SubscriptionHandlers } from "../src/connection.ts";
import { CallError } from "../src/errors.ts";
import type { Message } from "../src/messages.ts";
import type { Position, Publication, Session } from "../src/protocol.ts";
import { type ChunksPublication, messageAfter, prompt } from "./answers.ts";
import type { Random } from "./random.ts";

interface Subscriber {
  handlers: SubscriptionHandlers;
  /** The last delivered position, from which the client recovers. */
  position: Position;
  live: boolean;
}

export class Channel {
  readonly #random: Random;
  readonly #published: ChunksPublication[];
  readonly #historySize: number;
  #epoch = 1;
  #offset = 0;
  #history: { offset: number; publication: Publication }[] = [];
  #subscriber: Subscriber | null = null;
  #seq = 0;
  #checkpoint: { seq: number; since: Position };
  opened = 0;

  constructor(published: ChunksPublication[], random: Random, historySize: number) {
    this.#published = published;
    this.#random = random;
    this.#historySize = historySize;
    this.#checkpoint = { seq: 0, since: this.#position };
  }

  get #position(): Position {
    return { offset: this.#offset, epoch: String(this.#epoch) };
  }

  get ended(): boolean {
    return this.#seq === this.#published.length;
  }

  /**
   * Publishes the next piece of the answer. `lost`: it reaches the history but no subscriber, as
   * may happen while Centrifugo reconnects to its Redis.
   */
  publish(lost = false): void {
    const publication = this.#published[this.#seq];
    if (publication === undefined) return;
    this.#seq++;
    this.#offset++;
    this.#history.push({ offset: this.#offset, publication });
    if (this.#history.length > this.#historySize) this.#history.shift();
    if (this.#checkpoint.since.epoch !== String(this.#epoch) || this.ended) this.checkpoint();
    const subscriber = this.#subscriber;
    if (!subscriber?.live) return;
    if (!lost) subscriber.handlers.publication(structuredClone(publication));
    subscriber.position = this.#position;
  }

  checkpoint(): void {
    this.#checkpoint = { seq: this.#seq, since: this.#position };
  }

  /** Cuts the connection; the client reconnects by itself. */
  cut(): void {
    const subscriber = this.#subscriber;
    if (!subscriber?.live) return;
    subscriber.live = false;
    this.#later(200, () => this.#deliver(subscriber));
  }

  /** Centrifugo restarts without its history. */
  restart(): void {
    this.#epoch++;
    this.#offset = 0;
    this.#history = [];
    this.cut();
  }

  /** The server ends the subscription. */
  unsubscribe(): void {
    const subscriber = this.#subscriber;
    this.#subscriber = null;
    subscriber?.handlers.ended(new CallError(2000, "unsubscribed by server", false));
  }

  subscribe(_channel: string, since: Position, handlers: SubscriptionHandlers): () => void {
    if (this.#subscriber !== null) throw new Error("already subscribed");
    const subscriber = { handlers, position: since, live: false };
    this.#subscriber = subscriber;
    this.#later(20, () => this.#deliver(subscriber));
    return () => {
      if (this.#subscriber === subscriber) this.#subscriber = null;
    };
  }

  #deliver(subscriber: Subscriber): void {
    if (this.#subscriber !== subscriber || subscriber.live) return;
    const { offset, epoch } = subscriber.position;
    const oldest = this.#history[0]?.offset ?? this.#offset + 1;
    const recovered = epoch === String(this.#epoch) && offset >= oldest - 1;
    const missed = this.#history.filter((entry) => entry.offset > offset);
    subscriber.live = true;
    subscriber.position = this.#position;
    subscriber.handlers.subscribed(recovered, this.#position);
    if (!recovered) return;
    for (const { publication } of missed)
      subscriber.handlers.publication(structuredClone(publication));
  }

  /** `ai:open`, which sometimes fails, and whose reply may be outdated. */
  async open(): Promise<Session> {
    this.opened++;
    await this.#pause(30);
    if (this.#random.chance(0.15)) throw new CallError(503, "Try again.", true);
    const { seq, since } = this.#checkpoint;
    const message: Message = messageAfter(this.#published, seq);
    const running = message.metadata.status === "streaming";
    const session: Session = {
      conversation: "c",
      channel: "ai:c",
      title: "",
      messages: [prompt("u"), message],
      since,
      generation: running ? { message: message.id, seq, status: "streaming" } : null,
    };
    await this.#pause(30);
    return session;
  }

  #pause(limit: number): Promise<void> {
    return new Promise((resolve) => this.#later(limit, resolve));
  }

  #later(limit: number, then: () => void): void {
    setTimeout(then, this.#random.below(limit));
  }
}

/** Lets simulated time pass. */
export async function pass(milliseconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds);
}
