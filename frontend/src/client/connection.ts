/** The one connection to Centrifugo: calls with retries, subscriptions, and the state a person may see. */

import {
  Centrifuge,
  type ConnectedContext,
  type Options,
  State,
  type TransportEndpoint,
} from "centrifuge";
import { CallError, callError, promptTooLarge } from "./errors.ts";
import { Identity, type TokenStorage } from "./identity.ts";
import { Cell, type Observable } from "./observable.ts";
import type { Methods, Position } from "./protocol.ts";
import { defaultRetries, type RetryPolicy, retrying } from "./retry.ts";

export interface ConnectionOptions {
  /**
   * A connection that is there already and stays its owner's: it is used, and neither configured, connected nor
   * disconnected here. Who the user is was settled when it was made; `origin`, `endpoints`, `getToken`, `storage`,
   * `websocket` and `centrifuge` mean nothing then.
   */
  existing?: Centrifuge;
  /** Where Centrifugo's endpoints are, e.g. `https://chat.example`; the page's own origin by default. */
  origin?: string;
  /** Transports to try, in order; by default websocket, HTTP streaming and SSE at Centrifugo's usual paths. */
  endpoints?: TransportEndpoint[];
  /** For users with a Centrifugo JWT of their own; without it visitors are anonymous. */
  getToken?: () => Promise<string>;
  /** Where an anonymous visitor's token is kept. */
  storage: TokenStorage;
  /** A WebSocket class, where there is none globally. */
  websocket?: unknown;
  /** Centrifugo's RPC namespace for our methods. */
  rpcNamespace?: string;
  /** Centrifugo's `client.message_size_limit`, in bytes. */
  messageSizeLimit?: number;
  retries?: Partial<RetryPolicy>;
  /** Anything else centrifuge-js is to be told. */
  centrifuge?: Partial<Options>;
}

/** `offline` is final: the server wants no further try, or `disconnect` was called. */
export type ConnectionState = "connecting" | "connected" | "offline";

export interface SubscriptionHandlers {
  /** Delivery has begun; `recovered` when it leaves nothing out since the last position, else it begins at `position`. */
  subscribed(recovered: boolean, position: Position): void;
  publication(data: unknown): void;
  /** The server has ended it. */
  ended(error: CallError): void;
}

/** What following a conversation needs of a connection. */
export type Link = Pick<Connection, "call" | "subscribe">;

const STATES: Record<State, ConnectionState> = {
  [State.Connecting]: "connecting",
  [State.Connected]: "connected",
  [State.Disconnected]: "offline",
};
const ENVELOPE_BYTES = 512;
const DEFAULT_MESSAGE_SIZE_LIMIT = 65_536;
const encoder = new TextEncoder();

function endpointsAt(origin: string): TransportEndpoint[] {
  return [
    { transport: "websocket", endpoint: `${origin.replace(/^http/, "ws")}/connection/websocket` },
    { transport: "http_stream", endpoint: `${origin}/connection/http_stream` },
    { transport: "sse", endpoint: `${origin}/connection/sse` },
  ];
}

export class Connection {
  readonly #centrifuge: Centrifuge;
  /** Whether it was made here. */
  readonly ours: boolean;
  readonly #state = new Cell<ConnectionState>("connecting");
  readonly #user = new Cell<string | null>(null);
  readonly #namespace: string;
  readonly #limit: number;
  readonly #retries: RetryPolicy;
  #identity: Identity | null = null;
  /** The credentials of the last try to connect. */
  #sent: { token?: string } = {};
  #emulated = false;

  constructor(options: ConnectionOptions) {
    this.#namespace = options.rpcNamespace ?? "ai";
    this.#limit = options.messageSizeLimit ?? DEFAULT_MESSAGE_SIZE_LIMIT;
    this.#retries = { ...defaultRetries, ...options.retries };
    this.ours = options.existing === undefined;
    this.#centrifuge = options.existing ?? this.#made(options);
    this.#centrifuge.on("connected", this.#connected);
    this.#centrifuge.on("connecting", this.#connecting);
    this.#centrifuge.on("disconnected", this.#disconnected);
    if (this.ours) return;
    this.#state.set(STATES[this.#centrifuge.state]);
    // how it came about is not known before it comes about again
    this.#emulated = true;
  }

