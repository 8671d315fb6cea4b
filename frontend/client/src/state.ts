/**
 * A conversation as a pure function of the sessions and publications that arrived, in any order.
 *
 * For each open message, `progress` is the last `seq` that its text contains. A publication is
 * applied if it is the next one, ignored if it is contained, and kept in `ahead` if earlier ones
 * are missing. While `ahead` is not empty there is a hole, and only a session with more progress
 * can close it.
 */

import { applyChunks, blankMessage } from "./chunks.ts";
import { isClosed, type Message } from "./messages.ts";
import type { Chunk, Publication, Session } from "./protocol.ts";

export interface ConversationState {
  readonly messages: readonly Message[];
  readonly progress: ReadonlyMap<string, number>;
  readonly ahead: ReadonlyMap<string, ReadonlyMap<number, readonly Chunk[]>>;
  /** Whether a message refers to a previous one that is not here. */
  readonly lost: boolean;
  /**
   * Messages that were missing before: if they are still not here after opening again, they left
   * the view.
   */
  readonly sought: ReadonlySet<string>;
  readonly title: string | null;
  readonly titleVersion: number;
  readonly deleted: boolean;
}

/**
 * A session; `whole` if it shows the conversation's latest messages, not only those created by a
 * call.
 */
export interface SessionEvent {
  type: "session";
  session: Session;
  whole: boolean;
}

/** Earlier messages, to insert before all others. */
export interface HistoryEvent {
  type: "history";
  messages: readonly Message[];
}

export type ConversationEvent = Publication | SessionEvent | HistoryEvent;

export type Reduce = (state: ConversationState, event: ConversationEvent) => ConversationState;

/** The newest of what waits is kept: a session closes the hole, and these connect to it. */
const MOST_AHEAD = 500;

export const emptyConversation: ConversationState = {
  messages: [],
  progress: new Map(),
  ahead: new Map(),
  lost: false,
  sought: new Set(),
  title: null,
  titleVersion: 0,
  deleted: false,
};

/** Whether publications are missing between those applied and those that arrived later. */
export function hasHole(state: ConversationState): boolean {
  return state.lost || state.ahead.size > 0;
}

/** The last `seq` contained in what is shown of a message; infinite for a closed one. */
export function progressOf(state: ConversationState, id: string): number {
  const message = find(state, id);
  return message === undefined ? 0 : stands(message, state.progress.get(id) ?? 0);
}

export const reduce: Reduce = (state, event) => {
  switch (event.type) {
    case "session":
      return event.whole ? replaced(state, event.session) : joined(state, event.session);
    case "history":
      return { ...state, messages: [...earlierThan(state, event.messages), ...state.messages] };
    case "message":
      return followed(state, event.message, event.after) ?? missing(state, event.after);
    case "chunks": {
      const placed = behindPrompt(state, event);
      if (placed === null) return missing(state, event.after);
      return chunked(placed, event.message, event.seq, event.chunks);
    }
    case "removed":
      return without(state, new Set(event.messages));
    case "title":
      return retitled(state, event.title, event.version ?? state.titleVersion);
    case "deleted":
      return { ...state, deleted: true };
    default:
      return state;
  }
};

function find(state: ConversationState, id: string): Message | undefined {
  return state.messages.find((message) => message.id === id);
}

/**
 * The part of a page before the first known message. What is unknown after that message is new, and
 * its publication is coming.
 */
function earlierThan(state: ConversationState, page: readonly Message[]): readonly Message[] {
  const known = page.findIndex((message) => find(state, message.id) !== undefined);
  return known < 0 ? page : page.slice(0, known);
}

/** Adds a message after another one; null if that one is not here, so that something was missed. */
function followed(
  state: ConversationState,
  message: Message,
  after: string | undefined,
): ConversationState | null {
  if (find(state, message.id) !== undefined) return state;
  if (after !== undefined && find(state, after) === undefined) {
    return state.sought.has(after) ? state : null;
  }
  return { ...state, messages: [...state.messages, message] };
}

function missing(state: ConversationState, after: string | undefined): ConversationState {
  const sought = after === undefined ? state.sought : new Set(state.sought).add(after);
  return { ...state, lost: true, sought };
}

/**
 * Makes room for the first piece of an unknown answer: its prompt becomes the last message before
 * it.
 */
