/**
 * The one connection to Centrifugo: calls with retries, subscriptions, and the state for display.
 */

import {
  Centrifuge,
  type ConnectedContext,
  type ErrorContext,
  State,
  type TransportEndpoint,
} from "centrifuge";
import { type ConnectionOptions, endpointsAt, originOf } from "./connection_options.ts";
import { callError, connectionLost, noConnection, promptTooLarge } from "./errors.ts";
import { Identity } from "./identity.ts";
import { callBytes, DEFAULT_MESSAGE_SIZE_LIMIT, pieceBytes } from "./message_size.ts";
import type { Methods } from "./methods.ts";
import { Cell, type Observable } from "./observable.ts";
import type { Position } from "./protocol.ts";
import { backoff, defaultRetries, type RetryPolicy, retrying, sleep } from "./retry.ts";
import { type SubscriptionHandlers, Subscriptions } from "./subscriptions.ts";

export type { SubscriptionHandlers } from "./subscriptions.ts";

/**
 * `offline` before `connect` is called, and for good after `disconnect` or if the server forbids
 * reconnecting.
 */
export type ConnectionState = "connecting" | "connected" | "offline";

/** The parts of a connection that following a conversation needs. */
export type Link = Pick<Connection, "call" | "subscribe" | "pieceBytes">;

