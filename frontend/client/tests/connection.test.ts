import { afterEach, describe, expect, test, vi } from "vitest";
import WebSocket from "ws";
import { Connection, type SubscriptionHandlers } from "../src/connection.ts";
import { memoryStorage } from "../src/identity.ts";
import { newId } from "../src/ids.ts";
import { Centrifugo } from "./centrifugo.ts";

function connection(messageSizeLimit?: number): Connection {
  return new Connection({
    origin: "http://127.0.0.1:9",
    storage: memoryStorage(),
    retries: { within: 0 },
    centrifuge: { timeout: 10 },
    ...(messageSizeLimit !== undefined && { messageSizeLimit }),
  });
}

describe("a prompt beyond Centrifugo's limit", () => {
  test("is refused before it is sent, in words for a person", async () => {
    const call = connection().call("send", { id: "1", text: "x".repeat(65_536) });
    await expect(call).rejects.toMatchObject({ code: 413, temporary: false });
    await expect(call).rejects.toThrow("too long to send: 65 KB, and 64 KB is the limit");
  });

  test("is measured in bytes, as JSON", async () => {
    const refused = (text: string) =>
      connection(2_000)
        .call("send", { id: "1", text })
        .then(
          () => 0,
          ({ code }) => code,
        );
    expect(await refused("漢".repeat(500))).toBe(413);
    expect(await refused("\n".repeat(750))).toBe(413);
    // it fits, and fails only for lack of a connection
    expect(await refused("x".repeat(750))).toBe(1);
  });
});

describe("over a websocket", () => {
  const opened: { close(): void }[] = [];
  afterEach(() => {
    for (const { close } of opened.splice(0)) close();
  });

  async function connected(server: Centrifugo): Promise<Connection> {
    const made = new Connection({
      origin: "http://127.0.0.1:9",
      endpoints: [{ transport: "websocket", endpoint: await server.url() }],
      storage: memoryStorage(),
      websocket: WebSocket,
      centrifuge: { minReconnectDelay: 10, maxReconnectDelay: 20 },
    });
    made.connect();
    opened.push({ close: () => made.disconnect() }, { close: () => server.close() });
    return made;
  }

  test("prompts that waited for it are sent one by one, so that together they exceed no limit", async () => {
    const server = new Centrifugo({ away: true });
    const connection = await connected(server);
    const text = "x".repeat(40_000);
    const calls = ["1", "2"].map((id) => connection.call("send", { id, text }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    server.away = false;
    await Promise.all(calls);
    expect(server.prompts).toEqual(["1", "2"]);
    expect(connection.state.value).toBe("connected");
  });

  test("a prompt that was given up while it waited is not sent", async () => {
    const server = new Centrifugo({ away: true });
    const connection = await connected(server);
    const { signal, abort } = abortable();
    const call = connection.call("send", { id: "1", text: "x" }, { signal });
    abort();
    await expect(call).rejects.toThrow("changed my mind");
    server.away = false;
    await connection.call("send", { id: "2", text: "x" });
    expect(server.prompts).toEqual(["2"]);
  });

  test.each([
    ["", true],
    ["e", false],
  ])("a position with the epoch '%s' is lost with the connection: %s", async (epoch, lost) => {
    const server = new Centrifugo();
    const connection = await connected(server);
    await connection.call("open", { conversation: "c" });
    server.cutsAtSubscribe = true;
    const handlers = { subscribed: vi.fn(), publication: vi.fn(), ended: vi.fn() };
    connection.subscribe("ai:c", { offset: 0, epoch }, handlers satisfies SubscriptionHandlers);
    await until(connection, "connecting");
    server.cutsAtSubscribe = false;
    await until(connection, "connected");
    expect(handlers.ended.mock.calls.length).toBe(lost ? 1 : 0);
  });

  test("a listener's mistake ends neither it nor the other listeners", async () => {
    const mistakes: (() => void)[] = [];
    vi.stubGlobal("queueMicrotask", (mistake: () => void) => mistakes.push(mistake));
    const connection = await connected(new Centrifugo());
    const stop = connection.state.subscribe(() => {
      throw new Error("a listener's mistake");
    });
    const other = vi.fn();
    connection.state.subscribe(other);
    await connection.call("open", { conversation: "c" });
    stop();
    vi.unstubAllGlobals();
    expect(connection.state.value).toBe("connected");
    expect(other).toHaveBeenLastCalledWith("connected");
    expect(mistakes[0]).toThrow("a listener's mistake");
  });
});

function abortable() {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    abort: () => controller.abort(new Error("changed my mind")),
  };
}

function until({ state }: Connection, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = state.subscribe((value) => {
      if (value !== wanted) return;
      stop();
      resolve();
    });
  });
}

test("ids are UUIDs, and differ", () => {
  const ids = new Set(Array.from({ length: 100 }, newId));
  expect(ids.size).toBe(100);
  for (const id of ids)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
