/** Grows the parts of a message by chunks, as the AI SDK's `readUIMessageStream` does. */

import type { Part } from "./messages.ts";
import { parsePartialJson } from "./partial_json.ts";
import type { Chunk } from "./protocol.ts";

/** A part or a chunk by its fields. */
interface Fields {
  type: string;
  [field: string]: unknown;
}

type Parts = readonly Fields[];

/** Chunks that become parts as they are, and the fields of those parts. */
const APPENDED: Record<string, readonly string[]> = {
  "source-url": ["sourceId", "url", "title"],
  "source-document": ["sourceId", "mediaType", "title", "filename"],
  file: ["mediaType", "url"],
  "reasoning-file": ["mediaType", "url"],
  custom: ["kind"],
  "steering-message": ["id", "parts"],
};
const ABOUT_CALLS = ["toolMetadata", "providerExecuted"];

/** The parts after these chunks; unknown kinds change nothing. */
export function growParts(parts: readonly Part[], chunks: readonly Chunk[]): readonly Part[] {
  const before = parts as unknown as Parts;
  const after = (chunks as unknown as readonly Fields[]).reduce(grow, before);
  // Inputs are parsed once for all chunks that arrived together.
  const shown = after.map((part, at) => (part === before[at] ? part : withInput(part)));
  return (after === before ? before : shown) as unknown as readonly Part[];
}

function grow(parts: Parts, chunk: Fields): Parts {
  const { type } = chunk;
  const [, kind = "", step] = /^(text|reasoning)-(start|delta|end)$/.exec(type) ?? [];
  if (step === "start") {
    return [
      ...parts,
      { type: kind, text: "", ...pick(chunk, "providerMetadata"), state: "streaming" },
    ];
  }
  if (step !== undefined) return write(parts, kind, chunk);
  if (type.startsWith("data-")) return putData(parts, chunk);
  const appended = APPENDED[type];
  if (appended !== undefined) {
    return [...parts, { type, ...pick(chunk, ...appended, "providerMetadata") }];
  }
  switch (type) {
    case "start-step":
      return [...parts, { type: "step-start" }];
    case "reset-step":
      return parts.slice(0, stepOf(parts));
    case "tool-input-start":
      return call(parts, chunk, "input-streaming");
    case "tool-input-available":
      return call(parts, chunk, "input-available");
    case "tool-input-error":
      return call(parts, chunk, "output-error");
    case "tool-input-delta":
      return replace(parts, ofStep(parts, chunk), ({ input: _, ...part }) => ({
        ...part,
        rawInput: String(part.rawInput ?? "") + chunk.inputTextDelta,
      }));
    case "tool-output-available":
    case "tool-output-error":
    case "tool-output-denied":
    case "tool-approval-request":
      return replace(parts, called(parts, chunk), (part) => answered(withInput(part), chunk));
    case "tool-approval-response":
      return replace(parts, parts.findIndex(asked(chunk)), (part) => decided(part, chunk));
    default:
      return parts;
  }
}

function pick(from: Fields, ...names: readonly string[]): object {
  return Object.fromEntries(names.flatMap((name) => (name in from ? [[name, from[name]]] : [])));
}

function replace(parts: Parts, at: number, change: (part: Fields) => Fields): Parts {
  const part = parts[at];
  return part === undefined ? parts : parts.with(at, change(part));
}

/** Appends to the last part of that type, or ends it; only one grows at a time. */
function write(parts: Parts, kind: string, chunk: Fields): Parts {
  const at = parts.findLastIndex(({ type }) => type === kind);
  const more = pick(chunk, "providerMetadata", "citations");
  if (chunk.type.endsWith("-end")) {
    return replace(parts, at, ({ state: _, ...part }) => ({ ...part, ...more }));
  }
  if (at < 0) return [...parts, { type: kind, text: chunk.delta, ...more, state: "streaming" }];
  return replace(parts, at, (part) => ({
    ...part,
    text: String(part.text) + chunk.delta,
    ...more,
  }));
}

function putData(parts: Parts, chunk: Fields): Parts {
  if (chunk.transient) return parts;
  const part = { type: chunk.type, ...pick(chunk, "id", "data") };
  const at = parts.findIndex(({ type, id }) => type === chunk.type && id === chunk.id);
  return at < 0 || chunk.id === undefined ? [...parts, part] : parts.with(at, part);
}

