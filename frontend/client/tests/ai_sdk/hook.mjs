/** `useCentrifugoChat` in React's StrictMode, in a jsdom page, against a real server. */

import { JSDOM } from "jsdom";
import * as app from "./app.mjs";
import { begun, shown, until } from "./app.mjs";

const { window } = new JSDOM("<!doctype html><body></body>");
Object.assign(globalThis, { window, document: window.document });
Object.defineProperty(globalThis, "navigator", { value: window.navigator, configurable: true });
const { createElement, StrictMode } = await import("react");
const { createRoot } = await import("react-dom/client");
const { useCentrifugoChat, useConversations } = await import("centrifugo-llm/react");

await app.main({ inStep, faults, begunElsewhere, stopped, left, refused, deleted, conversations });

function draw(component, props) {
  const root = createRoot(document.createElement("div"));
  root.render(createElement(StrictMode, null, createElement(component, props)));
  return root;
}

function Chat({ seen, ...options }) {
  seen.chat = useCentrifugoChat(options);
  seen.drawn.push([seen.chat.status, shown(seen.chat)]);
  return null;
}

function List({ seen, transport }) {
  seen.list = useConversations(transport);
  return null;
}

/**
 * A tab with a component that renders the chat of that name; `chat` is the hook's latest result.
 */
async function tab(origin, { id = crypto.randomUUID(), hook = {}, ...options } = {}) {
  const opened = await app.tab(origin, options);
  const seen = { chat: null, drawn: [] };
  const root = draw(Chat, { seen, id, transport: opened.transport, ...hook });
  await until(() => seen.chat?.loaded);
  return {
    ...opened,
    id,
    leave: () => root.unmount(),
    get drawn() {
      return seen.drawn;
    },
    get chat() {
      return seen.chat;
    },
    get status() {
      return seen.chat.status;
    },
    get messages() {
      return seen.chat.messages;
    },
  };
}

function same(one, other) {
  return JSON.stringify(shown(one.chat)) === JSON.stringify(shown(other.chat));
}

/** Waits until all tabs are at rest and show that many messages. */
function rest(count, ...tabs) {
  return until(() =>
    tabs.every(({ chat }) => chat.status === "ready" && chat.messages.length === count),
  );
}

/** Turns in one tab and in another, and a regenerated answer; what both showed after each. */
async function inStep({ origin }) {
  const one = await tab(origin);
  const { id, token } = one;
  const first = one.chat.sendMessage({ text: "/tokens 40 rate=40" });
  await begun(one);
  const other = await tab(origin, { id, token });
  await until(() => other.chat.status === "streaming");
  await first;
  await rest(2, one, other);
  const seen = [[shown(one.chat), same(one, other)]];
  await other.chat.sendMessage({ text: "/tokens 30 rate=60" });
  await rest(4, one, other);
  seen.push([shown(one.chat), same(one, other)]);
  await one.chat.regenerate();
  await rest(4, one, other);
  seen.push([shown(one.chat).slice(2), same(one, other)]);
  const lengths = (drawn, at) => {
    const texts = drawn.flatMap(([, messages]) => messages[at]?.[1].length ?? []);
    return new Set(texts).size;
  };
  const open = ([, messages]) => ["queued", "streaming"].includes(messages.at(-1)?.[0]);
  const atRest = ([status]) => status === "ready";
  return {
    seen,
    // rendered as idle although an answer is coming
    wrong: [...one.drawn, ...other.drawn].filter((drawn) => open(drawn) && atRest(drawn)).length,
    // how live the turns of the other tab were
    live: [lengths(one.drawn, 3), lengths(other.drawn, 1)],
    statuses: [...new Set(other.drawn.map(([status]) => status))].sort(),
  };
}

