/** A replayed message must become the same message in the AI SDK itself, 7 and 6. */

import { readUIMessageStream, type UIMessage, type UIMessageChunk } from "ai";
import { readUIMessageStream as readWith6 } from "ai-6";
import { describe, expect, test } from "vitest";
import { decisionsOf } from "../../src/ai_sdk/decisions.ts";
import { type AnyPart, difference, NotContinued } from "../../src/ai_sdk/replay.ts";
import type { Message } from "../../src/messages.ts";
import { Random, seeds } from "../random.ts";

const input = { city: "Zürich", days: [1, 2] };
const call = { toolCallId: "call-1", input };
const approval = { id: "approval-1" };
const PARTS: AnyPart[] = [
  { type: "text", text: "", state: "streaming" },
  { type: "text", text: "half a", state: "streaming" },
  { type: "text", text: "a whole text", state: "done" },
  { type: "reasoning", text: "hm", state: "streaming" },
  { type: "reasoning", text: "so", state: "done" },
  { type: "step-start" },
  { type: "file", mediaType: "image/png", url: "https://a.example/b.png" },
  { type: "source-url", sourceId: "1", url: "https://a.example", title: "A" },
  { type: "source-document", sourceId: "2", mediaType: "text/plain", title: "B", filename: "b" },
  { type: "data-weather", id: "w", data: { degrees: 3 } },
  { type: "data-note", data: "once" },
  { type: "tool-weather", toolCallId: "call-1", state: "input-streaming" },
  { type: "tool-weather", ...call, state: "input-available" },
  { type: "tool-weather", ...call, state: "approval-requested", approval },
  { type: "tool-weather", ...call, state: "output-available", output: [1] },
  { type: "tool-weather", ...call, state: "output-available", output: 1, preliminary: true },
  { type: "tool-weather", ...call, state: "output-error", errorText: "No." },
  { type: "tool-weather", ...call, state: "output-denied", approval },
  { type: "tool-weather", ...call, state: "output-available", output: 1, providerExecuted: true },
  { type: "dynamic-tool", toolName: "any", ...call, state: "input-available" },
  { type: "dynamic-tool", toolName: "any", ...call, state: "output-available", output: null },
];
const PARTS_OF_7: AnyPart[] = [
  { type: "reasoning-file", mediaType: "image/png", url: "https://a.example/c.png" },
  { type: "custom", kind: "own.kind" },
  {
    type: "tool-weather",
    ...call,
    state: "approval-responded",
    approval: { ...approval, approved: false, reason: "Not now." },
  },
  {
    type: "tool-weather",
    ...call,
    state: "output-available",
    output: 1,
    approval: { ...approval, approved: true },
  },
];
const readers = { "7": readUIMessageStream, "6": readWith6 as typeof readUIMessageStream };

function message(parts: readonly AnyPart[], metadata: object = { status: "streaming" }): Message {
  return { id: "answer", role: "assistant", parts, metadata } as unknown as Message;
}

/** The message that the AI SDK makes of the chunks, without undefined fields. */
async function made(
  read: typeof readUIMessageStream,
  chunks: readonly UIMessageChunk[],
): Promise<{ parts: AnyPart[]; metadata?: unknown; id: string }> {
  const stream = new ReadableStream<UIMessageChunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      // the AI SDK shows a new step only with the next chunk
      controller.enqueue({ type: "message-metadata", messageMetadata: {} });
      controller.close();
    },
  });
  let last: unknown;
  const onError = (error: unknown) => {
    throw error;
  };
  for await (const state of read({ stream: stream as never, onError })) last = state;
  return JSON.parse(JSON.stringify(last));
}

/**
 * Without what the AI SDK 7 also keeps: for reasoning the id of its chunks, for arguments their
 * text.
 */
function common(parts: readonly AnyPart[]): AnyPart[] {
  return parts.map(({ id, rawInput, ...part }) =>
    part.type.startsWith("data-") && id !== undefined ? { id, ...part } : part,
  );
}

