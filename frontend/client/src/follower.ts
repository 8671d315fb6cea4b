/**
 * Following a channel from a snapshot on, so that the two together leave nothing out.
 *
 * A snapshot is loaded by a call and says since which position of the channel it is to be continued. Where
 * Centrifugo cannot continue from there (its history is gone, or too short), a second snapshot is loaded while the
 * subscription already delivers, and so on until the two overlap.
 */

import type { Link } from "./connection.ts";
import { CallError, callError } from "./errors.ts";
import { Cell, type Observable } from "./observable.ts";
import type { Position } from "./protocol.ts";
import { backoff, sleep } from "./retry.ts";

export interface Snapshot {
  channel: string;
  since: Position;
}

/** What is followed. */
export interface Followed<S extends Snapshot, E> {
  load(): Promise<S>;
  show(snapshot: S): void;
  receive(event: E): void;
  /** Whether nothing is missing, with all that was published after `covered` delivered. */
  settled(snapshot: S, covered: Position): boolean;
  /** Whether what was received leaves no hole. */
  intact(): boolean;
  /** Whether more is to come by itself. */
  expectant(): boolean;
  /** Whether a snapshot holds what was never received. */
  news(snapshot: S): boolean;
}

/** `opening` until all is shown; `behind` while something may be missing; `gone` when it was deleted, or cannot be followed; `closed` by us. */
export type Sync = "opening" | "live" | "behind" | "gone" | "closed";

const DELAYS = { firstDelay: 100, maxDelay: 5_000 };
/** After this time without a visible hole the owner has stored all that was published before: two checkpoints. */
const PATIENCE = 5_000;
/** How long more may be to come and nothing comes, before a snapshot is looked at. */
const SILENCE = { firstDelay: 8_000, maxDelay: 60_000 };

export class Follower<S extends Snapshot, E> {
  readonly #connection: Link;
  readonly #followed: Followed<S, E>;
  readonly #sync = new Cell<Sync>("opening");
  readonly #closed = new AbortController();
  #leave: (() => void) | null = null;
  /** Since when the present subscription has left nothing out; null until Centrifugo has said so. */
  #covered: Position | null = null;
  /** What arrives while a snapshot is on its way, which may be older. */
  #meanwhile: E[] | null = null;
  #synchronising: Promise<void> | null = null;
  #delivered = 0;
  #failure: CallError | null = null;

  constructor(connection: Link, followed: Followed<S, E>) {
    this.#connection = connection;
    this.#followed = followed;
    this.#watch().catch((error) => {
      if (!this.#closed.signal.aborted) throw error;
    });
  }

  get sync(): Observable<Sync> {
    return this.#sync;
  }

  /** Why it cannot be followed. */
  get failure(): CallError | null {
    return this.#failure;
  }

  /** Follows from a snapshot that is already there; from one that is partial, until a whole one is loaded. */
  begin(snapshot: S, partial: boolean): void {
    this.#followed.show(snapshot);
    if (!partial) this.#sync.set("live");
    // not before it is subscribed: what is loaded then is continued by this subscription
    this.#follow(snapshot)
      .then(() => (partial ? this.synchronise() : undefined))
      .catch((error) => this.#failed(error));
  }

  /** Takes an event from wherever it comes; a hole begins the search for what is missing. */
  deliver(event: E): void {
    this.#delivered++;
    this.#meanwhile?.push(event);
    this.#followed.receive(event);
    if (!this.#followed.intact()) void this.synchronise();
  }

  close(sync: "gone" | "closed" = "closed"): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    this.#leave?.();
    this.#leave = null;
    this.#sync.set(sync);
  }

  /** Loads snapshots until one is continued by the subscription without a gap. */
  synchronise(): Promise<void> {
    if (this.#closed.signal.aborted) return Promise.resolve();
    this.#synchronising ??= this.#untilWhole().finally(() => {
      this.#synchronising = null;
    });
    return this.#synchronising;
  }

  /**
   * Between Redis and Centrifugo a publication may be lost. The next one shows the hole; where the last one of an
   * answer was lost none comes, and Centrifugo itself looks only about once a minute.
   */
  async #watch(): Promise<void> {
    let looks = 0;
    while (true) {
      const delivered = this.#delivered;
      await sleep(backoff(looks, SILENCE), this.#closed.signal);
      const waiting = this.#sync.value === "live" && this.#followed.expectant();
      if (!waiting || delivered !== this.#delivered) {
        looks = 0;
        continue;
      }
      looks++;
      if (await this.#missed()) await this.synchronise();
    }
  }

  async #missed(): Promise<boolean> {
    const delivered = this.#delivered;
    try {
      const snapshot = await this.#followed.load();
      return delivered === this.#delivered && this.#followed.news(snapshot);
    } catch (error) {
      return !(error instanceof CallError && error.temporary);
    }
  }

  async #untilWhole(): Promise<void> {
    if (this.#sync.value === "live") this.#sync.set("behind");
    const began = Date.now();
    try {
      for (let attempt = 0; !(await this.#attempt(began)); attempt++) {
        // the second snapshot is wanted at once: the first served to subscribe
        if (attempt > 0) await sleep(backoff(attempt - 1, DELAYS), this.#closed.signal);
      }
      this.#sync.set("live");
    } catch (error) {
      if (!this.#closed.signal.aborted) this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#failure = callError(error);
    this.close("gone");
    if (!(error instanceof CallError)) throw error;
  }

  async #attempt(began: number): Promise<boolean> {
    const covered = this.#covered;
    const snapshot = await this.#load();
    if (snapshot === null) return false;
    this.#closed.signal.throwIfAborted();
    // only a snapshot that was asked for after the subscription began can be compared with it
    if (covered !== null && covered === this.#covered) {
      if (this.#followed.settled(snapshot, covered)) return true;
      const patient = Date.now() - began < PATIENCE || !this.#followed.intact();
      if (covered.epoch !== snapshot.since.epoch) return !patient;
    }
    const recovered = await this.#follow(snapshot);
    return recovered && this.#followed.intact();
  }

  async #load(): Promise<S | null> {
    const meanwhile: E[] = [];
    this.#meanwhile = meanwhile;
    try {
      const snapshot = await this.#followed.load();
      this.#followed.show(snapshot);
      for (const event of meanwhile) this.#followed.receive(event);
      return snapshot;
    } catch (error) {
      if (error instanceof CallError && error.temporary) return null;
      throw error;
    } finally {
      this.#meanwhile = null;
    }
  }

  /** Subscribes anew; says whether everything since the snapshot was delivered. */
  #follow({ channel, since }: S): Promise<boolean> {
    this.#leave?.();
    this.#covered = null;
    return new Promise((resolve) => {
      this.#leave = this.#connection.subscribe(channel, since, {
        subscribed: (recovered, position) => {
          if (!recovered) this.#covered = position;
          else this.#covered ??= { offset: since.offset, epoch: position.epoch };
          resolve(recovered);
          if (!recovered) void this.synchronise();
        },
        publication: (data) => this.deliver(data as E),
        ended: () => {
          this.#leave?.();
          this.#leave = null;
          this.#covered = null;
          resolve(false);
          void this.synchronise();
        },
      });
    });
  }
}
