/**
 * The built library against a real server: `node scenarios.mjs <scenario> <argument as JSON>`.
 *
 * Each scenario prints what its clients showed, as JSON; the test that started it checks that.
 */

import { Centrifuge } from "centrifuge";
import { ChatClient, isClosed, memoryStorage, reduce, textOf } from "centrifugo-llm";
import WebSocket from "ws";

const scenarios = { answers, missed, paging, models, refused, inStep, guest, files };
const [name, argument] = process.argv.slice(2);
console.log(JSON.stringify(await scenarios[name](JSON.parse(argument))));
process.exit(0);

function connected(origin, storage = memoryStorage()) {
  const client = new ChatClient({
    origin,
    storage,
    websocket: WebSocket,
    // sockets are cut all the time
    centrifuge: { minReconnectDelay: 50, maxReconnectDelay: 300 },
  });
  client.connect();
  return client;
}

/** Waits until an observable's value meets the condition. */
function until(observable, condition) {
  return new Promise((resolve) => {
    const check = (value) => {
      if (!condition(value)) return false;
      stop?.();
      resolve(value);
      return true;
    };
    let stop;
    if (!check(observable.value)) stop = observable.subscribe(check);
  });
}

/** Waits for that many messages, all of them closed. */
async function closed(conversation, count) {
  const { messages } = await until(
    conversation.state,
    ({ messages }) => messages.length >= count && messages.every(isClosed),
  );
  return messages.map((message) => [message.metadata.status ?? message.role, textOf(message)]);
}

/**
 * Each prompt from a different visitor; what its client shows, and a second client that joins late.
 */
async function answers({ origin, prompts }) {
  return Promise.all(
    prompts.map(async (prompt, number) => {
      const storage = memoryStorage();
      const conversation = await connected(origin, storage).begin(prompt);
      await new Promise((resolve) => setTimeout(resolve, (number % 10) * 200));
      const late = connected(origin, storage).open(conversation.id);
      return Promise.all([closed(conversation, 2), closed(late, 2)]);
    }),
  );
}

/** One answer; also how often the conversation was opened again after the prompt was accepted. */
async function missed({ origin, prompt }) {
  let opened = 0;
  const client = new ChatClient({
    origin,
    storage: memoryStorage(),
    websocket: WebSocket,
    centrifuge: { minReconnectDelay: 6_000, maxReconnectDelay: 6_000 },
    reduce: (state, event) => {
      if (event.type === "session" && event.whole) opened++;
      return reduce(state, event);
    },
  });
  client.connect();
  const conversation = await client.begin(prompt);
  const begun = opened;
  const shown = await closed(conversation, 2);
  return { shown, opened: opened - begun };
}

/** A conversation longer than a page, shown from its end to its beginning. */
async function paging({ origin, turns }) {
  const storage = memoryStorage();
  const conversation = await connected(origin, storage).begin("/tokens 1 seed=0");
  for (let turn = 1; turn < turns; turn++) {
    await closed(conversation, 2 * turn);
    await conversation.send(`/tokens 1 seed=${turn}`);
  }
  await closed(conversation, 2 * turns);
  const again = connected(origin, storage).open(conversation.id);
  await again.ready();
  const pages = [again.state.value.messages.length];
  while (again.hasEarlier) {
    await again.loadEarlier();
    pages.push(again.state.value.messages.length);
  }
  const prompts = again.state.value.messages.filter(({ role }) => role === "user").map(textOf);
  return { pages, prompts };
}

/** Somebody else's conversation: opening it, sending into it, stopping it. */
async function models({ origin }) {
  return connected(origin).models();
}

async function refused({ origin }) {
  const conversation = await connected(origin).begin("/tokens 5");
  const stranger = connected(origin);
  await until(stranger.state, (state) => state === "connected");
  const foreign = stranger.open(conversation.id);
  const code = (call) => call.then(() => null).catch((error) => [error.name, error.code]);
  return {
    ready: await code(foreign.ready()),
    send: await code(foreign.send("hello")),
    stop: await code(foreign.stop()),
    sync: foreign.sync.value,
    shown: foreign.state.value.messages.length,
    own: await closed(conversation, 2),
  };
}

