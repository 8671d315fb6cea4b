// A route whose tools need an approval and the client, and the AI SDK's own chat to ask it.
import { serve } from "@hono/node-server";
import { Chat } from "@ai-sdk/react";
import {
  convertToModelMessages,
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  streamText,
  tool,
} from "ai";
import { MockLanguageModelV4, simulateReadableStream } from "ai/test";
import { Hono } from "hono";
import { z } from "zod";

const port = Number(process.env.PORT);
const bodies = { chat: [], service: [] };

const tools = {
  order: tool({
    inputSchema: z.object({ item: z.string() }),
    needsApproval: true,
    execute: async ({ item }) => `ordered ${item}`,
  }),
  locate: tool({ inputSchema: z.object({ precise: z.boolean() }) }),
};
const count = (total) => ({ total, noCache: total, cacheRead: 0, cacheWrite: 0, text: total });

/** Calls what the prompt names; then it says what it was given. */
function said(prompt) {
  const last = prompt.at(-1);
  if (last.role !== "user") {
    const outputs = last.content.map(({ type, output }) => output ?? type);
    return [
      { type: "text-start", id: "0" },
      { type: "text-delta", id: "0", delta: JSON.stringify(outputs) },
      { type: "text-end", id: "0" },
    ];
  }
  const words = last.content[0].text.split(" ");
  const inputs = { order: { item: "a lamp" }, locate: { precise: true } };
  return [
    { type: "reasoning-start", id: "1" },
    { type: "reasoning-delta", id: "1", delta: "Hm." },
    { type: "reasoning-end", id: "1" },
    ...words.map((toolName) => ({
      type: "tool-call",
      toolCallId: `call-${toolName}`,
      toolName,
      input: JSON.stringify(inputs[toolName]),
    })),
  ];
}

const model = new MockLanguageModelV4({
  doStream: async ({ prompt }) => {
    const chunks = said(prompt);
    const calls = chunks.some(({ type }) => type === "tool-call");
    const finishReason = { unified: calls ? "tool-calls" : "stop", raw: undefined };
    const usage = { inputTokens: count(1), outputTokens: count(1) };
    return {
      stream: simulateReadableStream({
        chunks: [
          { type: "stream-start", warnings: [] },
          ...chunks,
          { type: "finish", finishReason, usage },
        ],
      }),
    };
  },
});

const app = new Hono();

app.post("/api/:who", async (context) => {
  const body = await context.req.json();
  bodies[context.req.param("who")].push(body);
  const { messages } = body;
  const result = streamText({ model, tools, messages: await convertToModelMessages(messages) });
  return result.toUIMessageStreamResponse({
    originalMessages: messages,
    onError: (error) => String(error),
  });
});

/** The same by `useChat`'s chat: what it posted, and what it shows. */
app.post("/by-use-chat", async (context) => {
  const { text, approve, reason, output } = await context.req.json();
  const errors = [];
  bodies.chat = [];
  const chat = new Chat({
    transport: new DefaultChatTransport({ api: `http://127.0.0.1:${port}/api/chat` }),
    onError: (error) => errors.push(String(error)),
    sendAutomaticallyWhen: (given) =>
      lastAssistantMessageIsCompleteWithApprovalResponses(given) ||
      lastAssistantMessageIsCompleteWithToolCalls(given),
  });
  await chat.sendMessage({ text });
  for (const part of chat.messages.at(-1).parts) {
    if (part.approval !== undefined)
      await chat.addToolApprovalResponse({ id: part.approval.id, approved: approve, reason });
    else if (part.type === "tool-locate")
      await chat.addToolOutput({ tool: "locate", toolCallId: part.toolCallId, ...output });
  }
  while (chat.status !== "ready" || bodies.chat.length < 2)
    await new Promise((resolve) => setTimeout(resolve, 5));
  return context.json({ bodies: bodies.chat, messages: chat.messages, errors });
});

app.get("/bodies", (context) => context.json(bodies.service.splice(0)));

serve({ fetch: app.fetch, hostname: "127.0.0.1", port });
