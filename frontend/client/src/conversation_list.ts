/** The user's conversations, newest first, kept in step over the user's own channel. */

import type { Link } from "./connection.ts";
import { Follower, type Sync } from "./follower.ts";
import type { ConversationPage } from "./methods.ts";
import { Cell, type Observable } from "./observable.ts";
import type { ListPublication, Summary } from "./protocol.ts";

/** A page of both lists; `archive` is absent while nobody looks at it. */
interface Pages extends ConversationPage {
  archive?: ConversationPage;
}

const PAGE = 50;
/** The server's maximum per page. */
const MOST = 200;

export interface ListState {
  readonly conversations: readonly Summary[];
  /** The cursor of the next page; null if all are here. */
  readonly next: string | null;
}

/**
 * Conversations that left a list: null for a deleted one, otherwise the summary with which it left.
 */
export type Left = Map<string, Summary | null>;

/**
 * The list after a publication. If it is older than the known state, or than the summary with which
 * the conversation left, it came late and is ignored.
 */
export function reduceList(
  conversations: readonly Summary[],
  publication: ListPublication,
  left: Left = new Map(),
  archived = false,
): readonly Summary[] {
  if (publication.type === "deleted") {
    left.set(publication.conversation, null);
    return conversations.filter(({ id }) => id !== publication.conversation);
  }
  if (publication.type !== "conversation") return conversations;
  const changed = publication.conversation;
  const gone = left.get(changed.id);
  if (gone === null) return conversations;
  const known = conversations.find(({ id }) => id === changed.id);
  const last = known ?? gone;
  if (last !== undefined && isOlder(changed, last)) return conversations;
  if ((changed.archived ?? false) !== archived) {
    left.set(changed.id, changed);
    return known === undefined ? conversations : conversations.filter((other) => other !== known);
  }
  left.delete(changed.id);
  return [changed, ...conversations.filter((other) => other !== known)].sort(
    (one, other) => other.updated_at - one.updated_at,
  );
}

function isOlder(one: Summary, other: Summary): boolean {
  if (one.version !== undefined && other.version !== undefined) return one.version < other.version;
  return one.updated_at < other.updated_at;
}

/** The archived conversations, or the others. */
class Shelf {
  readonly archived: boolean;
  readonly state = new Cell<ListState>({ conversations: [], next: null });
  readonly #left: Left = new Map();
  /** What arrives while a page is loading, which may be older. */
  #meanwhile: ListPublication[] = [];
  #awaits = false;

  constructor(archived: boolean) {
    this.archived = archived;
  }

  await(): void {
    this.#awaits = true;
  }

  show({ conversations, next }: { conversations: readonly Summary[]; next?: string }): void {
    // a server without an archive returns the same for both
    const ours = conversations.filter(({ archived = false }) => archived === this.archived);
    this.state.set({ conversations: ours, next: next ?? null });
    const meanwhile = this.#meanwhile;
    this.#meanwhile = [];
    this.#awaits = false;
    for (const publication of meanwhile) this.receive(publication);
  }

  receive(publication: ListPublication): void {
    if (this.#awaits) this.#meanwhile.push(publication);
    const { conversations, next } = this.state.value;
    const changed = reduceList(conversations, publication, this.#left, this.archived);
    this.state.set({ conversations: changed, next });
  }

  append({ conversations: more, next: after }: ConversationPage, before: string): void {
    const { conversations, next } = this.state.value;
    // reloaded meanwhile: the page would not connect to it
    if (next !== before) return;
    const known = new Set(conversations.map(({ id }) => id));
    const added = more.filter(({ id }) => !known.has(id));
    this.state.set({ conversations: [...conversations, ...added], next: after ?? null });
  }
}

export class ConversationList {
  readonly #connection: Link;
  readonly #usual = new Shelf(false);
  readonly #archive = new Shelf(true);
  readonly #follower: Follower<Pages, ListPublication>;
  #archiveIsOpen = false;

  /** Created by `ChatClient`. */
  constructor(connection: Link, onClose: () => void = () => {}) {
    this.#connection = connection;
    this.#follower = new Follower(connection, {
      load: async (): Promise<Pages> => {
        const page = await this.#load(this.#usual, 0);
        if (!this.#archiveIsOpen) return page;
        return { ...page, archive: await this.#load(this.#archive, 0) };
      },
      show: ({ archive, ...page }) => {
        this.#usual.show(page);
        if (archive !== undefined) this.#archive.show(archive);
      },
      receive: (publication) => {
        this.#usual.receive(publication);
        this.#archive.receive(publication);
      },
      // a page that was requested while the channel is followed leaves nothing out
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
    return this.#usual.state;
  }

  /** The archived ones; filled by `openArchive`, and kept in step from then on. */
  get archived(): Observable<ListState> {
    return this.#archive.state;
  }

  get sync(): Observable<Sync> {
    return this.#follower.sync;
  }

  async openArchive(): Promise<void> {
    this.#archiveIsOpen = true;
    this.#archive.await();
    this.#archive.show(await this.#load(this.#archive));
  }

  async loadMore({ archived = false } = {}): Promise<void> {
    const shelf = archived ? this.#archive : this.#usual;
    const before = shelf.state.value.next;
    if (before === null) return;
    shelf.append(await this.#page(shelf, { limit: PAGE, before }), before);
  }

  /** Loads as many as are shown, so that a reload keeps all pages. */
  #load(shelf: Shelf, within?: number): Promise<ConversationPage> {
    const limit = Math.min(MOST, Math.max(PAGE, shelf.state.value.conversations.length));
    return this.#page(shelf, { limit }, within);
  }

  #page(
    { archived }: Shelf,
    request: { limit: number; before?: string },
    within?: number,
  ): Promise<ConversationPage> {
    const asked = { ...request, ...(archived && { archived }) };
    return this.#connection.call("list", asked, within === undefined ? {} : { within });
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
