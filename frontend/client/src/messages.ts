/** Messages and their parts; names inside them are the Vercel AI SDK's. */

export type Status =
  | "queued"
  | "streaming"
  | "waiting"
  | "complete"
  | "stopped"
  | "failed"
  | "interrupted";

/** Data of the model's provider about a part, which it may want back with the part. */
export type ProviderMetadata = Record<string, unknown>;

interface FromProvider {
  providerMetadata?: ProviderMetadata;
}

export interface SourceUrl extends FromProvider {
  type: "source-url";
  sourceId: string;
  url: string;
  title?: string;
}

export interface SourceDocument extends FromProvider {
  type: "source-document";
  sourceId: string;
  mediaType: string;
  title: string;
  filename?: string;
}

export interface ReasoningFile extends FromProvider {
  type: "reasoning-file";
  mediaType: string;
  url: string;
}

export interface Custom extends FromProvider {
  type: "custom";
  kind: string;
}

export interface SteeringMessage {
  type: "steering-message";
  id: string;
  parts: readonly Part[];
}

export interface DataPart {
  type: `data-${string}`;
  id?: string;
  data: unknown;
}

export interface Approval {
  id: string;
  approved?: boolean;
  reason?: string;
  requestReason?: string;
  descriptor?: unknown;
  isAutomatic?: boolean;
  signature?: string;
  inputSchemaInput?: unknown;
}

/** A tool call; the name of a `dynamic-tool` is in `toolName`. */
export interface ToolPart {
  type: `tool-${string}` | "dynamic-tool";
  toolName?: string;
  toolCallId: string;
  state:
    | "input-streaming"
    | "input-available"
    | "approval-requested"
    | "approval-responded"
    | "output-available"
    | "output-error"
    | "output-denied";
  input?: unknown;
  /** The text of the input while it is incomplete. */
  rawInput?: string;
  inputEncoding?: "json" | "text";
  output?: unknown;
  preliminary?: boolean;
  errorText?: string;
  approval?: Approval;
  title?: string;
  providerExecuted?: boolean;
  toolMetadata?: Record<string, unknown>;
  callProviderMetadata?: ProviderMetadata;
  resultProviderMetadata?: ProviderMetadata;
}

export type Part =
  | ({
      type: "text";
      text: string;
      state?: "streaming" | "done";
      citations?: readonly unknown[];
    } & FromProvider)
  | ({ type: "reasoning"; text: string; state?: "streaming" | "done" } & FromProvider)
  | ({ type: "file"; mediaType: string; url: string; filename?: string } & FromProvider)
  | SourceUrl
  | SourceDocument
  | ReasoningFile
  | Custom
  | SteeringMessage
  | { type: "step-start" }
  | DataPart
  | ToolPart;

export interface Usage {
  input_tokens: number;
  output_tokens: number;
  reasoning_tokens?: number;
  cached_input_tokens?: number;
  estimated?: boolean;
}

export interface Metadata {
  status?: Status;
  model?: string;
  finish_reason?: string;
  usage?: Usage;
  /** Unix seconds. */
  created_at?: number;
  error?: string;
  /** If there are several versions: the ids of all, in order of creation, including its own. */
  versions?: readonly string[];
  /** Further metadata from the responder. */
  [given: string]: unknown;
}

export interface Message {
  id: string;
  role: "user" | "assistant";
  parts: readonly Part[];
  metadata: Metadata;
}

const ENDED: ReadonlySet<Status | undefined> = new Set<Status>([
  "complete",
  "stopped",
  "failed",
  "interrupted",
]);

/** Whether nothing more can arrive for this message. */
export function isClosed(message: Message): boolean {
  return message.role === "user" || ENDED.has(message.metadata.status);
}

/** Whether it waits for a decision: see `Conversation.continue`. */
export function isWaiting(message: Message): boolean {
  return message.metadata.status === "waiting";
}

/** The text that a message shows, without its reasoning. */
export function textOf(message: Message): string {
  return message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}
