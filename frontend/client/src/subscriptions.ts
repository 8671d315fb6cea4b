/** The channels that are followed over a connection. */

import type { Centrifuge } from "centrifuge";
import { CallError, connectionLost } from "./errors.ts";
import type { Position } from "./protocol.ts";

export interface SubscriptionHandlers {
  /**
   * Delivery has begun. `recovered`: nothing is missing since the last position; otherwise delivery
   * begins at `position`.
   */
  subscribed(recovered: boolean, position: Position): void;
  publication(data: unknown): void;
  /** The server has ended the subscription. */
  ended(error: CallError): void;
}

/** A channel that is followed. */
interface Followed {
  /**
   * Whether it must begin on the present connection: a position without an epoch is the beginning
   * of a new history, which may be another one after a reconnect.
   */
  bound: boolean;
  readonly end: SubscriptionHandlers["ended"];
}

export class Subscriptions {
  readonly #followed = new Set<Followed>();

  /** The connection is lost: ends what cannot begin on another one. */
  endBound(): void {
    for (const followed of [...this.#followed]) {
      if (followed.bound) followed.end(connectionLost());
    }
  }

  /** The client is replaced by another one: ends everything. */
  endAll(): void {
    for (const followed of [...this.#followed]) followed.end(connectionLost());
  }

  begin(
    centrifuge: Centrifuge,
    channel: string,
    since: Position,
    handlers: SubscriptionHandlers,
  ): () => void {
    if (centrifuge.getSubscription(channel) !== null) {
      throw new CallError(0, `${channel} is followed already on this connection.`, false);
    }
    const subscription = centrifuge.newSubscription(channel, { since });
    const followed: Followed = { bound: since.epoch === "", end: handlers.ended };
    this.#followed.add(followed);
    const isFollowed = () => this.#followed.has(followed);
    subscription.on("subscribed", ({ recovered, streamPosition }) => {
      followed.bound = false;
      if (isFollowed()) handlers.subscribed(recovered, streamPosition ?? { offset: 0, epoch: "" });
    });
    subscription.on("publication", ({ data }) => {
      if (isFollowed()) handlers.publication(data);
    });
    subscription.on("unsubscribed", ({ code, reason }) => {
      if (isFollowed()) handlers.ended(new CallError(code, reason, false));
    });
    subscription.subscribe();
    return () => {
      this.#followed.delete(followed);
      centrifuge.removeSubscription(subscription);
    };
  }
}
