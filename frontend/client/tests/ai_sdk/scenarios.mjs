/**
 * The built transport under the AI SDK's own chats, against a real server: `node scenarios.mjs
 * <scenario> <JSON>`.
 *
 * Each scenario prints what the chats showed, as JSON; the test that started it checks that.
 */

import { keepInStep } from "centrifugo-llm/in-step";
import * as app from "./app.mjs";
import { begun, shown, textOf, until } from "./app.mjs";

const { Chat } = await import(JSON.parse(process.argv[3]).sdk);
await app.main({
  answers,
  killed,
  regenerated,
  edited,
  resumed,
  resumedInATool,
  stopped,
  aborted,
  queued,
  refused,
  parts,
  file,
});

/** A tab with the chat of that name in it. */
async function tab(origin, { id = crypto.randomUUID(), ...options } = {}) {
  const opened = await app.tab(origin, options);
  const errors = [];
  const onError = (error) => errors.push([error.name, error.code ?? null, error.message]);
  const chat = new Chat({ id, transport: opened.transport, onError });
  return { ...opened, chat, errors, id };
}

/** What the server has of a tab's conversation, once nothing in it is open. */
async function stored({ transport, id }) {
  const open = ({ metadata }) => ["queued", "streaming"].includes(metadata?.status);
  await until(async () => !(await transport.load(id)).some(open));
  return shown({ messages: await transport.load(id) });
}

/**
 * Each prompt from a different visitor, while the test breaks things; then a second turn of each.
 */
async function answers({ origin, prompts }) {
  return Promise.all(
    prompts.map(async (prompt) => {
      const { chat, transport, id } = await tab(origin);
      await chat.sendMessage({ text: prompt });
      await chat.sendMessage({ text: "/tokens 5" });
      const ids = chat.messages.map((message) => message.id);
      const stored = await transport.load(id);
      return {
        shown: shown(chat),
        same: JSON.stringify(ids) === JSON.stringify(stored.map((message) => message.id)),
        status: chat.status,
        states: chat.messages.flatMap(({ parts }) => parts.map(({ state }) => state ?? null)),
      };
    }),
  );
}

/**
 * Answers with parts of all kinds: in a tab that follows, in one that resumes in the middle, and as
 * stored.
 */
async function parts({ origin, prompts }) {
  return Promise.all(
    prompts.map(async (prompt) => {
      const { chat, transport, id, token, errors } = await tab(origin, { model: "parts" });
      const running = chat.sendMessage({ text: prompt });
      await begun(chat, 20);
      const other = await tab(origin, { id, token });
      other.chat.messages = (await other.transport.load(id)).slice(0, 1);
      await Promise.all([running, other.chat.resumeStream()]);
      const answers = [chat.messages, other.chat.messages, await transport.load(id)];
      return { answers: answers.map((messages) => messages[1].parts), errors };
    }),
  );
}

/** An answer whose server dies; what is stored of it in the end. */
async function killed({ origin, prompt }) {
  const { chat, transport, id } = await tab(origin);
  await chat.sendMessage({ text: prompt });
  return {
    shown: shown(chat),
    stored: await stored({ transport, id }),
    status: chat.status,
  };
}

/** By an assistant's id, by a user's, by none. */
async function regenerated({ origin }) {
  const { chat, transport, id } = await tab(origin);
  await chat.sendMessage({ text: "/tokens 5" });
  await chat.sendMessage({ text: "/tokens 6" });
  const [first, answer] = chat.messages;
  const answers = new Set(chat.messages.map((message) => message.id));
  const seen = [];
  const make = async (how) => {
    await chat.regenerate(how);
    const [, made] = chat.messages.slice(-2);
    seen.push([...shown(chat), answers.has(made.id) ? "the same" : "another"]);
    answers.add(made.id);
  };
  await make({});
  await make({ messageId: answer.id });
  await make({ messageId: first.id });
  return { seen, stored: await stored({ transport, id }) };
}

