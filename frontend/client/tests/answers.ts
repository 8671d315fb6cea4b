/** Answers as a server publishes them: numbered pieces, and the checkpoint after each. */

import { applyChunks, blankMessage } from "../src/chunks.ts";
import type { Message } from "../src/messages.ts";
import type { Chunk, Publication } from "../src/protocol.ts";
import type { Random } from "./random.ts";

export type ChunksPublication = Extract<Publication, { type: "chunks" }>;

export function prompt(id: string, text = "Why?"): Message {
  return { id, role: "user", parts: [{ type: "text", text }], metadata: { created_at: 1 } };
}

/** A text with every kind of character that can go wrong where pieces join. */
export function randomText(random: Random): string {
  const pieces = ["word ", "é", "👩‍🚀", "\n\n", "`code`", "漢字", " ", '"\\'];
  return Array.from(
    { length: 5 + random.below(60) },
    () => pieces[random.below(pieces.length)],
  ).join("");
}

/** The publications of one answer, with the text cut at random places. */
export function publications(id: string, text: string, random: Random): ChunksPublication[] {
  const reasoning = random.chance(0.3) ? "I should think first." : "";
  const chunks: Chunk[] = [
    { type: "start", messageId: id, messageMetadata: { status: "streaming" } },
  ];
  if (reasoning !== "") {
    chunks.push({ type: "reasoning-start", id: "1" });
    chunks.push(
      ...cut(reasoning, random).map((delta) => ({
        type: "reasoning-delta" as const,
        id: "1",
        delta,
      })),
    );
    chunks.push({ type: "reasoning-end", id: "1" });
  }
  chunks.push({ type: "text-start", id: "2" });
  chunks.push(
    ...cut(text, random).map((delta) => ({ type: "text-delta" as const, id: "2", delta })),
  );
  chunks.push({ type: "text-end", id: "2" });
  chunks.push({ type: "finish", finishReason: "stop", messageMetadata: { status: "complete" } });
  const published: ChunksPublication[] = [];
  while (chunks.length > 0) {
    published.push({
      type: "chunks",
      message: id,
      seq: published.length + 1,
      chunks: chunks.splice(0, 1 + random.below(4)),
    });
  }
  return published;
}

function cut(text: string, random: Random): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const next = at + 1 + random.below(12);
    pieces.push(text.slice(at, next));
    at = next;
  }
  return pieces;
}

/** The message after the first publications. */
export function messageAfter(published: readonly ChunksPublication[], count: number): Message {
  const id = published[0]?.message ?? "";
  return published
    .slice(0, count)
    .reduce((message, { chunks }) => applyChunks(message, chunks), blankMessage(id));
}
