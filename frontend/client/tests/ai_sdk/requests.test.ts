/** Plain `useChat`; nothing holds the chat between its requests. */

import type { UIMessage } from "ai";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { centrifugoChat } from "../../src/ai_sdk.ts";
import { pass } from "../channel.ts";
import { Service } from "../service.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const said = (id: string, text = "Why?"): UIMessage => ({
  id,
  role: "user",
  parts: [{ type: "text", text }],
});

/** A chat of one turn, in which the next prompt was sent without loading it. */
async function unloaded() {
  const service = new Service();
  service.add("1");
  const transport = centrifugoChat(service.centrifuge);
  type Request = Parameters<typeof transport.sendMessages>[0];
  const ask = async (
    messages: UIMessage[],
    trigger: Request["trigger"] = "submit-message",
    messageId?: string,
  ) => {
    const about = { chatId: "chat", abortSignal: undefined, messageId };
    const stream = await transport.sendMessages({ ...about, trigger, messages });
    for await (const _ of stream);
  };
  await ask([said("1"), said("2")]);
  return { service, transport, ask };
}

const ids = (messages: UIMessage[]) => messages.map(({ id }) => id);

test("load gives the whole chat, also soon after a prompt that followed it from its end on", async () => {
  const { service, transport } = await unloaded();
  expect(ids(await transport.load("chat"))).toEqual(["1", "answer-1", "2", "answer-2"]);
  expect(service.ids).toEqual(["1", "answer-1", "2", "answer-2"]);
});

test("an earlier prompt is edited, not sent as it was", async () => {
  const { service, transport, ask } = await unloaded();
  await ask([said("1", "How?")], "submit-message", "1");
  const [request] = service.calls.filter(([, { replaces }]) => replaces !== undefined);
  expect(request?.[1].replaces).toBe("1");
  expect(service.messages[0]?.parts).toEqual([{ type: "text", text: "How?" }]);
  expect(ids(await transport.load("chat"))).toEqual(service.ids);
});

test("an earlier answer is made anew", async () => {
  const { service, ask } = await unloaded();
  await ask([said("1")], "regenerate-message", "answer-1");
  expect(service.methods).toContain("ai:regenerate");
  expect(service.ids.length).toBe(2);
  expect(service.ids[1]).not.toBe("answer-1");
});

test("an edit of what never arrived is sent as a prompt", async () => {
  const { service, ask } = await unloaded();
  await ask([said("3", "How?")], "submit-message", "3");
  expect(service.ids.slice(-2)).toEqual(["3", "answer-3"]);
});

test.each(["refused", "no reply"] as const)(
  "an edit that was %s is asked for again as the same edit",
  async (fate) => {
    const { service, ask } = await unloaded();
    const edited = [said("1", "How?")];
    service.fates.push(fate, fate);
    await expect(ask(edited, "submit-message", "1")).rejects.toThrow("used up");
    // by the same edit, or by the button that regenerates the last answer
    await expect(ask(edited, "submit-message", "1")).rejects.toThrow("used up");
    await ask(edited, "regenerate-message");
    const edits = service.calls.filter(([, { replaces }]) => replaces !== undefined);
    expect(new Set(edits.map(([, { id }]) => id)).size).toBe(1);
    expect(service.messages.map(({ parts }) => parts[0])).toMatchObject([
      { text: "How?" },
      { text: "So." },
    ]);
    expect(service.methods).not.toContain("ai:regenerate");
    await ask(edited, "regenerate-message");
    expect(service.methods).toContain("ai:regenerate");
  },
);

test("another edit replaces one whose reply was lost", async () => {
  const { service, ask } = await unloaded();
  service.fates.push("no reply");
  await expect(ask([said("1", "How?")], "submit-message", "1")).rejects.toThrow("used up");
  await ask([said("1", "When?")], "submit-message", "1");
  expect(service.messages[0]?.parts).toEqual([{ type: "text", text: "When?" }]);
  expect(service.ids.length).toBe(2);
});

test("a chat that nobody holds is left after a while, and loaded whole later", async () => {
  const { service, transport } = await unloaded();
  await pass(31_000);
  expect(transport.chat("chat").conversation.value).toBeNull();
  expect(ids(await transport.load("chat"))).toEqual(service.ids);
});
