/** One assistant message growing by the chunks of its publications. */

import type { Chunk, Message, Metadata, Part, Status } from "./protocol.ts";

/** A message of which nothing is known yet but that it was announced. */
export function blankMessage(id: string): Message {
  return { id, role: "assistant", parts: [], metadata: { status: "streaming" } };
}

/** The message after these chunks; a type of chunk that is not known here changes nothing. */
export function applyChunks(message: Message, chunks: readonly Chunk[]): Message {
  return chunks.reduce(applyChunk, message);
}

function applyChunk(message: Message, chunk: Chunk): Message {
  switch (chunk.type) {
    case "start":
      return withMetadata(message, { status: "streaming", ...chunk.messageMetadata });
    case "text-start":
      return {
        ...message,
        parts: [...message.parts, { type: "text", text: "", state: "streaming" }],
      };
    case "reasoning-start":
      return {
        ...message,
        parts: [...message.parts, { type: "reasoning", text: "", state: "streaming" }],
      };
    case "text-delta":
      return grow(message, "text", chunk.delta);
    case "reasoning-delta":
      return grow(message, "reasoning", chunk.delta);
    case "text-end":
      return endParts(message, "text");
    case "reasoning-end":
      return endParts(message, "reasoning");
    case "source-url":
      return { ...message, parts: [...message.parts, chunk] };
    case "finish":
      return close(message, "complete", {
        ...(chunk.finishReason !== undefined && { finish_reason: chunk.finishReason }),
        ...chunk.messageMetadata,
      });
    case "abort":
      return close(
        message,
        chunk.reason === "interrupted" ? "interrupted" : "stopped",
        chunk.messageMetadata,
      );
    case "error":
      return close(message, "failed", { error: chunk.errorText, ...chunk.messageMetadata });
    default:
      return message;
  }
}

function withMetadata(message: Message, metadata: Metadata): Message {
  return { ...message, metadata: { ...message.metadata, ...metadata } };
}

/** Appends to the last part of that type; one generation has at most one of each that grows. */
function grow(message: Message, type: "text" | "reasoning", delta: string): Message {
  const at = message.parts.findLastIndex((part) => part.type === type);
  const part = message.parts[at];
  if (part === undefined || !("text" in part)) {
    return { ...message, parts: [...message.parts, { type, text: delta, state: "streaming" }] };
  }
  return { ...message, parts: message.parts.with(at, { ...part, text: part.text + delta }) };
}

function endParts(message: Message, type?: "text" | "reasoning"): Message {
  return {
    ...message,
    parts: message.parts.map((part) => (ends(part, type) ? ended(part) : part)),
  };
}

function ends(part: Part, type: "text" | "reasoning" | undefined): boolean {
  return "text" in part && part.state === "streaming" && (type ?? part.type) === part.type;
}

function ended(part: Part): Part {
  if (!("text" in part)) return part;
  const { state: _, ...rest } = part;
  return rest;
}

function close(message: Message, status: Status, metadata?: Metadata): Message {
  return endParts(withMetadata(message, { status, ...metadata }));
}
