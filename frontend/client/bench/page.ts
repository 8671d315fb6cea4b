/**
 * The bench's page: the cost of the transport over the bare client, and of a browser per answer.
 */

import { useChat } from "@ai-sdk/react";
import { type ChatTransport, DefaultChatTransport, type UIMessage } from "ai";
import { Centrifuge } from "centrifuge";
import { ChatClient, isClosed, memoryStorage, textOf } from "centrifugo-llm";
import { CentrifugoChatTransport } from "centrifugo-llm/ai-sdk";
import { useCentrifugoChat } from "centrifugo-llm/react";
import { createElement, useEffect } from "react";
import { createRoot } from "react-dom/client";

/** Asks for an answer; resolves to the milliseconds until its first text. */
type Ask = (prompt: string) => Promise<number>;
type Chat = Pick<ReturnType<typeof useChat<UIMessage>>, "messages" | "sendMessage" | "status">;
type Way = "http" | "centrifugo" | "in step";

/** Per conversation: in a longer one, later prompts would get slower. */
const TURNS = 10;
const url = new URLSearchParams(location.search).get("centrifugo") as string;

async function connected(): Promise<Centrifuge> {
  const centrifuge = new Centrifuge(url);
  centrifuge.connect();
  await centrifuge.ready();
  return centrifuge;
}

async function bare(client: ChatClient): Promise<Ask> {
  const conversation = await client.begin("/tokens 2");
  return (prompt) =>
    new Promise((resolve, reject) => {
      const began = performance.now();
      let first = 0;
      let asked = "";
      const look = () => {
        const answer = conversation.state.value.messages.at(-1);
        if (asked === "" || answer?.role !== "assistant" || answer.id !== asked) return;
        if (first === 0 && textOf(answer) !== "") first = performance.now();
        if (!isClosed(answer)) return;
        stop();
        resolve(first - began);
      };
      const stop = conversation.state.subscribe(look);
      conversation.send(prompt).then(() => {
        asked = conversation.state.value.messages.at(-1)?.id ?? "";
        look();
      }, reject);
    });
}

async function transported(client: ChatClient): Promise<Ask> {
  const transport = new CentrifugoChatTransport({ connection: client });
  const chatId = crypto.randomUUID();
  const ask: Ask = async (text) => {
    const began = performance.now();
    const prompt: UIMessage = {
      id: crypto.randomUUID(),
      role: "user",
      parts: [{ type: "text", text }],
    };
    const stream = await transport.sendMessages({
      trigger: "submit-message",
      chatId,
      messageId: undefined,
      messages: [prompt],
      abortSignal: undefined,
    });
    const reader = stream.getReader();
    let first = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (first === 0 && next.value.type === "text-delta") first = performance.now();
    }
    return first - began;
  };
  await ask("/tokens 2");
  return ask;
}

/**
 * Measured in alternating pairs, so that other load on the machine affects both: [bare, with the
 * transport].
 */
async function firstTokens(pairs: number): Promise<[number, number][]> {
  const client = new ChatClient({ existing: await connected(), storage: memoryStorage() });
  const taken: [number, number][] = [];
  while (taken.length < pairs) {
    const asks = [await bare(client), await transported(client)] as const;
    for (let turn = 0; turn < TURNS && taken.length < pairs; turn++) {
      const both: [number, number] = [0, 0];
      for (const which of turn % 2 ? ([1, 0] as const) : ([0, 1] as const)) {
        both[which] = await asks[which]("/tokens 3 rate=200");
      }
      taken.push(both);
    }
  }
  return taken;
}

/** Renders a chat as an app does. */
function Shown({ using, told }: { using: () => Chat; told: (chat: Chat) => void }) {
  const { messages, sendMessage, status } = using();
  useEffect(() => told({ messages, sendMessage, status }));
  return messages.map((message) => createElement("p", { key: message.id }, textIn(message)));
}

/** Returns a function that asks the chat, and resolves to the text that was shown. */
async function drawn(way: Way): Promise<(prompt: string) => Promise<string>> {
  const using = chatBy(way, crypto.randomUUID(), way === "http" ? undefined : await ours());
  let chat: Chat | undefined;
  let changed = () => {};
  const told = (now: Chat) => {
    chat = now;
    changed();
  };
  const root = document.createElement("div");
  document.body.append(root);
  createRoot(root).render(createElement(Shown, { using, told }));
  const until = async (condition: (chat: Chat) => boolean) => {
    while (chat === undefined || !condition(chat)) {
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
    }
    return chat;
  };
  return async (prompt) => {
    const { messages, sendMessage } = await until(({ status }) => status === "ready");
    const count = messages.length + 2;
    void sendMessage({ text: prompt });
    const ended = ({ messages, status }: Chat) =>
      status === "error" || (status === "ready" && messages.length === count);
    await until(ended);
    return root.lastElementChild?.textContent ?? "";
  };
}

async function ours(): Promise<CentrifugoChatTransport> {
  return new CentrifugoChatTransport({ connection: await connected() });
}

function chatBy(way: Way, id: string, ours: CentrifugoChatTransport | undefined): () => Chat {
  if (way === "in step" && ours !== undefined)
    return () => useCentrifugoChat({ id, transport: ours });
  const transport: ChatTransport<UIMessage> =
    ours ?? new DefaultChatTransport({ api: "/api/chat" });
  return () => useChat({ id, transport });
}

function textIn({ parts }: UIMessage): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

const asking = new Map<Way, Promise<(prompt: string) => Promise<string>>>();

Object.assign(globalThis, {
  firstTokens,
  async answer(way: Way, prompt: string): Promise<string> {
    const known = asking.get(way) ?? drawn(way);
    asking.set(way, known);
    return (await known)(prompt);
  },
});