/** What one client does, seen by another: queue, cancel, regenerate, rename, delete. */
async function inStep({ origin }) {
  const storage = memoryStorage();
  const one = await connected(origin, storage).begin("/stall 20");
  const client = connected(origin, storage);
  const list = client.list();
  const other = client.open(one.id);
  await other.ready();
  const seen = {};
  await one.send("/tokens 5", { whenBusy: "queue" });
  await one.send("/tokens 6", { whenBusy: "queue" });
  const statuses = ({ messages }) =>
    messages.filter(({ role }) => role === "assistant").map(({ metadata }) => metadata.status);
  const shows = (...expected) =>
    until(other.state, (state) => JSON.stringify(statuses(state)) === JSON.stringify(expected));
  await shows("streaming", "queued", "queued");
  const [, first, , , , last] = other.state.value.messages;
  await one.stop(last.id);
  await shows("streaming", "queued", "stopped");
  await until(one.state, ({ messages }) => textOf(messages[1]).endsWith(" 19"));
  await one.stop(first.id);
  await shows("stopped", "complete", "stopped");
  await one.regenerate(one.state.value.messages[3].id);
  await until(other.state, ({ messages }) => messages.length === 4 && messages.every(isClosed));
  seen.regenerated = await closed(other, 4);
  await list.rename(one.id, "A new title");
  await until(other.state, ({ title }) => title === "A new title");
  await until(list.state, ({ conversations }) => conversations[0]?.title === "A new title");
  await list.delete(one.id);
  await until(list.state, ({ conversations }) => conversations.length === 0);
  await until(other.sync, (sync) => sync === "gone");
  await until(one.sync, (sync) => sync === "gone");
  return seen;
}

/** On a connection of the app, created before, with a subscription of its own. */
async function guest({ origin, prompts }) {
  const url = `${origin.replace("http", "ws")}/connection/websocket`;
  const host = new Centrifuge(url, { websocket: WebSocket, data: {} });
  const early = new ChatClient({ existing: host });
  early.connect();
  const states = [early.state.value];
  host.connect();
  await host.ready();
  states.push(early.state.value);
  early.disconnect();
  const { data } = await host.rpc("ai:send", { text: prompts[0] });
  const own = host.newSubscription(data.channel);
  own.subscribe();
  const client = new ChatClient({ existing: host });
  states.push(client.state.value);
  const list = client.list();
  const conversation = await client.begin(prompts[1]);
  const shown = await closed(conversation, 2);
  await until(list.state, ({ conversations }) => conversations.length === 2);
  // the app follows this channel, so the library cannot
  const twice = client.open(data.conversation);
  await until(twice.sync, (sync) => sync === "gone");
  client.disconnect();
  states.push(client.state.value);
  return {
    shown,
    states,
    host: host.state,
    listeners: host.listeners("connected").length,
    subscriptions: Object.keys(host.subscriptions()).length,
    own: own.state,
  };
}

/**
 * Files of visitors, each uploaded, named in a prompt and downloaded by a second client; whether
 * they are equal, and how often progress went backward.
 */
async function files({ origin, count, bytes }) {
  return Promise.all(
    Array.from({ length: count }, async (_, seed) => {
      const storage = memoryStorage();
      const client = connected(origin, storage);
      const content = Uint8Array.from({ length: bytes }, (_, at) => (at * (seed + 3)) >> 3);
      const file = new File([content], `${seed}.png`, { type: "image/png" });
      let [last, fallen] = [0, 0];
      const part = await client.upload(file, {
        onProgress: (arrived) => {
          if (arrived < last) fallen++;
          last = arrived;
        },
      });
      const text = { type: "text", text: "/tokens 1" };
      const { id, state } = await client.begin([part, text]);
      const other = connected(origin, storage).open(id);
      await closed(other, 2);
      const shown = other.state.value.messages[0].parts[0];
      const found = await connected(origin, storage).download(shown.url);
      const same =
        Buffer.compare(Buffer.from(await found.arrayBuffer()), Buffer.from(content)) === 0;
      return [same, found.name, fallen, last === bytes, state.value.messages.length > 0];
    }),
  );
}
