/** The conversations of a client by the app's own names for them, each followed while somebody needs it. */

import type { Centrifuge } from "centrifuge";
import { type BeginOptions, ChatClient } from "../client.ts";
import type { Conversation } from "../conversation.ts";
import { Cell } from "../observable.ts";
import type { Prompt } from "../sending.ts";

/** A prompt in place of another: under the same id, however often it is sent. */
export interface Edit {
  id: string;
  replaces: string;
  parts: Prompt;
}

/** How long a conversation that nobody needs is still followed: the next prompt need not subscribe again. */
const LINGER = 30_000;

export class Chat {
  readonly key: string;
  readonly client: ChatClient;
  /** Null while it is not followed, or there is none. */
  readonly conversation = new Cell<Conversation | null>(null);
  /** Streams that are being read, or are about to be. */
  readonly streams = new Cell(0);
  /** Prompts that were edited here: under which id the newest version is stored. */
  readonly versions = new Map<string, string>();
  /** Edits of prompts that have not been accepted, as far as is known here. */
  readonly edits = new Map<string, Edit>();
  #holders = 0;
  #finding: Promise<Conversation | null> | null = null;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor(client: ChatClient, key: string) {
    this.client = client;
    this.key = key;
  }

  /** Follows the conversation, if there is one; where it is followed already, that one, with all that it has. */
  async find(): Promise<Conversation | null> {
    const followed = this.conversation.value;
    // a prompt that was sent without looking follows it from its end on
    if (followed?.sync.value === "opening") await followed.refresh();
    if (this.conversation.value !== null) return this.conversation.value;
    this.#finding ??= this.client
      .openKey(this.key)
      .then((found) => found && this.#follow(found))
      .finally(() => {
        this.#finding = null;
      });
    return this.#finding;
  }

  /** Sends a prompt; the conversation begins with it where there is none. */
  async send(prompt: Prompt, options: BeginOptions): Promise<Conversation> {
    const followed = this.conversation.value;
    if (followed === null) {
      return this.#follow(await this.client.begin(prompt, { ...options, key: this.key }));
    }
    await followed.send(prompt, options);
    return followed;
  }

  /** Keeps the conversation followed until the result is called. */
  hold(): () => void {
    this.#holders++;
    clearTimeout(this.#linger);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (--this.#holders > 0) return;
      this.#linger = setTimeout(() => this.conversation.value?.close(), LINGER);
      // it must not keep a program of Node's alive
      (this.#linger as { unref?: () => void }).unref?.();
    };
  }

  /** Holds it for a stream. */
  stream(): () => void {
    const release = this.hold();
    this.streams.set(this.streams.value + 1);
    let running = true;
    return () => {
      if (!running) return;
      running = false;
      release();
      this.streams.set(this.streams.value - 1);
    };
  }

  #follow(conversation: Conversation): Conversation {
    if (conversation === this.conversation.value) return conversation;
    this.conversation.set(conversation);
    const stop = conversation.sync.subscribe((sync) => {
      if (sync !== "gone" && sync !== "closed") return;
      stop();
      if (this.conversation.value === conversation) this.conversation.set(null);
    });
    return conversation;
  }
}

/** A client that transports share until it lets the connection go. */
class SharedClient extends ChatClient {
  readonly #forget: () => void;

  constructor(existing: Centrifuge, rpcNamespace: string, forget: () => void) {
    super({ existing, rpcNamespace });
    this.#forget = forget;
  }

  override disconnect(): void {
    this.#forget();
    super.disconnect();
  }
}

export class Chats {
  static readonly #of = new WeakMap<ChatClient, Chats>();
  static readonly #clients = new WeakMap<Centrifuge, Map<string, ChatClient>>();
  readonly #client: ChatClient;
  readonly #chats = new Map<string, Chat>();

  private constructor(client: ChatClient) {
    this.#client = client;
  }

  /** Those of one client are the same, however many transports use it. */
  static of(client: ChatClient): Chats {
    const known = Chats.#of.get(client) ?? new Chats(client);
    Chats.#of.set(client, known);
    return known;
  }

  /** A channel can be followed once on a connection, so a service has one client there. */
  static client(connection: Centrifuge, rpcNamespace = "ai"): ChatClient {
    const clients = Chats.#clients.get(connection) ?? new Map<string, ChatClient>();
    Chats.#clients.set(connection, clients);
    // disconnected again, it must not take the one that came after it
    const forget = () => clients.get(rpcNamespace) === client && clients.delete(rpcNamespace);
    const client = clients.get(rpcNamespace) ?? new SharedClient(connection, rpcNamespace, forget);
    clients.set(rpcNamespace, client);
    return client;
  }

  get(key: string): Chat {
    const known = this.#chats.get(key) ?? new Chat(this.#client, key);
    this.#chats.set(key, known);
    return known;
  }
}
