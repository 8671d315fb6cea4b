/** An app of a visitor, with the AI SDK's chats in any number of tabs. */

import { Centrifuge } from "centrifuge";
import { centrifugoChat } from "centrifugo-llm/ai-sdk";
import WebSocket from "ws";

/** An app's connection as a visitor; with the same token, it is another tab of that visitor. */
async function connected(origin, token, websocket) {
  const visitor = { token };
  const centrifuge = new Centrifuge(`${origin.replace("http", "ws")}/connection/websocket`, {
    websocket,
    getData: async () => (visitor.token === undefined ? {} : { token: visitor.token }),
    // sockets are cut all the time
    minReconnectDelay: 50,
    maxReconnectDelay: 300,
  });
  centrifuge.on("connected", ({ data }) => {
    visitor.token = data.token;
  });
  centrifuge.connect();
  await centrifuge.ready();
  return { centrifuge, token: visitor.token };
}

/** A tab: its own connection, and a transport over it. */
export async function tab(origin, { token, websocket = WebSocket, ...options } = {}) {
  const connection = await connected(origin, token, websocket);
  const events = [];
  const transport = centrifugoChat(connection.centrifuge, {
    onEvent: ({ type, status }) => events.push(status === undefined ? type : `${type} ${status}`),
    ...options,
  });
  return { ...connection, transport, events };
}

export function textOf({ parts }) {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** What a chat shows: the texts, and the status of answers. */
export function shown({ messages }) {
  return messages.map((message) => [message.metadata?.status ?? message.role, textOf(message)]);
}

/** Fails with the condition where that never comes true: shorter than the tests' own time limit. */
export async function until(condition) {
  const end = Date.now() + 150_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`This did not come true in time: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Waits until part of the answer is there, so that what follows happens in the middle of it. */
export function begun(chat, count = 3) {
  const words = () => textOf(chat.messages.at(-1) ?? { parts: [] }).split(" ").length;
  return until(() => chat.status === "streaming" && words() > count);
}

/** Runs the scenario that the command line names, and prints what it showed. */
export async function main(scenarios) {
  const [name, argument] = process.argv.slice(2);
  const seen = JSON.stringify(await scenarios[name](JSON.parse(argument)));
  // a pipe takes a long text in pieces
  process.stdout.write(seen, () => process.exit(0));
}