/** A prompt edited twice, by the ids that the chat shows; then each version chosen again. */
async function edited({ origin }) {
  const { chat, transport, id } = await tab(origin);
  await chat.sendMessage({ text: "/tokens 5" });
  await chat.sendMessage({ text: "/tokens 6" });
  const seen = [];
  for (const text of ["/tokens 7", "/tokens 8"]) {
    await chat.sendMessage({ text, messageId: chat.messages[2].id });
    seen.push(shown(chat));
  }
  await chat.regenerate({ messageId: chat.messages[2].id });
  const versions = (messages) => messages.map(({ metadata }) => metadata.versions?.length ?? 1);
  const counts = versions(await transport.load(id));
  const [, , prompt] = await transport.load(id);
  for (const version of prompt.metadata.versions) {
    await transport.choose(id, version);
    const loaded = await transport.load(id);
    seen.push(shown({ messages: loaded }));
  }
  return { seen, counts };
}

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

/**
 * Another tab's prompt while the conversation is being answered: refused, queued, or replacing the
 * answer.
 */
async function queued({ origin }) {
  const { chat, id, token } = await tab(origin);
  const running = chat.sendMessage({ text: "/tokens 40 rate=20" });
  await begun(chat);
  const refusing = await tab(origin, { id, token });
  await refusing.chat.sendMessage({ text: "/tokens 4" });
  const queueing = await tab(origin, { id, token, whenBusy: "queue" });
  await queueing.chat.sendMessage({ text: "/tokens 5" });
  await running;
  const next = chat.sendMessage({ text: "/tokens 400 rate=20" });
  await begun(chat);
  const urgent = await tab(origin, {
    id,
    token,
    prepare: ({ body }) => ({ whenBusy: body.urgent ? "interrupt" : "reject" }),
  });
  await urgent.chat.sendMessage({ text: "/tokens 6" }, { body: { urgent: true } });
  await next;
  return {
    refused: [refusing.errors, refusing.chat.status],
    queued: shown(queueing.chat),
    urgent: shown(urgent.chat),
    stored: (await stored(urgent)).map(([state]) => state),
  };
}

/** What the model or the service refuses, and how to go on from there. */
async function refused({ origin }) {
  const failing = await tab(origin);
  await failing.chat.sendMessage({ text: "/status 400" });
  const model = await tab(origin, { model: "unknown" });
  await model.chat.sendMessage({ text: "/tokens 5" });
  const large = await tab(origin);
  await large.chat.sendMessage({ text: "x".repeat(70_000) });
  const offline = await tab(origin);
  const running = offline.chat.sendMessage({ text: "/tokens 60 rate=40" });
  await begun(offline.chat);
  offline.centrifuge.disconnect();
  await running;
  const cut = [offline.errors, offline.chat.status];
  offline.centrifuge.connect();
  await offline.centrifuge.ready();
  await offline.chat.resumeStream();
  return {
    failed: [failing.errors, failing.chat.status, shown(failing.chat)],
    told: failing.chat.messages.at(-1).metadata.error,
    model: [model.errors, model.chat.status],
    large: large.errors,
    cut,
    whole: shown(offline.chat),
  };
}

/**
 * A prompt with a file that is too large for a command, sent, and sent again as if its reply was
 * lost.
 */
async function file({ origin, bytes }) {
  const { chat, transport, id } = await tab(origin);
  const url = `data:image/png;base64,${btoa("x".repeat(bytes))}`;
  const files = [{ type: "file", mediaType: "image/png", filename: "a.png", url }];
  await chat.sendMessage({ text: "/tokens 5", files });
  const messages = chat.messages.slice(0, 1);
  const request = { chatId: id, messageId: undefined, abortSignal: undefined, messages };
  await transport.sendMessages({ ...request, trigger: "submit-message" });
  const stored = await transport.load(id);
  const part = stored[0].parts.find(({ type }) => type === "file");
  const found = await transport.client.download(part.url);
  return {
    shown: shown(chat),
    stored: stored.length,
    part: { ...part, url: part.url.slice(0, 7) },
    same: (await found.text()) === "x".repeat(bytes),
  };
}
