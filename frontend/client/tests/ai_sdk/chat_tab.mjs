/** Tabs with a chat of the AI SDK that the command line names. */

import * as app from "./app.mjs";
import { shown, until } from "./app.mjs";

const { Chat } = await import(JSON.parse(process.argv[3]).sdk);

/** A tab with the chat of that name in it. */
export async function tab(origin, { id = crypto.randomUUID(), ...options } = {}) {
  const opened = await app.tab(origin, options);
  const errors = [];
  const onError = (error) => errors.push([error.name, error.code ?? null, error.message]);
  const chat = new Chat({ id, transport: opened.transport, onError });
  return { ...opened, chat, errors, id };
}

/** What the server has of a tab's conversation, once nothing in it is open. */
export async function stored({ transport, id }) {
  const open = ({ metadata }) => ["queued", "streaming"].includes(metadata?.status);
  await until(async () => !(await transport.load(id)).some(open));
  return shown({ messages: await transport.load(id) });
}
