/**
 * Opened conversations, and what arrives on channels; names inside chunks are the Vercel AI SDK's.
 */

import type {
  Custom,
  Message,
  Metadata,
  ReasoningFile,
  SourceDocument,
  SourceUrl,
  Status,
  SteeringMessage,
} from "./messages.ts";

/** A position in a channel's history. */
export interface Position {
  offset: number;
  epoch: string;
}

export interface Session {
  conversation: string;
  /** The client's own name for the conversation, if it gave one. */
  key?: string;
  archived?: boolean;
  channel: string;
  title: string;
  messages: readonly Message[];
  since: Position;
  generation: { message: string; seq: number; status: Status } | null;
  /** From `open`: the cursor of `history` for the messages before these, if any. */
  next?: string;
}

type FromProvider = Pick<SourceUrl, "providerMetadata">;

interface Call extends FromProvider {
  toolCallId: string;
  toolMetadata?: Record<string, unknown>;
  providerExecuted?: boolean;
  dynamic?: boolean;
}

interface NamedCall extends Call {
  toolName: string;
  title?: string;
}

export type Chunk =
  | { type: "start"; messageId: string; messageMetadata?: Metadata }
  | ({ type: "text-start" | "reasoning-start"; id: string } & FromProvider)
  | ({ type: "text-delta" | "reasoning-delta"; id: string; delta: string } & FromProvider)
  | ({ type: "text-end" | "reasoning-end"; id: string; citations?: unknown[] } & FromProvider)
  | ({ type: "tool-input-start"; inputEncoding?: "json" | "text" } & NamedCall)
  | { type: "tool-input-delta"; toolCallId: string; inputTextDelta: string }
  | ({ type: "tool-input-available"; input?: unknown } & NamedCall)
  | ({ type: "tool-input-error"; input?: unknown; errorText: string } & NamedCall)
  | {
      type: "tool-approval-request";
      toolCallId: string;
      approvalId: string;
      reason?: string;
      isAutomatic?: boolean;
      signature?: string;
      approvalDescriptor?: unknown;
      inputSchemaInput?: unknown;
    }
  | ({
      type: "tool-approval-response";
      approvalId: string;
      approved: boolean;
      reason?: string;
      providerExecuted?: boolean;
    } & FromProvider)
  | ({ type: "tool-output-available"; output?: unknown; preliminary?: boolean } & Call)
  | ({ type: "tool-output-error"; errorText: string } & Call)
  | { type: "tool-output-denied"; toolCallId: string }
  | SourceUrl
  | SourceDocument
  | ({ type: "file"; url: string; mediaType: string } & FromProvider)
  | ReasoningFile
  | Custom
  | SteeringMessage
  | { type: `data-${string}`; id?: string; data?: unknown; transient?: boolean }
  | { type: "start-step" | "finish-step" | "reset-step" }
  | { type: "message-metadata"; messageMetadata: Metadata }
  | { type: "finish"; finishReason?: string; messageMetadata?: Metadata }
  | { type: "abort"; reason?: string; messageMetadata?: Metadata }
  | { type: "error"; errorText: string; messageMetadata?: Metadata };

/** What arrives on a conversation's channel. */
export type Publication =
  /** `after` is the id of the message before it. */
  | { type: "message"; message: Message; after?: string }
  /** The first piece contains the answer's prompt, and the id of the message before the prompt. */
  | {
      type: "chunks";
      message: string;
      seq: number;
      chunks: readonly Chunk[];
      prompt?: Message;
      after?: string;
    }
  | { type: "removed"; messages: readonly string[] }
  | { type: "title"; title: string; version?: number }
  | { type: "deleted" };

export interface Summary {
  id: string;
  /** The client's own name for the conversation, if it gave one. */
  key?: string;
  title: string;
  /** Unix seconds. */
  updated_at: number;
  status: Status;
  archived?: boolean;
  /** Grows with each change of the conversation. */
  version?: number;
}

/** What arrives on the user's own channel. */
export type ListPublication =
  | { type: "conversation"; conversation: Summary }
  | { type: "deleted"; conversation: string };