const STATES: Record<State, ConnectionState> = {
  [State.Connecting]: "connecting",
  [State.Connected]: "connected",
  [State.Disconnected]: "offline",
};
/** How long centrifuge-js waits for a connection and for a reply. */
const DEFAULT_TIMEOUT = 5_000;
/** How long a lost connection may stay away before all transports are tried again. */
const STUCK = { firstDelay: 20_000, maxDelay: 20_000 };
/** The minimum time between attempts to return from a fallback transport to the first one. */
const LOOK_AGAIN = 60_000;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #endpoints: TransportEndpoint[];
  /** Whether it was created here. */
  readonly ours: boolean;
  readonly #state = new Cell<ConnectionState>("offline");
  readonly #user = new Cell<string | null>(null);
  readonly #model = new Cell<string | null>(null);
  readonly #namespace: string;
  readonly #limit: number;
  readonly #timeout: number;
  readonly #retries: RetryPolicy;
  readonly #subscriptions = new Subscriptions();
  readonly #identity: Identity | null;
  #centrifuge: Centrifuge;
  /** The credentials of the last attempt to connect. */
  #sent: { token?: string } = {};
  /** Unknown until connected; HTTP transports accept smaller messages. */
  #emulated: boolean;
  /**
   * Whether the first transport may work again although a fallback is in use: all had failed, or
   * that was long ago.
   */
  #doubtful = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #stuck: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#namespace = options.rpcNamespace ?? "ai";
    this.#limit = options.messageSizeLimit ?? DEFAULT_MESSAGE_SIZE_LIMIT;
    this.#timeout = options.centrifuge?.timeout ?? DEFAULT_TIMEOUT;
    this.#retries = { ...defaultRetries, ...options.retries };
    this.ours = options.existing === undefined;
    this.#emulated = !this.ours;
    this.#endpoints = this.ours ? (options.endpoints ?? endpointsAt(originOf(options))) : [];
    const anonymous = this.ours && options.getToken === undefined;
    this.#identity = anonymous ? new Identity(options.storage) : null;
    this.#centrifuge = options.existing ?? this.#made();
    this.#listen();
    if (!this.ours) this.#state.set(STATES[this.#centrifuge.state]);
  }

  #made(): Centrifuge {
    const { websocket, getToken, centrifuge } = this.#options;
    const identity = this.#identity;
    return new Centrifuge(this.#endpoints, {
      emulationEndpoint: `${originOf(this.#options)}/emulation`,
      ...(websocket !== undefined && { websocket }),
      ...(getToken !== undefined && { getToken }),
      ...(identity !== null && {
        getData: async () => {
          this.#sent = await identity.credentials();
          return this.#sent;
        },
      }),
      ...centrifuge,
    });
  }

  #listen(): void {
    this.#centrifuge.on("connected", this.#connected);
    this.#centrifuge.on("connecting", this.#connecting);
    this.#centrifuge.on("disconnected", this.#disconnected);
    if (this.ours) this.#centrifuge.on("error", this.#failed);
  }

  #letGo(): void {
    this.#centrifuge.off("connected", this.#connected);
    this.#centrifuge.off("connecting", this.#connecting);
    this.#centrifuge.off("disconnected", this.#disconnected);
    this.#centrifuge.off("error", this.#failed);
    clearTimeout(this.#stuck);
  }

  readonly #connected = ({ transport, data }: ConnectedContext): void => {
    clearTimeout(this.#stuck);
    this.#emulated = transport !== "websocket";
    const outrun = this.#identity?.connected(data ?? {}, this.#sent.token) === false;
    if (outrun || this.#wantsAnotherLook(transport)) {
      this.#renew();
      return;
    }
    this.#doubtful = true;
    if (this.ours) this.#user.set(data?.user ?? null);
    if (this.ours) this.#model.set(data?.model ?? null);
    this.#state.set("connected");
  };

  #wantsAnotherLook(transport: string): boolean {
    if (!this.#doubtful || this.#isPreferred(transport)) return false;
    if (Date.now() - this.#lookedAt < LOOK_AGAIN) return false;
    this.#lookedAt = Date.now();
    return true;
  }

  #isPreferred(transport: string): boolean {
    return !this.ours || transport === this.#endpoints[0]?.transport;
  }

  readonly #connecting = (): void => {
    const lost = this.#state.value === "connected";
    this.#state.set("connecting");
    if (!lost) return;
    this.#subscriptions.endBound();
    if (this.ours) this.#stuck = setTimeout(() => this.#renew(), backoff(0, STUCK));
  };

  readonly #disconnected = (): void => {
    clearTimeout(this.#stuck);
    this.#identity?.letGo();
    this.#state.set("offline");
  };

  readonly #failed = ({ transport }: ErrorContext): void => {
    if (transport !== undefined && !this.#isPreferred(transport)) this.#doubtful = true;
  };

  /**
   * Starts again with the first transport. centrifuge-js tries transports only until one works and
   * then keeps it, although the network may have changed, or the server may have been down during
   * the first attempt.
   */
  #renew(): void {
    this.#letGo();
    this.#centrifuge.disconnect();
    this.#identity?.letGo();
    this.#doubtful = false;
    this.#centrifuge = this.#made();
    this.#listen();
    this.#subscriptions.endAll();
    this.#centrifuge.connect();
  }

  get state(): Observable<ConnectionState> {
    return this.#state;
  }

  /** The server's default model; null until known, and for users with a JWT. */
  get model(): Observable<string | null> {
    return this.#model;
  }

  /** The user's id, given by the server; null until known, and for users with a JWT. */
  get user(): Observable<string | null> {
    return this.#user;
  }

  connect(): void {
    if (this.ours) this.#centrifuge.connect();
  }

  /** Closes the connection, or releases it if it belongs to the app. */
  disconnect(): void {
    if (this.ours) {
      this.#centrifuge.disconnect();
      return;
    }
    this.#letGo();
    this.#state.set("offline");
  }

  /** Calls a method; temporary failures are retried within the policy's time. */
  async call<M extends keyof Methods>(
    method: M,
    request: Methods[M][0],
    { signal, within }: { signal?: AbortSignal | undefined; within?: number } = {},
  ): Promise<Methods[M][1]> {
    this.#refuseTooLarge(method, request);
    const policy = { ...this.#retries, ...(within !== undefined && { within }) };
    return retrying(() => this.#callOnce(method, request, signal), policy, signal);
  }

  async #callOnce<M extends keyof Methods>(
    method: M,
    request: Methods[M][0],
    signal?: AbortSignal,
  ): Promise<Methods[M][1]> {
    await this.#whenConnected();
    signal?.throwIfAborted();
    // only now the transport is known
    this.#refuseTooLarge(method, request);
    try {
      const { data } = await this.#centrifuge.rpc(`${this.#namespace}:${method}`, request);
      return data as Methods[M][1];
    } catch (error) {
      throw callError(error);
    }
  }

  /** Waits for the connection as centrifuge-js would, but also for a new one that replaces it. */
  async #whenConnected(): Promise<void> {
    if (this.#state.value === "connected") return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => settle("timeout"), this.#timeout);
      const stop = this.#state.subscribe((state) => state !== "connecting" && settle(state));
      const settle = (outcome: ConnectionState | "timeout") => {
        clearTimeout(timer);
        stop();
        if (outcome === "connected") resolve();
        else reject(outcome === "offline" ? noConnection() : connectionLost());
      };
    });
    // calls made inside the event itself are joined into one frame, which may exceed the limit
    await sleep(0);
  }

  /** How many bytes of a file fit one command as base64. */
  get pieceBytes(): number {
    return pieceBytes(this.#limit);
  }

  #refuseTooLarge(method: string, request: object): void {
    const bytes = callBytes(method, request, this.#emulated);
    if (bytes > this.#limit) throw promptTooLarge(bytes, this.#limit);
  }

  /**
   * Subscribes to a channel from a position on; call the result to unsubscribe. Throws if the app
   * itself has a subscription to it.
   */
  subscribe(channel: string, since: Position, handlers: SubscriptionHandlers): () => void {
    return this.#subscriptions.begin(this.#centrifuge, channel, since, handlers);
  }
}
