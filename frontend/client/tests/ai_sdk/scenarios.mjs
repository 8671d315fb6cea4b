/**
 * The built transport under the AI SDK's own chats, against a real server: `node scenarios.mjs
 * <scenario> <JSON>`.
 *
 * Each scenario prints what the chats showed, as JSON; the test that started it checks that.
 */

import { begun, main, shown } from "./app.mjs";
import { stored, tab } from "./chat_tab.mjs";

await main({
  answers,
  killed,
  regenerated,
  edited,
  queued,
  refused,
  parts,
  file,
});

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