/** Chats of three tabs each, which send in turn while the test breaks things. */
async function faults({ origin, chats, turns }) {
  return Promise.all(
    Array.from({ length: chats }, async (_, chat) => {
      const one = await tab(origin);
      const { id, token } = one;
      const tabs = [one, await tab(origin, { id, token }), await tab(origin, { id, token })];
      for (let turn = 0; turn < turns; turn++) {
        const text = `/tokens 80 rate=40 seed=${chat * turns + turn}`;
        await tabs[turn % tabs.length].chat.sendMessage({ text });
        await rest(2 * (turn + 1), ...tabs);
      }
      return tabs.map((each) => shown(each.chat));
    }),
  );
}

/** A tab on a name that has no conversation yet. */
async function begunElsewhere({ origin }) {
  const one = await tab(origin);
  const other = await tab(origin, { id: one.id, token: one.token });
  await one.chat.sendMessage({ text: "/tokens 20 rate=40" });
  await rest(2, one, other);
  return [shown(other.chat), same(one, other)];
}

/** One tab stops another tab's answer. */
async function stopped({ origin }) {
  const one = await tab(origin);
  const running = one.chat.sendMessage({ text: "/tokens 400 rate=20" });
  const other = await tab(origin, { id: one.id, token: one.token });
  await until(() => other.chat.status === "streaming");
  await other.chat.stop();
  await running;
  await rest(2, one, other);
  return [shown(other.chat).map(([state]) => state), same(one, other)];
}

/** Unmounting a component, and mounting it again with `resume`, ends nothing. */
async function left({ origin }) {
  const one = await tab(origin);
  const running = one.chat.sendMessage({ text: "/tokens 60 rate=30" });
  await until(() => one.chat.status === "streaming");
  one.leave();
  const other = await tab(origin, { id: one.id, token: one.token, hook: { resume: true } });
  await until(() => other.chat.status === "streaming");
  await running;
  await rest(2, other);
  return { shown: shown(other.chat), events: other.events };
}

/** A refused prompt is not lost when others change the chat; it can be sent again. */
async function refused({ origin }) {
  const one = await tab(origin);
  const running = one.chat.sendMessage({ text: "/tokens 40 rate=40" });
  await until(() => one.chat.status === "streaming");
  const other = await tab(origin, { id: one.id, token: one.token });
  await until(() => other.chat.status === "streaming");
  await other.chat.sendMessage({ text: "/tokens 5" });
  await running;
  await until(() => other.chat.messages[1]?.metadata.status === "complete");
  const refused = [other.chat.status, other.chat.error.code, shown(other.chat)];
  await other.chat.regenerate();
  await rest(4, one, other);
  return { refused, again: shown(other.chat), same: same(one, other) };
}

/** Deleted in one tab, gone in the other, and begun again under the same name. */
async function deleted({ origin }) {
  const one = await tab(origin);
  await one.chat.sendMessage({ text: "/tokens 5" });
  const other = await tab(origin, { id: one.id, token: one.token });
  await rest(2, one, other);
  const list = other.transport.client.list();
  await until(() => list.state.value.conversations.length === 1);
  await list.delete(list.state.value.conversations[0].id);
  await rest(0, one, other);
  await one.chat.sendMessage({ text: "/tokens 6" });
  await rest(2, one, other);
  return [shown(other.chat), same(one, other)];
}

/** The list of a user's conversations. */
async function conversations({ origin }) {
  const one = await app.tab(origin);
  const seen = { list: null };
  draw(List, { seen, transport: one.transport });
  const other = await tab(origin, { token: one.token });
  await other.chat.sendMessage({ text: "/tokens 5" });
  await until(() => seen.list.conversations[0]?.status === "complete");
  const [{ id, key }] = seen.list.conversations;
  await seen.list.rename(id, "A new title");
  await until(() => seen.list.conversations[0].title === "A new title");
  await until(() => other.chat.title === "A new title");
  await seen.list.remove(id);
  await until(() => seen.list.conversations.length === 0);
  return { named: key === other.id };
}
