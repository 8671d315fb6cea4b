/** The methods of the service, their requests and replies. */

import type { Message, Part } from "./messages.ts";
import type { Position, Session, Summary } from "./protocol.ts";

export interface ConversationPage {
  conversations: readonly Summary[];
  next?: string;
  channel: string;
  since: Position;
}

/** A search result: a message, or a conversation by its title if `message` is absent. */
export interface Hit {
  conversation: string;
  title: string;
  /** One line around the first match. */
  excerpt: string;
  /** The matches in it: start and end, as for `slice`. */
  marks: readonly (readonly [number, number])[];
  /** Unix seconds. */
  at: number;
  message?: string;
  archived?: boolean;
}

export interface HitPage {
  hits: readonly Hit[];
  next?: string;
}

export interface HistoryPage {
  messages: readonly Message[];
  next?: string;
}

/** A model that a prompt may name. */
export interface Model {
  id: string;
  /** A display name. */
  title?: string;
  /** What a prompt may contain: `text`, `image`, possibly more in the future. */
  input: readonly string[];
}

export type WhenBusy = "reject" | "queue" | "interrupt";

/** The user's decisions on a waiting answer, and outputs of client tools. */
export interface Decisions {
  approvals?: readonly { id: string; approved: boolean; reason?: string }[];
  outputs?: readonly ToolOutput[];
}

export type ToolOutput =
  | { toolCallId: string; output: unknown }
  | { toolCallId: string; errorText: string };

/** Each method's request and reply. */
export interface Methods {
  send: [
    {
      conversation?: string;
      key?: string;
      /** The prompt of which this is a new version. */
      replaces?: string;
      id: string;
      text?: string;
      parts?: readonly Part[];
      model?: string;
      when_busy?: WhenBusy;
      data?: unknown;
    },
    Session,
  ];
  open: [{ conversation: string; limit?: number } | { key: string; limit?: number }, Session];
  stop: [{ conversation: string; message?: string }, { stopped: boolean }];
  regenerate: [{ conversation: string; message?: string; id?: string; data?: unknown }, Session];
  continue: [{ conversation: string; message: string; data?: unknown } & Decisions, Session];
  choose: [{ conversation: string; message: string; limit?: number }, Session];
  list: [{ limit?: number; before?: string; archived?: boolean }, ConversationPage];
  history: [{ conversation: string; limit?: number; before?: string }, HistoryPage];
  rename: [{ conversation: string; title: string }, Record<string, never>];
  archive: [{ conversation: string; archived: boolean }, Record<string, never>];
  delete: [{ conversation: string }, Record<string, never>];
  models: [Record<string, never>, { models: readonly Model[] }];
  upload: [
    {
      id: string;
      part: number;
      parts: number;
      /** Base64. */
      data: string;
      media_type?: string;
      filename?: string;
      bytes?: number;
    },
    { missing?: readonly number[]; url?: string },
  ];
  download: [
    { url: string; part?: number },
    { data: string; parts: number; media_type: string; bytes: number; filename?: string },
  ];
  search: [{ query: string; limit?: number; before?: string }, HitPage];
}