describe.each(Object.keys(readers) as ("7" | "6")[])("the AI SDK %s", (version) => {
  const read = readers[version];
  const all = version === "7" ? [...PARTS, ...PARTS_OF_7] : PARTS;

  test.each(all)("makes the same part: $type $state", async (part) => {
    const shown = await made(read, difference(null, message([part])));
    expect(shown).toMatchObject({ id: "answer", metadata: { status: "streaming" } });
    expect(common(shown.parts)).toEqual([part]);
  });

  test.each(seeds(40))("makes the same message of many parts, in two steps: %i", async (seed) => {
    const random = new Random(seed);
    const parts = Array.from({ length: 1 + random.below(7) }, (_, at) => {
      const part = all[random.below(all.length)] as AnyPart;
      // each of its own call; the growing one must be the last
      const own: AnyPart =
        "toolCallId" in part ? { ...part, toolCallId: `call-${at}` } : { ...part };
      if ("approval" in own) own.approval = { ...(own.approval as object), id: `approval-${at}` };
      if (part.type === "data-weather") own.id = `w-${at}`;
      return /^(text|reasoning)$/.test(part.type) ? { ...own, state: "done" } : own;
    });
    const first = message(parts.slice(0, random.below(parts.length + 1)), { model: "a" });
    const whole = message(parts, { model: "a", status: "complete" });
    const shown = await made(read, [...difference(null, first), ...difference(first, whole)]);
    expect(common(shown.parts)).toEqual(parts);
    expect(shown.metadata).toEqual({ model: "a", status: "complete" });
  });

  test("grows a text, answers a call, replaces data", async () => {
    const before = message([
      { type: "tool-weather", ...call, state: "input-available" },
      { type: "data-weather", id: "w", data: 1 },
      { type: "text", text: "half", state: "streaming" },
    ]);
    const after = message([
      { type: "tool-weather", ...call, state: "output-available", output: 5 },
      { type: "data-weather", id: "w", data: 2 },
      { type: "text", text: "half and half", state: "done" },
    ]);
    const shown = await made(read, [...difference(null, before), ...difference(before, after)]);
    expect(shown.parts).toEqual(after.parts);
  });
});

test("a call makes the app act once: while nobody has answered it, and not again", () => {
  const acts = (chunks: readonly UIMessageChunk[]) =>
    chunks.filter(({ type }) => type === "tool-input-available").length;
  const open = message([{ type: "tool-weather", ...call, state: "input-available" }]);
  expect(acts(difference(null, open))).toBe(1);
  const metadata = { status: "waiting" };
  expect(acts(difference(open, { ...open, metadata } as unknown as Message))).toBe(0);
  const settled = PARTS.filter((part) => "toolCallId" in part && part.state !== "input-available");
  for (const part of settled) expect(acts(difference(null, message([part])))).toBe(0);
});

test.each([
  [[{ type: "text", text: "one", state: "streaming" }], [{ type: "text", text: "two" }]],
  [[{ type: "text", text: "one" }], [{ type: "text", text: "one more" }]],
  [[{ type: "text", text: "one" }], []],
  [[{ type: "step-start" }], [{ type: "text", text: "one" }]],
])("what is not the same any more cannot be continued", (before, after) => {
  expect(() => difference(message(before), message(after))).toThrow(NotContinued);
});

test("what the app has decided, and the server does not know, goes out", () => {
  const shown = [
    { type: "tool-a", ...call, state: "output-available", output: 1 },
    { type: "tool-b", toolCallId: "call-2", input, state: "output-error", errorText: "No." },
    {
      type: "tool-c",
      toolCallId: "call-3",
      input,
      state: "approval-responded",
      approval: { id: "approval-3", approved: true, reason: "Yes." },
    },
    { type: "tool-d", toolCallId: "call-4", input, state: "output-available", output: 4 },
    { type: "tool-e", toolCallId: "call-5", input, state: "input-available" },
  ];
  const app = { id: "answer", role: "assistant", parts: shown } as unknown as UIMessage;
  const stored = message(
    shown.map((part) => {
      if (part.type === "tool-c") return { ...part, state: "approval-requested" };
      return part.type === "tool-d" ? part : { ...part, state: "input-available" };
    }),
  );
  expect(decisionsOf(app, stored)).toEqual({
    approvals: [{ id: "approval-3", approved: true, reason: "Yes." }],
    outputs: [
      { toolCallId: "call-1", output: 1 },
      { toolCallId: "call-2", errorText: "No." },
    ],
  });
  expect(decisionsOf(app, undefined).outputs).toHaveLength(3);
});