export function isTool({ type }: Fields): boolean {
  return type === "dynamic-tool" || type.startsWith("tool-");
}

function stepOf(parts: Parts): number {
  return parts.findLastIndex(({ type }) => type === "step-start") + 1;
}

/**
 * The index of the tool part of that call in this step, dynamic or not as given, otherwise either.
 */
function ofStep(parts: Parts, { toolCallId }: Fields, dynamic?: boolean): number {
  const step = stepOf(parts);
  return parts.findIndex(
    (part, at) =>
      at >= step &&
      isTool(part) &&
      part.toolCallId === toolCallId &&
      (dynamic ?? isDynamic(part)) === isDynamic(part),
  );
}

/** The index of the call's part: in this step, or else the last one anywhere. */
function called(parts: Parts, chunk: Fields): number {
  const at = ofStep(parts, chunk);
  if (at >= 0) return at;
  return parts.findLastIndex((part) => isTool(part) && part.toolCallId === chunk.toolCallId);
}

function isDynamic({ type }: Fields): boolean {
  return type === "dynamic-tool";
}

/** A call begins, its input is complete, or its input is invalid. */
function call(parts: Parts, chunk: Fields, state: string): Parts {
  const error = state === "output-error";
  const at = ofStep(parts, chunk, error ? undefined : chunk.dynamic === true);
  const known = parts[at];
  const dynamic = error && known !== undefined ? isDynamic(known) : chunk.dynamic === true;
  const { toolName, toolCallId } = chunk;
  const part = inState({ type: "", toolCallId, ...known }, chunk, state, {
    ...(dynamic ? { type: "dynamic-tool", toolName } : { type: `tool-${toolName}` }),
    ...pick(chunk, "input", "errorText", "inputEncoding"),
    ...(error ? {} : pick(chunk, "title")),
  });
  return known === undefined ? [...parts, part] : parts.with(at, part);
}

/** Changes the state; drops the fields that belonged to the old state. */
function inState(part: Fields, chunk: Fields, state: string, fields: object): Fields {
  const { input, output, errorText, rawInput, inputEncoding, preliminary, ...kept } = part;
  const ended = state.startsWith("output");
  const { providerMetadata } = chunk;
  return {
    ...kept,
    state,
    ...fields,
    ...pick(chunk, ...ABOUT_CALLS),
    ...(providerMetadata !== undefined && {
      [ended ? "resultProviderMetadata" : "callProviderMetadata"]: providerMetadata,
    }),
  } as Fields;
}

function answered(part: Fields, chunk: Fields): Fields {
  switch (chunk.type) {
    case "tool-output-denied":
      return { ...part, state: "output-denied" };
    case "tool-approval-request":
      return { ...part, state: "approval-requested", approval: approval(chunk) };
    default: {
      const failed = chunk.type === "tool-output-error";
      return inState(part, chunk, failed ? "output-error" : "output-available", {
        ...pick(part, "input", ...(failed && !isDynamic(part) ? ["rawInput"] : [])),
        ...pick(chunk, "output", "errorText", "preliminary"),
      });
    }
  }
}

function approval(chunk: Fields): object {
  const { approvalId: id, approvalDescriptor: descriptor, reason: requestReason } = chunk;
  return {
    id,
    ...(descriptor != null && { descriptor }),
    ...(requestReason != null && { requestReason }),
    ...(chunk.isAutomatic === true && { isAutomatic: true }),
    ...pick(chunk, "inputSchemaInput", "signature"),
  };
}

function asked({ approvalId }: Fields): (part: Fields) => boolean {
  return ({ approval }) => (approval as { id?: unknown } | undefined)?.id === approvalId;
}

function decided(part: Fields, chunk: Fields): Fields {
  const { providerMetadata } = chunk;
  return {
    ...part,
    state: "approval-responded",
    approval: { ...(part.approval as object), ...pick(chunk, "approved", "reason") },
    ...pick(chunk, "providerExecuted"),
    ...(providerMetadata !== undefined && { callProviderMetadata: providerMetadata }),
  };
}

function withInput(part: Fields): Fields {
  const { input: _, ...rest } = part;
  const { rawInput } = part;
  if (part.state !== "input-streaming" || typeof rawInput !== "string") return part;
  const read = part.inputEncoding === "text" ? rawInput : parsePartialJson(rawInput);
  return read === undefined ? rest : { ...rest, input: read };
}
