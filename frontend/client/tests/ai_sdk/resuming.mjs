/**
 * Tabs that come into the middle of an answer, read on, let go or stop it: `node resuming.mjs
 * <scenario> <JSON>`.
 *
 * As in scenarios.mjs.
 */

import { keepInStep } from "centrifugo-llm/in-step";
import { begun, main, shown, textOf, until } from "./app.mjs";
import { stored, tab } from "./chat_tab.mjs";

await main({ resumed, resumedInATool, aborted, stopped });

/** A running conversation from another tab; a finished one; a nonexistent one. */
async function resumed({ origin }) {
  const { chat, id, token } = await tab(origin);
  const unknown = await tab(origin, { token });
  await unknown.chat.resumeStream();
  const running = chat.sendMessage({ text: "/tokens 60 rate=40" });
  await begun(chat, 10);
  const other = await tab(origin, { id, token });
  const chunks = [];
  const readable = await other.transport.reconnectToStream({ chatId: id });
  const reader = readable.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    chunks.push(next.value);
  }
  await running;
  const late = await tab(origin, { id, token });
  const messages = await late.transport.load(id);
  late.chat.messages = messages.slice(0, 1);
  await late.chat.resumeStream();
  const deltas = chunks.filter(({ type }) => type === "text-delta");
  return {
    unknown: [unknown.chat.status, shown(unknown.chat)],
    types: [...new Set(chunks.map(({ type }) => type))],
    text: deltas.map(({ delta }) => delta).join(""),
    ended: [late.chat.status, shown(late.chat)],
    events: other.events,
  };
}

/** Resumes as documented for a reloaded page, while the arguments of a tool arrive. */
async function resumedInATool({ origin, prompt }) {
  const { chat, id, token } = await tab(origin, { model: "parts" });
  const running = chat.sendMessage({ text: prompt });
  await begun(chat, 5);
  const other = await tab(origin, { id, token });
  const calling = ({ state }) => state === "input-streaming";
  const inStep = await tab(origin, { id, token });
  const step = keepInStep(inStep.chat, inStep.transport);
  await until(() => step.standing.value.loaded);
  await other.transport.load(id);
  const { state } = other.transport.chat(id).conversation.value;
  await until(() => state.value.messages.at(-1).parts.some(calling));
  other.chat.messages = structuredClone(await other.transport.load(id));
  const reading = other.chat.resumeStream();
  await until(() => inStep.chat.messages.at(-1)?.parts.some(calling));
  const seen = [];
  inStep.chat["~registerMessagesCallback"](() => {
    const answer = inStep.chat.messages.findLast(({ role }) => role === "assistant");
    seen.push(answer === undefined ? "" : textOf(answer));
  });
  await Promise.all([running, reading, inStep.chat.resumeStream()]);
  const stored = await other.transport.load(id);
  return {
    resumed: shown(other.chat),
    inStep: shown(inStep.chat),
    stored: shown({ messages: stored }),
    // texts that were shown although the stored answer does not begin with them
    wrong: seen.filter((text) => !textOf(stored.at(-1)).startsWith(text)),
  };
}

/**
 * Through `useChat`'s state: the stream is resumed, given up and resumed again, as by React's
 * StrictMode.
 */
async function aborted({ origin }) {
  const { chat, id, token } = await tab(origin);
  const running = chat.sendMessage({ text: "/tokens 80 rate=40" });
  await begun(chat);
  const other = await tab(origin, { id, token });
  other.chat.messages = (await other.transport.load(id)).slice(0, 1);
  const first = other.chat.resumeStream();
  const second = other.chat.resumeStream();
  await Promise.all([first, second, running]);
  // and one that nobody reads any more
  const third = chat.sendMessage({ text: "/tokens 40 rate=40" });
  await begun(chat);
  const stream = await other.transport.reconnectToStream({ chatId: id });
  await stream.cancel();
  await third;
  return { one: shown(chat), other: shown(other.chat), status: other.chat.status };
}

/** Stopped in the middle, by the transport from another tab, and before there is a reply. */
async function stopped({ origin }) {
  let asked = () => {};
  const prepare = () => {
    asked();
    return {};
  };
  const { chat, transport, id, token, events } = await tab(origin, { prepare });
  const first = chat.sendMessage({ text: "/tokens 400 rate=20" });
  await begun(chat);
  const began = Date.now();
  await chat.stop();
  await first;
  const afterFirst = chat.status;
  const other = await tab(origin, { id, token });
  const status = async () => (await other.transport.load(id)).at(-1)?.metadata.status;
  while ((await status()) !== "stopped") await new Promise((resolve) => setTimeout(resolve, 10));
  const took = Date.now() - began;
  const second = chat.sendMessage({ text: "/tokens 400 rate=20" });
  await begun(chat);
  const told = await other.transport.stop(id);
  await second;
  const after = [chat.status, chat.messages.at(-1).metadata.status];
  const again = await transport.stop(id);
  const sending = new Promise((resolve) => {
    asked = resolve;
  });
  const third = chat.sendMessage({ text: "/tokens 400 rate=20" });
  // not by polling: on a busy machine a reply can come between two looks
  await sending;
  await chat.stop();
  await third;
  await until(async () => (await other.transport.load(id)).length === 6);
  return {
    took,
    afterFirst,
    told,
    again,
    after,
    stored: (await stored(other)).map(([state]) => state),
    events: events.slice(0, 6),
  };
}
