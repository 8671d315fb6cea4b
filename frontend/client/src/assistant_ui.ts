/**
 * assistant-ui's list of threads from the user's conversations: the entry
 * `centrifugo-llm/assistant-ui`.
 */

import { ChatClient } from "./client.ts";
import { CallError } from "./errors.ts";
import type { Session, Summary } from "./protocol.ts";

/** A thread in assistant-ui's terms; its `remoteId` is the app's name for the conversation. */
export interface Thread {
  status: "regular" | "archived";
  remoteId: string;
  externalId: string;
  title: string;
  lastMessageAt: Date;
}

/** A piece of a title, in assistant-ui's format. */
export type TitleChunk = { path: readonly number[] } & (
  | { type: "part-start"; part: { type: "text" } }
  | { type: "text-delta"; textDelta: string }
  | { type: "part-finish" }
);

/** assistant-ui's `RemoteThreadListAdapter`. */
export interface ThreadListAdapter {
  list(page?: { after?: string | undefined }): Promise<{
    threads: Thread[];
    nextCursor?: string | undefined;
  }>;
  fetch(threadId: string): Promise<Thread>;
  initialize(threadId: string): Promise<{ remoteId: string; externalId: undefined }>;
  rename(remoteId: string, title: string): Promise<void>;
  archive(remoteId: string): Promise<void>;
  unarchive(remoteId: string): Promise<void>;
  delete(remoteId: string): Promise<void>;
  generateTitle(remoteId: string): Promise<ReadableStream<TitleChunk>>;
}

/**
 * Separates the cursors of the two lists, archived or not; the server's cursors never contain it.
 */
const BETWEEN = "|";

/**
 * Create it once, outside of components. Conversations without a name by the app are not listed as
 * threads.
 */
export function threadList(source: ChatClient | { client: ChatClient }): ThreadListAdapter {
  const client = source instanceof ChatClient ? source : source.client;
  const look = async (key: string): Promise<Session> => {
    const session = await client.look(key);
    if (session === null) throw new CallError(404, "There is no such conversation.", false);
    return session;
  };
  const idOf = async (key: string) => (await look(key)).conversation;

  return {
    async list({ after } = {}) {
      const cursors = after?.split(BETWEEN);
      const page = async (archived: boolean) => {
        const cursor = cursors?.[Number(archived)];
        if (cursor === "") return { conversations: [] };
        return client.page(cursor, { archived });
      };
      const pages = await Promise.all([page(false), page(true)]);
      const next = pages.map((one) => one.next ?? "");
      return {
        threads: pages.flatMap(({ conversations }) => conversations.flatMap(threadOf)),
        nextCursor: next.some((cursor) => cursor !== "") ? next.join(BETWEEN) : undefined,
      };
    },
    async fetch(key) {
      const { conversation, title, messages, archived } = await look(key);
      const at = messages.at(-1)?.metadata.created_at ?? 0;
      return thread(key, conversation, title, at, archived);
    },
    // the conversation begins with its first prompt
    initialize: async (threadId) => ({ remoteId: threadId, externalId: undefined }),
    rename: async (key, title) => client.list().rename(await idOf(key), title),
    archive: async (key) => client.list().archive(await idOf(key), true),
    unarchive: async (key) => client.list().archive(await idOf(key), false),
    delete: async (key) => client.list().delete(await idOf(key)),
    // by the time of this call, the service has made a title
    generateTitle: async (key) => titleStream((await look(key)).title),
  };
}

function threadOf({ id, key, title, updated_at, archived }: Summary): Thread[] {
  return key === undefined ? [] : [thread(key, id, title, updated_at, archived)];
}

function thread(
  remoteId: string,
  externalId: string,
  title: string,
  at: number,
  archived = false,
): Thread {
  const status = archived ? "archived" : "regular";
  return { status, remoteId, externalId, title, lastMessageAt: new Date(at * 1000) };
}

function titleStream(textDelta: string): ReadableStream<TitleChunk> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue({ type: "part-start", path: [], part: { type: "text" } });
      controller.enqueue({ type: "text-delta", path: [0], textDelta });
      controller.enqueue({ type: "part-finish", path: [0] });
      controller.close();
    },
  });
}
