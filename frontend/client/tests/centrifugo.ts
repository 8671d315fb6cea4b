/**
 * As much of Centrifugo's JSON protocol over a real websocket as one connection needs, recording
 * what it receives.
 */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

interface Command {
  id: number;
  connect?: object;
  rpc?: { method: string; data: { id?: string } };
  subscribe?: { channel: string };
}

export class Centrifugo {
  /** The commands of each received message. */
  readonly frames: Command[][] = [];
  readonly #server: WebSocketServer;
  /** Whether sockets are closed as soon as they open. */
  away: boolean;
  /** Whether the connection is cut instead of replying to a subscribe. */
  cutsAtSubscribe = false;

  constructor({ away = false, limit = 65_536 } = {}) {
    this.away = away;
    this.#server = new WebSocketServer({ port: 0, host: "127.0.0.1", maxPayload: limit });
    this.#server.on("connection", (socket) => {
      if (this.away) socket.terminate();
      socket.on("error", () => {});
      socket.on("message", (data) => this.#take(socket, String(data)));
    });
  }

  /** Its endpoint, once it listens. */
  async url(): Promise<string> {
    if (this.#server.address() === null) await once(this.#server, "listening");
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The ids of the received prompts, in order. */
  get prompts(): (string | undefined)[] {
    return this.frames.flat().flatMap(({ rpc }) => (rpc === undefined ? [] : [rpc.data.id]));
  }

  close(): void {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }

  #take(socket: WebSocket, data: string): void {
    const commands = data.split("\n").map((line): Command => JSON.parse(line));
    this.frames.push(commands);
    for (const command of commands) {
      if (command.subscribe !== undefined && this.cutsAtSubscribe) socket.terminate();
      else socket.send(JSON.stringify({ id: command.id, ...reply(command) }));
    }
  }
}

function reply({ connect, subscribe }: Command): object {
  if (connect !== undefined) return { connect: { client: "c" } };
  if (subscribe === undefined) return { rpc: { data: {} } };
  return { subscribe: { recoverable: true, recovered: true, epoch: "e", offset: 0 } };
}
