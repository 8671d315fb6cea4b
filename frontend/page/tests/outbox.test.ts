// @vitest-environment jsdom
import { CallError, type ChatClient } from "centrifugo-llm";
import { beforeEach, expect, test, vi } from "vitest";
import { Outbox } from "../src/outbox.ts";

beforeEach(() => sessionStorage.clear());

test.each([
  [new CallError(429, "Too many prompts.", true), "Too many prompts."],
  [new TypeError("x is undefined"), "The prompt could not be sent."],
])("a prompt that fails with %s can be tried again", async (error, said) => {
  const warn = vi.spyOn(console, "warn").mockReturnValue();
  const send = vi.fn(async () => {});
  send.mockRejectedValueOnce(error);
  const outbox = new Outbox({ send } as unknown as ChatClient, () => {});
  outbox.send("c", "Hello", "queue");
  outbox.send("c", "And then", "queue");
  // the next one is not held up
  await vi.waitFor(() => expect(outbox.pending.value).toHaveLength(1));
  const [failed] = outbox.pending.value;
  expect([failed?.text, failed?.error]).toEqual(["Hello", said]);
  expect(warn).toHaveBeenCalledTimes(error instanceof CallError ? 0 : 1);
  outbox.retry(failed?.id ?? "");
  await vi.waitFor(() => expect(outbox.pending.value).toEqual([]));
  warn.mockRestore();
});