  #made(options: ConnectionOptions): Centrifuge {
    const origin = options.origin ?? globalThis.location.origin;
    const identity = options.getToken === undefined ? new Identity(options.storage) : null;
    this.#identity = identity;
    return new Centrifuge(options.endpoints ?? endpointsAt(origin), {
      emulationEndpoint: `${origin}/emulation`,
      ...(options.websocket !== undefined && { websocket: options.websocket }),
      ...(options.getToken !== undefined && { getToken: options.getToken }),
      ...(identity !== null && {
        getData: async () => {
          this.#sent = await identity.credentials();
          return this.#sent;
        },
      }),
      ...options.centrifuge,
    });
  }

  readonly #connected = ({ transport, data }: ConnectedContext): void => {
    this.#emulated = transport !== "websocket";
    if (this.#identity?.connected(data ?? {}, this.#sent.token) === false) {
      this.#centrifuge.disconnect();
      this.#centrifuge.connect();
      return;
    }
    if (this.ours) this.#user.set(data?.user ?? null);
    this.#state.set("connected");
  };

  readonly #connecting = (): void => this.#state.set("connecting");

  readonly #disconnected = (): void => {
    this.#identity?.letGo();
    this.#state.set("offline");
  };

  get state(): Observable<ConnectionState> {
    return this.#state;
  }

  /** Who the server says this is; null until it has, and for users with a JWT. */
  get user(): Observable<string | null> {
    return this.#user;
  }

  connect(): void {
    if (!this.ours) return;
    this.#state.set("connecting");
    this.#centrifuge.connect();
  }

  /** Ends the connection, or lets one go that is not ours. */
  disconnect(): void {
    if (this.ours) {
      this.#centrifuge.disconnect();
      return;
    }
    this.#centrifuge.off("connected", this.#connected);
    this.#centrifuge.off("connecting", this.#connecting);
    this.#centrifuge.off("disconnected", this.#disconnected);
    this.#state.set("offline");
  }

  /** Calls a method; temporary failures are tried again within the policy's time. */
  async call<M extends keyof Methods>(
    method: M,
    request: Methods[M][0],
    { signal, within }: { signal?: AbortSignal | undefined; within?: number } = {},
  ): Promise<Methods[M][1]> {
    this.#refuseTooLarge(method, request);
    const policy = { ...this.#retries, ...(within !== undefined && { within }) };
    return retrying(() => this.#callOnce(method, request), policy, signal);
  }

  async #callOnce<M extends keyof Methods>(
    method: M,
    request: Methods[M][0],
  ): Promise<Methods[M][1]> {
    try {
      const { data } = await this.#centrifuge.rpc(`${this.#namespace}:${method}`, request);
      return data as Methods[M][1];
    } catch (error) {
      throw callError(error);
    }
  }

  /** Centrifugo drops the connection for a message beyond its limit, and everything else with it. */
  #refuseTooLarge(method: string, request: object): void {
    const encoded = JSON.stringify({ rpc: { method, data: request } });
    // HTTP transports carry the command as a string inside JSON
    const carried = this.#emulated ? JSON.stringify(encoded) : encoded;
    const bytes = encoder.encode(carried).length + ENVELOPE_BYTES;
    if (bytes > this.#limit) throw promptTooLarge(bytes, this.#limit);
  }

  /** Follows a channel from a position on; call the result to leave it. Throws where somebody else follows it here. */
  subscribe(channel: string, since: Position, handlers: SubscriptionHandlers): () => void {
    const centrifuge = this.#centrifuge;
    if (centrifuge.getSubscription(channel) !== null) {
      throw new CallError(0, `${channel} is followed already on this connection.`, false);
    }
    const subscription = centrifuge.newSubscription(channel, { since });
    let left = false;
    subscription.on("subscribed", ({ recovered, streamPosition }) => {
      if (!left) handlers.subscribed(recovered, streamPosition ?? { offset: 0, epoch: "" });
    });
    subscription.on("publication", ({ data }) => {
      if (!left) handlers.publication(data);
    });
    subscription.on("unsubscribed", ({ code, reason }) => {
      if (!left) handlers.ended(new CallError(code, reason, false));
    });
    subscription.subscribe();
    return () => {
      left = true;
      centrifuge.removeSubscription(subscription);
    };
  }
}
