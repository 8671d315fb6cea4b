/**
 * Follows a channel from a snapshot on, so that the two together leave nothing out.
 *
 * A snapshot is loaded by a call; it names the channel position from which to continue. If
 * Centrifugo cannot continue from there (its history is gone, or too short), another snapshot is
 * loaded while the subscription already delivers, and so on until the two overlap.
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
  /** Whether nothing is missing if all that was published after `covered` was delivered. */
  settled(snapshot: S, covered: Position): boolean;
  /** Whether there is no hole in what was received. */
  intact(): boolean;
  /** Whether more must still arrive. */
  expectant(): boolean;
  /** Whether a snapshot holds anything that was never received. */
  news(snapshot: S): boolean;
}

/**
 * `opening` until all is shown; `behind` while something may be missing; `gone` if it was deleted
 * or cannot be followed; `closed` by the app.
 */
export type Sync = "opening" | "live" | "behind" | "gone" | "closed";

const DELAYS = { firstDelay: 100, maxDelay: 5_000 };
/**
 * After this time without a visible hole, the server has stored all that was published before: two
 * checkpoints.
 */
const PATIENCE = 5_000;
/** How long to wait in silence for what must still arrive before loading a snapshot. */
const SILENCE = { firstDelay: 8_000, maxDelay: 60_000 };

export class Follower<S extends Snapshot, E> {
  readonly #connection: Link;
  readonly #followed: Followed<S, E>;
  readonly #sync = new Cell<Sync>("opening");
  readonly #closed = new AbortController();
  #leave: (() => void) | null = null;
  /**
   * The position since which the subscription has left nothing out; null until Centrifugo has told
   * it.
   */
  #covered: Position | null = null;
  /** What arrives while a snapshot is loading, which may be older. */
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

  /** Follows from a given snapshot; if that is partial, loads a whole one. */
  begin(snapshot: S, partial: boolean): void {
    this.#followed.show(snapshot);
    if (!partial) this.#sync.set("live");
    // only once subscribed: the subscription then continues what is loaded
    this.#follow(snapshot)
      .then(() => (partial ? this.synchronise() : undefined))
      .catch((error) => this.#failed(error));
  }

  /** Takes an event from any source; a hole starts a synchronization. */
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

  /** Loads snapshots until the subscription continues one without a gap. */
  synchronise(): Promise<void> {
    if (this.#closed.signal.aborted) return Promise.resolve();
    this.#synchronising ??= this.#untilWhole().finally(() => {
      this.#synchronising = null;
    });
    return this.#synchronising;
  }

  /**
   * A publication may be lost between Redis and Centrifugo. The next one reveals the hole. After
   * the last one of an answer none comes, and Centrifugo itself checks only about once a minute.
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
        // load the second snapshot at once: the first one only served to subscribe
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
    // only a snapshot requested after the subscription began can be compared with it
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

  /** Subscribes again; returns whether everything since the snapshot was delivered. */
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
