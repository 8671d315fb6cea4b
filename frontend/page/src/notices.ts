/**
 * Tells that an answer ended, or needs a decision, while its reader was elsewhere: in the title
 * and, if permitted, by a notification.
 */

import { Cell, type ConversationList, type Observable, type Summary } from "centrifugo-llm";
import { placeInAddress } from "./address.ts";

const inWork = ({ status }: Summary) => status === "streaming" || status === "queued";

export class Notices {
  readonly #unread = new Cell<ReadonlySet<string>>(new Set());
  readonly #permission = new Cell(permission());
  #working = new Set<string>();

  constructor(list: ConversationList) {
    list.state.subscribe(({ conversations }) => this.#look(conversations));
    const seen = () => this.#seen();
    addEventListener("hashchange", seen);
    document.addEventListener("visibilitychange", seen);
  }

  /** The conversations with an answer that ended unseen, or waits unseen for a decision. */
  get unread(): Observable<ReadonlySet<string>> {
    return this.#unread;
  }

  /** Whether notifications are permitted: `default` until the user decides. */
  get permission(): Observable<NotificationPermission> {
    return this.#permission;
  }

  async ask(): Promise<void> {
    this.#permission.set(await Notification.requestPermission());
  }

  #look(conversations: readonly Summary[]): void {
    const ended = conversations.filter((one) => this.#working.has(one.id) && !inWork(one));
    this.#working = new Set(conversations.filter(inWork).map(({ id }) => id));
    const unseen = ended.filter(({ id }) => !isSeen(id));
    // deleted or archived conversations cannot be looked at, and would stay unread forever
    const listed = new Set(conversations.map(({ id }) => id));
    const before = this.#unread.value;
    const kept = [...before].filter((id) => listed.has(id));
    if (unseen.length > 0 || kept.length < before.size) {
      this.#unread.set(new Set([...kept, ...unseen.map(({ id }) => id)]));
    }
    if (unseen.length === 0) return;
    if (permission() !== "granted" || !document.hidden) return;
    import("./notification.ts").then(
      ({ notify }) => unseen.forEach(notify),
      () => {}, // the title says it
    );
  }

  #seen(): void {
    const { conversation } = placeInAddress();
    if (!this.#unread.value.has(conversation) || !isSeen(conversation)) return;
    this.#unread.set(new Set([...this.#unread.value].filter((id) => id !== conversation)));
  }
}

function isSeen(id: string): boolean {
  return !document.hidden && placeInAddress().conversation === id;
}

function permission(): NotificationPermission {
  return "Notification" in globalThis ? Notification.permission : "denied";
}
