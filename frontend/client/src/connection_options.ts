/** How to connect, and Centrifugo's default addresses. */

import type { Centrifuge, Options, TransportEndpoint } from "centrifuge";
import type { TokenStorage } from "./identity.ts";
import type { RetryPolicy } from "./retry.ts";

export interface ConnectionOptions {
  /**
   * An existing connection of the app: it is used, but not configured, connected or disconnected
   * here. Its user is already determined; `origin`, `endpoints`, `getToken`, `storage`, `websocket`
   * and `centrifuge` are ignored.
   */
  existing?: Centrifuge;
  /**
   * The origin of Centrifugo's endpoints, e.g. `https://chat.example`; by default the page's own.
   */
  origin?: string;
  /**
   * Transports to try, in order; by default websocket, HTTP streaming and SSE at Centrifugo's usual
   * paths.
   */
  endpoints?: TransportEndpoint[];
  /** Returns a Centrifugo JWT of the user; without it, visitors are anonymous. */
  getToken?: () => Promise<string>;
  /** Where an anonymous visitor's token is stored. */
  storage: TokenStorage;
  /** A WebSocket class, if there is no global one. */
  websocket?: unknown;
  /** Centrifugo's RPC namespace for the chat's methods. */
  rpcNamespace?: string;
  /** Centrifugo's `client.message_size_limit`, in bytes. */
  messageSizeLimit?: number;
  retries?: Partial<RetryPolicy>;
  /** Further options for centrifuge-js. */
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
