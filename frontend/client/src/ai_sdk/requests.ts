/** The AI SDK's requests as calls; each resolves to the answer to read. */

import type { UIMessage } from "ai";
import type { Conversation } from "../conversation.ts";
import { CallError } from "../errors.ts";
import { newId } from "../ids.ts";
import { isClosed, type Message, type Part } from "../messages.ts";
import type { Decisions } from "../methods.ts";
import type { Prompt, SendOptions } from "../sending.ts";
import { progressOf } from "../state.ts";
import type { Chat } from "./chats.ts";
import { decisionsOf } from "./decisions.ts";

/** An answer to read, and what the reader shows of it already. */
export interface Answer {
  conversation: Conversation;
  id: string;
  shown?: { message: Message; seq: number };
}

/** Sends a new prompt. Its id makes it one prompt, however often it is sent. */
export async function send(chat: Chat, prompt: UIMessage, options: SendOptions): Promise<Answer> {
  const conversation = await chat.send(partsOf(prompt), { ...options, id: prompt.id });
  return answerTo(conversation, prompt.id);
}

/**
 * Replaces a prompt that was sent before; if it never arrived, or arrived unchanged, sends it as it
 * is.
 */
export async function revise(
  chat: Chat,
  prompt: UIMessage,
  replaced: string,
  options: SendOptions,
): Promise<Answer> {
  const conversation = await chat.find();
  let edit = chat.edits.get(prompt.id);
  if (edit === undefined || !sameParts(edit, prompt)) {
    // it may have been accepted, with only the reply lost
    if (edit !== undefined) await conversation?.refresh();
    const stored =
      (await find(conversation, edit?.id)) ??
      (await find(conversation, chat.versions.get(replaced) ?? replaced));
    if (stored === undefined) return send(chat, prompt, options);
    if (stored.id === prompt.id && sameParts(stored, prompt)) return send(chat, prompt, options);
    edit = { id: newId(), replaces: stored.id, parts: partsOf(prompt) };
    chat.edits.set(prompt.id, edit);
  }
  const { id, replaces, parts } = edit;
  if (conversation === null) throw notThere();
  await conversation.send(parts, { ...options, id, replaces });
  chat.edits.delete(prompt.id);
  chat.versions.set(prompt.id, id);
  return answerTo(conversation, id);
}

/** Regenerates an answer: the named one, or the answer to the last prompt that the app kept. */
export async function regenerate(
  chat: Chat,
  messages: readonly UIMessage[],
  messageId: string | undefined,
  options: SendOptions,
): Promise<Answer> {
  const prompt = messages.findLast(({ role }) => role === "user");
  const edit = chat.edits.get(prompt?.id ?? "");
  // the view shows the edit, not the prompt that it was to replace
  if (prompt !== undefined && edit !== undefined && sameParts(edit, prompt)) {
    return revise(chat, prompt, prompt.id, options);
  }
  const conversation = await chat.find();
  let named = await find(conversation, messageId);
  if (named?.role !== "assistant") {
    const id = prompt && (chat.versions.get(prompt.id) ?? prompt.id);
    if ((await find(conversation, id)) !== undefined) named = answerAfter(conversation, id);
    else named = undefined;
  }
  if (conversation !== null && named !== undefined) {
    const made = await conversation.regenerate(named.id, options.data);
    const id = made ?? conversation.state.value.messages.at(-1)?.id;
    if (id !== undefined) return { conversation, id };
  }
  // it was never accepted
  if (prompt !== undefined) return send(chat, prompt, options);
  throw notThere();
}

/** Continues an answer that waits for decisions or tool outputs of the app. */
export async function proceed(chat: Chat, message: UIMessage, data: unknown): Promise<Answer> {
  const conversation = await chat.find();
  const stored = await find(conversation, message.id);
  if (conversation === null || stored === undefined) throw notThere();
  const { id } = stored;
  const decisions = decisionsOf(message, stored);
  if (isEmpty(decisions) && !isEmpty(decisionsOf(message, undefined))) {
    // other tabs have decided everything: the app's view is behind, and grows by what has arrived
    // since
    return { conversation, id, shown: { message: message as unknown as Message, seq: -1 } };
  }
  const shown = { message: stored, seq: progressOf(conversation.state.value, id) };
  await conversation.continue(id, decisions, data);
  return { conversation, id, shown };
}

/** Whether an answer is being made, or is next. */
export function isRunning(message: Message): boolean {
  return !isClosed(message) && message.metadata.status !== "waiting";
}

function answerTo(conversation: Conversation, prompt: string): Answer {
  const answer = answerAfter(conversation, prompt);
  if (answer === undefined) throw notThere();
  return { conversation, id: answer.id };
}

function answerAfter(
  conversation: Conversation | null,
  prompt: string | undefined,
): Message | undefined {
  const messages = conversation?.state.value.messages ?? [];
  const at = messages.findIndex(({ id }) => id === prompt);
  const after = messages[at + 1];
  return at >= 0 && after?.role === "assistant" ? after : undefined;
}

/** Finds a message of the conversation, including earlier pages. */
async function find(
  conversation: Conversation | null,
  id: string | undefined,
): Promise<Message | undefined> {
  if (conversation === null || id === undefined) return undefined;
  while (true) {
    const found = conversation.state.value.messages.find((message) => message.id === id);
    if (found !== undefined || !conversation.hasEarlier) return found;
    await conversation.loadEarlier();
  }
}

/** A prompt's parts, without fields that exist only in the app's state. */
function partsOf({ parts }: UIMessage): Prompt {
  return parts.map((part) => {
    if (part.type === "text") return { type: "text", text: part.text };
    return JSON.parse(JSON.stringify(part)) as Part;
  });
}

function isEmpty(decisions: Decisions): boolean {
  return Object.keys(decisions).length === 0;
}

function sameParts({ parts }: { parts: Prompt }, prompt: UIMessage): boolean {
  return JSON.stringify(parts) === JSON.stringify(partsOf(prompt));
}

export function notThere(): CallError {
  return new CallError(404, "There is no such message.", false);
}
