// A route with the AI SDK: run `make route`, and next to it the command that it prints.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { serve } from "@hono/node-server";
import { convertToModelMessages, streamText } from "ai";
import { Hono } from "hono";
import { Webhook } from "standardwebhooks";

const env = (name, otherwise) => process.env[name] || otherwise;
const port = Number(env("PORT", "3100"));
const key = env("OPENAI_API_KEY");
// without a key, the model that `make run` starts
const model = createOpenAICompatible({
  name: "model",
  baseURL: env("OPENAI_BASE_URL", key ? "https://api.openai.com/v1" : "http://127.0.0.1:8012/v1"),
  apiKey: key,
  includeUsage: true,
})(env("OPENAI_MODEL", key ? "gpt-5-mini" : "SmolLM2-135M-Instruct"));
const [secret] = env("RESPONDER_SECRETS", "").split(",");
const webhook = secret ? new Webhook(secret) : null;

const app = new Hono();

app.post("/api/chat", async (context) => {
  const request = context.req.raw;
  const body = await request.text();
  try {
    webhook?.verify(body, Object.fromEntries(request.headers));
  } catch {
    return new Response("Not signed by us.", { status: 401 });
  }
  const { messages, turn } = JSON.parse(body);
  const result = streamText({
    model,
    instructions: `You speak with ${turn.user}. Answer in a sentence or two.`,
    messages: await convertToModelMessages(messages),
    // a stop closes the request, which ends the model's request
    abortSignal: request.signal,
  });
  return result.toUIMessageStreamResponse({
    messageMetadata: ({ part }) =>
      part.type === "finish" ? { usage: part.totalUsage } : undefined,
    onError: () => "The model did not answer. Try again.",
  });
});

serve({ fetch: app.fetch, hostname: "127.0.0.1", port }, () => {
  console.log(`Ready: RESPONDER=http://127.0.0.1:${port}/api/chat make run`);
});