function behindPrompt(
  state: ConversationState,
  { message, prompt, after }: Extract<Publication, { type: "chunks" }>,
): ConversationState | null {
  if (prompt === undefined || find(state, message) !== undefined) return state;
  const followedOn = followed(state, prompt, after);
  if (followedOn === null) return null;
  const placed =
    find(followedOn, prompt.id) === undefined
      ? { ...followedOn, messages: [...followedOn.messages, prompt] }
      : followedOn;
  const at = placed.messages.findIndex(({ id }) => id === prompt.id);
  return without(placed, new Set(placed.messages.slice(at + 1).map(({ id }) => id)));
}

function retitled(state: ConversationState, title: string, version: number): ConversationState {
  return version < state.titleVersion ? state : { ...state, title, titleVersion: version };
}

function chunked(
  state: ConversationState,
  id: string,
  seq: number,
  chunks: readonly Chunk[],
): ConversationState {
  const message = find(state, id);
  if (message !== undefined && isClosed(message)) return state;
  if (seq <= (state.progress.get(id) ?? 0)) return state;
  const waiting = new Map(state.ahead.get(id)).set(seq, chunks);
  for (const oldest of waiting.keys()) {
    if (waiting.size <= MOST_AHEAD) break;
    waiting.delete(oldest);
  }
  return caughtUp({ ...state, ahead: new Map(state.ahead).set(id, waiting) }, id);
}

/** Applies waiting publications that are next, and drops those that are contained. */
function caughtUp(state: ConversationState, id: string): ConversationState {
  const waiting = state.ahead.get(id);
  if (waiting === undefined) return state;
  const known = find(state, id);
  let message = known ?? blankMessage(id);
  const before = state.progress.get(id) ?? 0;
  let seq = before;
  for (let next = waiting.get(seq + 1); next !== undefined; next = waiting.get(seq + 1)) {
    if (isClosed(message)) break;
    message = applyChunks(message, next);
    seq++;
  }
  const closed = isClosed(message);
  const rest = closed ? [] : [...waiting].filter(([ahead]) => ahead > seq);
  const ahead = new Map(state.ahead);
  if (rest.length > 0) ahead.set(id, new Map(rest));
  else ahead.delete(id);
  if (seq === before) return { ...state, ahead };
  const progress = new Map(state.progress).set(id, seq);
  if (closed) progress.delete(id);
  return { ...state, ahead, progress, messages: withMessage(state.messages, known, message) };
}

function withMessage(
  messages: readonly Message[],
  known: Message | undefined,
  message: Message,
): readonly Message[] {
  if (known === undefined) return [...messages, message];
  return messages.map((other) => (other === known ? message : other));
}

function without(state: ConversationState, gone: ReadonlySet<string>): ConversationState {
  return {
    ...state,
    messages: state.messages.filter((message) => !gone.has(message.id)),
    progress: new Map([...state.progress].filter(([id]) => !gone.has(id))),
    ahead: new Map([...state.ahead].filter(([id]) => !gone.has(id))),
  };
}

/** Replaces ours by the latest messages; earlier ones stay if the two lists connect. */
function replaced(state: ConversationState, session: Session): ConversationState {
  const newest = new Set(session.messages.map(({ id }) => id));
  const overlap = state.messages.findIndex(({ id }) => id === session.messages[0]?.id);
  const earlier = state.messages.slice(0, Math.max(overlap, 0)).filter(({ id }) => !newest.has(id));
  const present = new Set([...earlier.map(({ id }) => id), ...newest]);
  const gone = [...state.messages.map(({ id }) => id), ...state.ahead.keys()].filter(
    (id) => !present.has(id),
  );
  // What the session does not show was removed, or is older than its page. The missing publications
  // before a waiting one for it will never arrive.
  const merged = joined(without(state, new Set(gone)), session);
  const latest = session.messages.flatMap(({ id }) => find(merged, id) ?? []);
  return { ...merged, messages: [...earlier, ...latest], lost: false, title: session.title };
}

/** Takes from the session each message that is unknown here, or has more progress there. */
function joined(state: ConversationState, session: Session): ConversationState {
  const messages = [...state.messages];
  const progress = new Map(state.progress);
  for (const message of session.messages) {
    const seq = session.generation?.message === message.id ? session.generation.seq : 0;
    const at = messages.findIndex((other) => other.id === message.id);
    const known = messages[at];
    if (known === undefined) messages.push(message);
    else if (stands(message, seq) > stands(known, progress.get(known.id) ?? 0))
      messages[at] = message;
    else continue;
    if (isClosed(message)) progress.delete(message.id);
    else progress.set(message.id, seq);
  }
  const next: ConversationState = { ...state, messages, progress };
  return session.messages.reduce((reached, { id }) => caughtUp(reached, id), next);
}

function stands(message: Message, seq: number): number {
  return isClosed(message) ? Number.POSITIVE_INFINITY : seq;
}
