/** Replays a message as the chunks that make it. */

import type { UIMessageChunk } from "ai";
import { isClosed, type Message } from "../messages.ts";

/** A part, with the fields that are read here; unknown kinds of parts and chunks pass through. */
export interface AnyPart {
  type: string;
  state?: string;
  [field: string]: unknown;
}

/** Thrown if a message shows less than before, or something else: chunks can only add. */
export class NotContinued extends Error {}

/**
 * The chunks that turn a view of `before` into a view of `after`; from the beginning if `before` is
 * null.
 */
export function difference(before: Message | null, after: Message): UIMessageChunk[] {
  const chunks: UIMessageChunk[] = [];
  if (before === null) chunks.push(start(after));
  else if (!same(before.metadata, after.metadata)) chunks.push(metadata(after));
  const shown = parts(before);
  const wanted = parts(after);
  if (shown.length > wanted.length) throw new NotContinued();
  wanted.forEach((part, index) => {
    chunks.push(...partDifference(shown[index], part, index));
  });
  return chunks;
}

/** The chunks that end a closed message, with its final metadata. */
export function ending(message: Message): UIMessageChunk[] {
  const { status, finish_reason, error } = message.metadata;
  if (status === "failed") return [metadata(message), { type: "error", errorText: error ?? "" }];
  if (status !== "complete") return [metadata(message), { type: "abort", reason: status ?? "" }];
  const finish = { type: "finish", finishReason: finish_reason, messageMetadata: message.metadata };
  return [finish as UIMessageChunk];
}

/**
 * For a running answer, the parts before the first tool that the AI SDK continues on resuming. To
 * such a message, the AI SDK would append the whole stream instead of beginning anew.
 */
export function resumable(message: Message): Message {
  const at = isClosed(message) ? -1 : parts(message).findIndex(isContinued);
  return at < 0 ? message : { ...message, parts: message.parts.slice(0, at) };
}

function isContinued(part: AnyPart): boolean {
  const { state, providerExecuted } = part;
  if (!isTool(part)) return false;
  if (state === "input-available") return providerExecuted === true;
  return state === "input-streaming" || state === "approval-responded";
}

export function start({ id, metadata }: Message): UIMessageChunk {
  return { type: "start", messageId: id, messageMetadata: metadata };
}

function metadata({ metadata }: Message): UIMessageChunk {
  return { type: "message-metadata", messageMetadata: metadata };
}

function parts(message: Message | null): readonly AnyPart[] {
  return (message?.parts ?? []) as readonly AnyPart[];
}

function partDifference(
  before: AnyPart | undefined,
  after: AnyPart,
  index: number,
): readonly UIMessageChunk[] {
  if (before !== undefined && same(before, after)) return [];
  if (before !== undefined && before.type !== after.type) throw new NotContinued();
  if (after.type === "text" || after.type === "reasoning") return written(before, after, index);
  if (isTool(after)) return called(before, after);
  if (before !== undefined && !after.type.startsWith("data-")) throw new NotContinued();
  if (after.type === "step-start") return [{ type: "start-step" }];
  return [after as unknown as UIMessageChunk];
}

function written(before: AnyPart | undefined, after: AnyPart, index: number): UIMessageChunk[] {
  // numbered as in the protocol, because publications continue with the same id
  const id = String(index + 1);
  const [had, has] = [String(before?.text ?? ""), String(after.text)];
  const grew = has.length > had.length;
  const ended = before !== undefined && before.state !== "streaming";
  if (!has.startsWith(had) || (grew && ended)) throw new NotContinued();
  const chunks: object[] = [];
  const { providerMetadata, citations } = after;
  if (before === undefined) {
    chunks.push({ type: `${after.type}-start`, id, ...defined({ providerMetadata }) });
  }
  if (grew) chunks.push({ type: `${after.type}-delta`, id, delta: has.slice(had.length) });
  if (after.state !== "streaming" && !ended) {
    chunks.push({ type: `${after.type}-end`, id, ...defined({ citations }) });
  }
  return chunks as UIMessageChunk[];
}

/** States of a call with complete input, and those that may follow without a new call. */
const ASKED: ReadonlySet<string | undefined> = new Set([
  "input-available",
  "approval-requested",
  "approval-responded",
]);
const DECIDED: ReadonlySet<string | undefined> = new Set([
  "approval-requested",
  "approval-responded",
  "output-available",
  "output-error",
  "output-denied",
]);

export function isTool({ type }: AnyPart): boolean {
  return type === "dynamic-tool" || type.startsWith("tool-");
}

/**
 * A tool call in its present state. `tool-input-available` makes the app act (`onToolCall`), so it
 * is used only for a call that nobody has answered; for any other, the input is sent as the text of
 * its arguments.
 */
function called(before: AnyPart | undefined, after: AnyPart): UIMessageChunk[] {
  const { toolCallId, providerExecuted, title, toolMetadata, input, rawInput, state } = after;
  const dynamic = after.type === "dynamic-tool" || undefined;
  const toolName = dynamic ? after.toolName : after.type.slice("tool-".length);
  const call = {
    toolCallId,
    toolName,
    ...defined({ dynamic, providerExecuted, title, toolMetadata }),
    ...defined({ providerMetadata: after.callProviderMetadata }),
  };
  if (state === "input-available" && before?.state !== "input-available") {
    return [{ type: "tool-input-available", ...call, input }] as UIMessageChunk[];
  }
  // an input that is a string may have been written as plain text, known only while it is written
  const begun =
    typeof rawInput === "string" && (state === "input-streaming" || typeof input !== "string");
  const inputTextDelta = begun ? rawInput : JSON.stringify(input);
  const known = DECIDED.has(after.state) && ASKED.has(before?.state) && same(before?.input, input);
  const written = [
    { type: "tool-input-start", ...call, ...defined({ inputEncoding: after.inputEncoding }) },
    ...(inputTextDelta === undefined
      ? []
      : [{ type: "tool-input-delta", toolCallId, inputTextDelta }]),
  ];
  return [
    ...(known ? [] : written),
    ...approved(known ? before : undefined, after),
    ...answered(after),
  ] as UIMessageChunk[];
}

interface Approval {
  id: string;
  approved?: boolean;
  reason?: string;
  requestReason?: string;
  descriptor?: unknown;
}

function approved(before: AnyPart | undefined, { toolCallId, approval, state }: AnyPart): object[] {
  if (approval === undefined) return [];
  const { id, approved, reason, requestReason, descriptor, ...asked } = approval as Approval;
  const shown = before?.approval as Approval | undefined;
  const request = {
    type: "tool-approval-request",
    toolCallId,
    approvalId: id,
    ...defined({ reason: requestReason, approvalDescriptor: descriptor }),
    ...asked,
  };
  const response = {
    type: "tool-approval-response",
    approvalId: id,
    approved,
    ...defined({ reason }),
  };
  const decided = approved !== undefined && state !== "approval-requested";
  return [
    ...(shown?.id === id ? [] : [request]),
    ...(decided && shown?.approved !== approved ? [response] : []),
  ];
}

function answered(part: AnyPart): object[] {
  const { toolCallId, providerExecuted, preliminary, output, errorText } = part;
  const common = {
    toolCallId,
    ...defined({ providerExecuted, providerMetadata: part.resultProviderMetadata }),
  };
  switch (part.state) {
    case "output-available":
      return [{ type: "tool-output-available", ...common, output, ...defined({ preliminary }) }];
    case "output-error":
      return [{ type: "tool-output-error", ...common, errorText }];
    case "output-denied":
      return [{ type: "tool-output-denied", toolCallId }];
    default:
      return [];
  }
}

function defined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function same(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
