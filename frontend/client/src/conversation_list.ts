/** The user's conversations, newest first, kept in step over the user's own channel. */

import type { Link } from "./connection.ts";
import { Follower, type Sync } from "./follower.ts";
import { Cell, type Observable } from "./observable.ts";
import type { ConversationPage, ListPublication, Summary } from "./protocol.ts";

const PAGE = 50;
/** The server gives no more at once. */
const MOST = 200;

export interface ListState {
  readonly conversations: readonly Summary[];
  /** Where the next page begins; null when all are here. */
  readonly next: string | null;
}

/**
 * The list after a publication. One that is older than what is known is a replay, and one of a conversation that is
 * among the `deleted` came late.
 */
export function reduceList(
  conversations: readonly Summary[],
  publication: ListPublication,
  deleted: Set<string> = new Set(),
): readonly Summary[] {
  if (publication.type === "deleted") {
    deleted.add(publication.conversation);
    return conversations.filter(({ id }) => id !== publication.conversation);
  }
  if (publication.type !== "conversation") return conversations;
  const changed = publication.conversation;
  if (deleted.has(changed.id)) return conversations;
  const known = conversations.find(({ id }) => id === changed.id);
  if (known !== undefined && isOlder(changed, known)) return conversations;
  return [changed, ...conversations.filter((other) => other !== known)].sort(
    (one, other) => other.updated_at - one.updated_at,
  );
}

function isOlder(one: Summary, other: Summary): boolean {
  if (one.version !== undefined && other.version !== undefined) return one.version < other.version;
  return one.updated_at < other.updated_at;
}

export class ConversationList {
  readonly #connection: Link;
  readonly #deleted = new Set<string>();
  readonly #state = new Cell<ListState>({ conversations: [], next: null });
  readonly #follower: Follower<ConversationPage, ListPublication>;

  /** `ChatClient` makes these. */
  constructor(connection: Link, onClose: () => void = () => {}) {
    this.#connection = connection;
    this.#follower = new Follower(connection, {
      load: () => connection.call("list", { limit: this.#shown() }, { within: 0 }),
      show: ({ conversations, next }) => this.#state.set({ conversations, next: next ?? null }),
      receive: (publication) => {
        const { conversations, next } = this.#state.value;
        this.#state.set({
          conversations: reduceList(conversations, publication, this.#deleted),
          next,
        });
      },
      // a page that was asked for while the channel is followed leaves nothing out
      settled: () => true,
      intact: () => true,
      expectant: () => false,
      news: () => false,
    });
    const stop = this.sync.subscribe((sync) => {
      if (sync !== "gone" && sync !== "closed") return;
      stop();
      onClose();
    });
    void this.#follower.synchronise();
  }

  get state(): Observable<ListState> {
    return this.#state;
  }

  get sync(): Observable<Sync> {
    return this.#follower.sync;
  }

  /** As many as are shown, so that the pages before the last stay where the list is loaded anew. */
  #shown(): number {
    return Math.min(MOST, Math.max(PAGE, this.#state.value.conversations.length));
  }

  async loadMore(): Promise<void> {
    const before = this.#state.value.next;
    if (before === null) return;
    const page = await this.#connection.call("list", { limit: PAGE, before });
    const { conversations, next } = this.#state.value;
    // the list was loaded anew meanwhile: the page would not connect to it
    if (next !== before) return;
    const known = new Set(conversations.map(({ id }) => id));
    const added = page.conversations.filter(({ id }) => !known.has(id));
    this.#state.set({ conversations: [...conversations, ...added], next: page.next ?? null });
  }

  async rename(conversation: string, title: string): Promise<void> {
    await this.#connection.call("rename", { conversation, title });
  }

  async archive(conversation: string, archived: boolean): Promise<void> {
    await this.#connection.call("archive", { conversation, archived });
  }

  async delete(conversation: string): Promise<void> {
    await this.#connection.call("delete", { conversation });
  }

  close(): void {
    this.#follower.close();
  }
}
