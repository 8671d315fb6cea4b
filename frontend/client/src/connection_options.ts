/** How a connection is made, and where Centrifugo is by default. */

import type { Centrifuge, Options, TransportEndpoint } from "centrifuge";
import type { TokenStorage } from "./identity.ts";
import type { RetryPolicy } from "./retry.ts";

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

export function endpointsAt(origin: string): TransportEndpoint[] {
  return [
    { transport: "websocket", endpoint: `${origin.replace(/^http/, "ws")}/connection/websocket` },
    { transport: "http_stream", endpoint: `${origin}/connection/http_stream` },
    { transport: "sse", endpoint: `${origin}/connection/sse` },
  ];
}

export function originOf({ origin }: ConnectionOptions): string {
  return origin ?? globalThis.location.origin;
}
