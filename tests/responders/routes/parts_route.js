// A route with all that an answer may hold, and what the AI SDK itself makes of it.
import { serve } from "@hono/node-server";
import { createUIMessageStream, createUIMessageStreamResponse, readUIMessageStream } from "ai";
import { Hono } from "hono";

const text = (id, ...deltas) => [
  { type: "text-start", id },
  ...deltas.map((delta) => ({ type: "text-delta", id, delta })),
  { type: "text-end", id },
];
const call = { toolCallId: "call-1", toolName: "search" };
const CHUNKS = [
  { type: "start", messageMetadata: { tea: { kind: "green" }, model: "theirs" } },
  { type: "start-step" },
  { type: "reasoning-start", id: "r" },
  { type: "reasoning-delta", id: "r", delta: "Let me look." },
  { type: "reasoning-end", id: "r" },
  ...text("0", "I look ", "for it \u{1f600}."),
  { type: "tool-input-start", ...call },
  { type: "tool-input-delta", toolCallId: "call-1", inputTextDelta: '{"q":' },
  { type: "tool-input-delta", toolCallId: "call-1", inputTextDelta: '"tea"}' },
  { type: "tool-input-available", ...call, input: { q: "tea" } },
  { type: "tool-output-available", toolCallId: "call-1", output: { found: ["green", "black"] } },
  { type: "finish-step" },
  { type: "start-step" },
  { type: "source-url", sourceId: "s", url: "https://a.example/tea", title: "Tea" },
  { type: "source-document", sourceId: "d", mediaType: "application/pdf", title: "Leaves" },
  { type: "data-weather", id: "w", data: { degrees: 1 } },
  { type: "data-weather", id: "w", data: { degrees: 21 } },
  { type: "data-note", data: "gone", transient: true },
  ...text("0", "One. "),
  ...text("1", "Another."),
  { type: "file", mediaType: "text/plain", url: "data:text/plain,tea" },
  { type: "finish-step" },
  { type: "message-metadata", messageMetadata: { tea: { degrees: 80 } } },
  {
    type: "finish",
    finishReason: "stop",
    messageMetadata: { usage: { inputTokens: 12, outputTokens: 7 }, took: [1, 2] },
  },
];
const app = new Hono();

app.post("/api/chat", () =>
  createUIMessageStreamResponse({
    stream: createUIMessageStream({
      execute: ({ writer }) => {
        for (const chunk of CHUNKS) writer.write(chunk);
      },
    }),
  }),
);

app.get("/parts", async (context) => {
  let last;
  for await (const message of readUIMessageStream({ stream: ReadableStream.from(CHUNKS) }))
    last = message;
  return context.json(last);
});

serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(process.env.PORT) });
