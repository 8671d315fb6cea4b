/** Waiting answers under the AI SDK's own chats: `node waiting.mjs <scenario> <JSON>`. */

import { keepInStep } from "centrifugo-llm/in-step";
import * as app from "./app.mjs";
import { shown, until } from "./app.mjs";

const { Chat } = await import(JSON.parse(process.argv[3]).sdk);

const SETTLED = ["approval-responded", "output-available", "output-error", "output-denied"];
const tools = ({ parts }) => parts.filter(({ toolCallId }) => toolCallId !== undefined);
const states = (chat) =>
  Object.fromEntries(
    tools(chat.messages.at(-1)).map(({ toolCallId, state }) => [toolCallId, state]),
  );
/** Continues automatically when everything is decided. */
const sendAutomaticallyWhen = ({ messages }) => {
  const last = messages.at(-1);
  return (
    last.metadata.status === "waiting" && tools(last).every(({ state }) => SETTLED.includes(state))
  );
};

async function tab(origin, { id = crypto.randomUUID(), token, step = false } = {}) {
  const opened = await app.tab(origin, { token, model: "shop" });
  const errors = [];
  const chat = new Chat({
    id,
    transport: opened.transport,
    sendAutomaticallyWhen,
    onError: ({ message }) => errors.push(message),
  });
  if (step) keepInStep(chat, opened.transport);
  return { ...opened, chat, errors, id };
}

const stood = (chat, status) => until(() => chat.messages.at(-1)?.metadata?.status === status);

/** One tab asks, the other approves the first call; then the first tab denies the second. */
async function approvals({ origin }) {
  const { chat, id, token, errors } = await tab(origin, { step: true });
  await chat.sendMessage({ text: "order a b" });
  const rested = [chat.status, chat.messages.at(-1).metadata.status, states(chat)];
  const other = await tab(origin, { id, token, step: true });
  await stood(other.chat, "waiting");
  const session = await other.transport.chat(id).find();
  await session.continue(chat.messages.at(-1).id, { approvals: [{ id: "ask-a", approved: true }] });
  await until(() => states(chat).a === "approval-responded");
  await chat.addToolApprovalResponse({ id: "ask-b", approved: false, reason: "too dear" });
  await stood(chat, "complete");
  await stood(other.chat, "complete");
  const approval = tools(chat.messages.at(-1)).map((part) => part.approval);
  return {
    rested,
    approval,
    errors: [...errors, ...other.errors],
    one: [shown(chat), states(chat)],
    other: [shown(other.chat), states(other.chat)],
    stored: shown({ messages: await other.transport.load(id) }),
  };
}

/** A tool of the app, in a tab that was opened later. */
async function outputs({ origin }) {
  const first = await tab(origin);
  await first.chat.sendMessage({ text: "locate me" });
  const { id, token } = first;
  const { chat, transport, errors } = await tab(origin, { id, token });
  chat.messages = await transport.load(id);
  const waiting = states(chat);
  await chat.addToolOutput({ tool: "locate", toolCallId: "where", output: "home" });
  await stood(chat, "complete");
  return { waiting, errors, shown: shown(chat), states: states(chat) };
}

/** Two tabs decide differently at once: both end up showing the decision that counts. */
async function raced({ origin }) {
  const one = await tab(origin, { step: true });
  await one.chat.sendMessage({ text: "order a" });
  const other = await tab(origin, { id: one.id, token: one.token, step: true });
  await stood(other.chat, "waiting");
  await Promise.all([
    one.chat.addToolApprovalResponse({ id: "ask-a", approved: true }),
    other.chat.addToolApprovalResponse({ id: "ask-a", approved: false }),
  ]);
  const seen = ({ chat }) => JSON.stringify([shown(chat), tools(chat.messages.at(-1))]);
  await Promise.all([stood(one.chat, "complete"), stood(other.chat, "complete")]);
  // version 6 has no chunk for another tab's approval: the chat is put in step after the stream
  await until(() => seen(one) === seen(other));
  return {
    errors: [...one.errors, ...other.errors],
    states: states(one.chat),
    stored: shown({ messages: await one.transport.load(one.id) }),
  };
}

/** A tab that is not kept in step decides after others have, when the answer has ended. */
async function late({ origin }) {
  const one = await tab(origin);
  await one.chat.sendMessage({ text: "order a b" });
  const other = await tab(origin, { id: one.id, token: one.token });
  other.chat.messages = await other.transport.load(one.id);
  const decide = async ({ chat }, ...approved) => {
    await chat.addToolApprovalResponse({ id: "ask-a", approved: approved[0] });
    await chat.addToolApprovalResponse({ id: "ask-b", approved: approved[1] });
    await stood(chat, "complete");
    return [shown(chat), states(chat)];
  };
  const seen = [await decide(other, true, false), await decide(one, false, true)];
  return { errors: [...one.errors, ...other.errors], seen };
}

await app.main({ approvals, outputs, raced, late });
