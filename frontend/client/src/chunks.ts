/** Grows one assistant message by the chunks of its publications. */

import type { Message, Metadata, Part, Status } from "./messages.ts";
import { growParts } from "./parts.ts";
import type { Chunk } from "./protocol.ts";

/** A message of which only the id is known so far. */
export function blankMessage(id: string): Message {
  return { id, role: "assistant", parts: [], metadata: { status: "streaming" } };
}

/** The message after these chunks; unknown types of chunks change nothing. */
export function applyChunks(message: Message, chunks: readonly Chunk[]): Message {
  const parts = growParts(message.parts, chunks);
  return chunks.reduce(applyChunk, parts === message.parts ? message : { ...message, parts });
}

function applyChunk(message: Message, chunk: Chunk): Message {
  switch (chunk.type) {
    case "start":
      return withMetadata(message, { status: "streaming", ...chunk.messageMetadata });
    case "message-metadata":
      return withMetadata(message, chunk.messageMetadata);
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

function close(message: Message, status: Status, metadata?: Metadata): Message {
  const closed = withMetadata(message, { status, ...metadata });
  return { ...closed, parts: closed.parts.map(ended) };
}

function ended(part: Part): Part {
  if (part.type !== "text" && part.type !== "reasoning") return part;
  const { state: _, ...rest } = part;
  return rest;
}
