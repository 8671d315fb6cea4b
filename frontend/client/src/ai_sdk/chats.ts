/**
 * A client's conversations by the app's own names for them; each is followed while somebody uses
 * it.
 */

import type { Centrifuge } from "centrifuge";
import { type BeginOptions, ChatClient } from "../client.ts";
import type { Conversation } from "../conversation.ts";
import { Cell } from "../observable.ts";
import type { Prompt } from "../sending.ts";

/** A prompt that replaces another; it has the same id however often it is sent. */
export interface Edit {
  id: string;
  replaces: string;
  parts: Prompt;
}

/**
 * How long an unused conversation is still followed: the next prompt then need not subscribe again.
 */
const LINGER = 30_000;

export class Chat {
  readonly key: string;
  readonly client: ChatClient;
  /** Null while it is not followed, or does not exist. */
  readonly conversation = new Cell<Conversation | null>(null);
  /** The number of streams that are being read, or are about to be. */
  readonly streams = new Cell(0);
  /** The id of the newest stored version of each prompt that was edited here. */
  readonly versions = new Map<string, string>();
  /** Edits of prompts that are not accepted yet, as far as is known here. */
  readonly edits = new Map<string, Edit>();
  #holders = 0;
  #finding: Promise<Conversation | null> | null = null;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor(client: ChatClient, key: string) {
    this.client = client;
    this.key = key;
  }

  /**
   * Follows the conversation, if there is one. If it is followed already, returns it with all that
   * it has.
   */
  async find(): Promise<Conversation | null> {
    const followed = this.conversation.value;
    // a prompt sent without opening the conversation follows only its end
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

  /** Sends a prompt; begins the conversation if there is none. */
  async send(prompt: Prompt, options: BeginOptions): Promise<Conversation> {
    const followed = this.conversation.value;
    if (followed === null) {
      return this.#follow(await this.client.begin(prompt, { ...options, key: this.key }));
    }
    await followed.send(prompt, options);
    return followed;
  }

  /** Keeps the conversation followed until the returned function is called. */
  hold(): () => void {
    this.#holders++;
    clearTimeout(this.#linger);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (--this.#holders > 0) return;
      this.#linger = setTimeout(() => this.conversation.value?.close(), LINGER);
      // the timer must not keep a Node program alive
      (this.#linger as { unref?: () => void }).unref?.();
    };
  }

  /** Holds the conversation for a stream. */
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

/** A client that transports share until it disconnects. */
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

  /** Returns the same object for each transport of a client. */
  static of(client: ChatClient): Chats {
    const known = Chats.#of.get(client) ?? new Chats(client);
    Chats.#of.set(client, known);
    return known;
  }

  /** A connection can subscribe to a channel only once, so each namespace on it has one client. */
  static client(connection: Centrifuge, rpcNamespace = "ai"): ChatClient {
    const clients = Chats.#clients.get(connection) ?? new Map<string, ChatClient>();
    Chats.#clients.set(connection, clients);
    // when a client disconnects a second time, it must not remove its successor
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
