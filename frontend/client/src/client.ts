/** A chat over one Centrifugo connection: the library's entry. */

import { Connection, type ConnectionState } from "./connection.ts";
import type { ConnectionOptions } from "./connection_options.ts";
import { Conversation, PAGE } from "./conversation.ts";
import { ConversationList } from "./conversation_list.ts";
import { CallError } from "./errors.ts";
import { browserStorage } from "./identity.ts";
import type { Message } from "./messages.ts";
import type { HitPage, Model } from "./methods.ts";
import type { Observable } from "./observable.ts";
import type { Session, Summary } from "./protocol.ts";
import { callSend, type Prompt, type SendOptions } from "./sending.ts";
import { type Reduce, reduce } from "./state.ts";
import {
  type DownloadOptions,
  download,
  type FilePart,
  type UploadOptions,
  upload,
} from "./uploads.ts";

/** Per page: the server's maximum. */
const MOST = 200;
/** The query is still being typed: a later reply would belong to an outdated one. */
const SEARCH_WITHIN = 5_000;

export interface BeginOptions extends SendOptions {
  /**
   * The app's own name for the conversation: if the user has one with this name, the prompt goes
   * there.
   */
  key?: string;
}

export interface ChatClientOptions extends Omit<ConnectionOptions, "storage"> {
  storage?: ConnectionOptions["storage"];
  /** How sessions and publications become messages. */
  reduce?: Reduce;
}

export class ChatClient {
  readonly #connection: Connection;
  readonly #reduce: Reduce;
  readonly #open = new Map<string, Conversation>();
  #list: ConversationList | null = null;

  constructor({
    storage = browserStorage(),
    reduce: reducer = reduce,
    ...options
  }: ChatClientOptions = {}) {
    this.#connection = new Connection({ ...options, storage });
    this.#reduce = reducer;
  }

  get state(): Observable<ConnectionState> {
    return this.#connection.state;
  }

  /** The anonymous visitor's id, once the server has sent it. */
  get user(): Observable<string | null> {
    return this.#connection.user;
  }

  /** The model that answers if a prompt names none; sent to anonymous visitors only. */
  get model(): Observable<string | null> {
    return this.#connection.model;
  }

  connect(): void {
    this.#connection.connect();
  }

  /**
   * Closes the connection; open conversations continue after the next `connect`. A connection that
   * belongs to the app stays connected: everything followed on it is closed for good.
   */
  disconnect(): void {
    if (!this.#connection.ours) {
      for (const conversation of this.#open.values()) conversation.close();
      this.#list?.close();
    }
    this.#connection.disconnect();
  }

  /**
   * The user's conversations, until the list is closed; returns the same list if one is open
   * already.
   */
  list(): ConversationList {
    this.#list ??= new ConversationList(this.#connection, () => {
      this.#list = null;
    });
    return this.#list;
  }

  /** Finds texts with all of the words, newest first; `next` is the cursor of the next page. */
  search(query: string, options: { limit?: number; before?: string } = {}): Promise<HitPage> {
    return this.#connection.call("search", { query, ...options }, { within: SEARCH_WITHIN });
  }

  /**
   * Follows a conversation until it is closed; returns the same object if it is followed already.
   */
  open(id: string): Conversation {
    return this.#open.get(id) ?? this.#follow(id);
  }

  /** Follows the conversation with that name; null if the user has none. */
  async openKey(key: string): Promise<Conversation | null> {
    const session = await this.look(key, PAGE);
    if (session === null) return null;
    const followed = this.#open.get(session.conversation);
    // what it shows may be newer than the session
    await followed?.refresh();
    return followed ?? this.#follow(session.conversation, session);
  }

  /**
   * The conversation with that name, with its latest messages, without following it; null if there
   * is none.
   */
  async look(key: string, limit = 1): Promise<Session | null> {
    try {
      return await this.#connection.call("open", { key, limit });
    } catch (error) {
      if (error instanceof CallError && error.code === 404) return null;
      throw error;
    }
  }

  /** All messages of a conversation as they are now, without following it. */
  async whole(id: string): Promise<readonly Message[]> {
    const opened = await this.#connection.call("open", { conversation: id, limit: MOST });
    let { messages, next } = opened;
    while (next !== undefined) {
      const request = { conversation: id, limit: MOST, before: next };
      const page = await this.#connection.call("history", request);
      messages = [...page.messages, ...messages];
      next = page.next;
    }
    return messages;
  }

  /** A page of the user's conversations, newest first; `next` is the cursor of the next page. */
  async page(
    before?: string,
    { archived = false } = {},
  ): Promise<{ conversations: readonly Summary[]; next?: string }> {
    const request = {
      limit: PAGE,
      ...(before !== undefined && { before }),
      ...(archived && { archived }),
    };
    const { conversations, next } = await this.#connection.call("list", request);
    return { conversations, ...(next !== undefined && { next }) };
  }

  /** The models that a prompt may name, the default first. */
  async models(): Promise<readonly Model[]> {
    return (await this.#connection.call("models", {})).models;
  }

  /**
   * Begins a conversation with its first prompt. With a key, it may exist already: its earlier
   * messages appear soon after, at the latest when `ready` resolves.
   */
  async begin(prompt: Prompt, { key, ...options }: BeginOptions = {}): Promise<Conversation> {
    const destination = key === undefined ? undefined : { key };
    const session = await callSend(this.#connection, destination, prompt, options);
    const followed = this.#open.get(session.conversation);
    followed?.join(session);
    return followed ?? this.#follow(session.conversation, session, key !== undefined);
  }

  /** Sends the next prompt of a conversation, whether it is followed or not. */
  async send(id: string, prompt: Prompt, options: SendOptions = {}): Promise<void> {
    const session = await callSend(this.#connection, { conversation: id }, prompt, options);
    this.#open.get(id)?.join(session);
  }

  /** Uploads a file; the result refers to it in the parts of a prompt. */
  upload(file: Blob, options?: UploadOptions): Promise<FilePart> {
    return upload(this.#connection, file, options);
  }

  /** Downloads a file of the user, by the `upload:` address in a message. */
  download(url: string, options?: DownloadOptions): Promise<File> {
    return download(this.#connection, url, options);
  }

  #follow(id: string, session?: Session, partial = false): Conversation {
    const conversation = new Conversation(
      id,
      this.#connection,
      this.#reduce,
      () => this.#open.delete(id),
      session,
      partial,
    );
    this.#open.set(id, conversation);
    return conversation;
  }
}

export type { ConnectionState } from "./connection.ts";
export type { ConnectionOptions } from "./connection_options.ts";
export { Conversation, type ConversationListener } from "./conversation.ts";
export { ConversationList, type ListState } from "./conversation_list.ts";
export { CallError } from "./errors.ts";
export type { Sync } from "./follower.ts";
export { browserStorage, memoryStorage, type TokenStorage } from "./identity.ts";
export { newId } from "./ids.ts";
export * from "./messages.ts";
export * from "./methods.ts";
export { Cell, type Observable } from "./observable.ts";
export * from "./protocol.ts";
export type { RetryPolicy } from "./retry.ts";
export type { Prompt, SendOptions } from "./sending.ts";
export {
  type ConversationEvent,
  type ConversationState,
  emptyConversation,
  hasHole,
  progressOf,
  type Reduce,
  reduce,
} from "./state.ts";
export type { DownloadOptions, FilePart, UploadOptions } from "./uploads.ts";
