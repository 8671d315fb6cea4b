import { describe, expect, test } from "vitest";
import { Connection } from "../src/client/connection.ts";
import { memoryStorage } from "../src/client/identity.ts";
import { newId } from "../src/client/ids.ts";

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
    // it fits, and fails for want of a connection
    expect(await refused("x".repeat(750))).toBe(1);
  });
});

test("ids are UUIDs, and differ", () => {
  const ids = new Set(Array.from({ length: 100 }, newId));
  expect(ids.size).toBe(100);
  for (const id of ids)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
