/** What client and proxy server say to each other; names inside messages and chunks are the Vercel AI SDK's. */

export type Status =
  | "queued"
  | "streaming"
  | "waiting"
  | "complete"
  | "stopped"
  | "failed"
  | "interrupted";

/** What a model's provider has to say of a part, and may want back with it. */
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

/** A call of a tool; the name of a `dynamic-tool` is in `toolName`. */
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
  /** The input as it is written, while that is not complete. */
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
  /** Where there are several versions: the ids of all in the order in which they were made, its own among them. */
  versions?: readonly string[];
  /** What whoever made the answer gave beside these. */
  [given: string]: unknown;
}

export interface Message {
  id: string;
  role: "user" | "assistant";
  parts: readonly Part[];
  metadata: Metadata;
}

/** A place in a channel's history. */
export interface Position {
  offset: number;
  epoch: string;
}

export interface Session {
  conversation: string;
  /** The client's own name for the conversation, where it has given one. */
  key?: string;
  archived?: boolean;
  channel: string;
  title: string;
  messages: readonly Message[];
  since: Position;
  generation: { message: string; seq: number; status: Status } | null;
  /** From `open`: the cursor of `history` for the messages before these, where there are any. */
  next?: string;
}

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
  /** The first piece has what the answer joins with: its prompt, and the id of the message before that. */
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
  /** The client's own name for the conversation, where it has given one. */
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

export interface ConversationPage {
  conversations: readonly Summary[];
  next?: string;
  channel: string;
  since: Position;
}

/** A message that was searched for, or, without `message`, a conversation by its title. */
export interface Hit {
  conversation: string;
  title: string;
  /** One line around the first place that matches. */
  excerpt: string;
  /** The places in it that match, as `slice` takes them. */
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

/** A name that a prompt may give. */
export interface Model {
  id: string;
  /** One for people. */
  title?: string;
  /** What a prompt to it may hold: `text`, `image`, and what comes to be. */
  input: readonly string[];
}

export type WhenBusy = "reject" | "queue" | "interrupt";

/** What the user has decided about an answer that waits, or done for it. */
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

const ENDED: ReadonlySet<Status | undefined> = new Set<Status>([
  "complete",
  "stopped",
  "failed",
  "interrupted",
]);

/** Whether nothing more can come for this message. */
export function isClosed(message: Message): boolean {
  return message.role === "user" || ENDED.has(message.metadata.status);
}

/** Whether it rests until somebody decides: `Conversation.continue`. */
export function isWaiting(message: Message): boolean {
  return message.metadata.status === "waiting";
}

/** The text a message shows, its reasoning left out. */
export function textOf(message: Message): string {
  return message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}
