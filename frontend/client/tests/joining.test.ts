import { describe, expect, test } from "vitest";
import { blankMessage } from "../src/chunks.ts";
import type { Message } from "../src/messages.ts";
import type { Publication } from "../src/protocol.ts";
import { emptyConversation, hasHole, reduce } from "../src/state.ts";
import { prompt } from "./answers.ts";
import { session, whole } from "./sessions.ts";

describe("what an answer joins with", () => {
  const closed = (id: string): Message => ({
    ...blankMessage(id),
    metadata: { status: "complete" },
  });
  const before = reduce(emptyConversation, whole(session([prompt("p1"), closed("a1")])));
  const ids = (state: typeof before) => state.messages.map(({ id }) => id);
  const joins = (message: string, asked: string, after?: string): Publication => ({
    type: "chunks",
    message,
    seq: 1,
    chunks: [{ type: "start", messageId: message }],
    prompt: prompt(asked),
    ...(after !== undefined && { after }),
  });

  test("a prompt that nobody told of comes with its answer", () => {
    expect(ids(reduce(before, joins("a2", "p2", "a1")))).toEqual(["p1", "a1", "p2", "a2"]);
  });

  test("an answer that is made anew takes the place of all behind its prompt", () => {
    expect(ids(reduce(before, joins("a3", "p1")))).toEqual(["p1", "a3"]);
  });

  test("behind a message that is not here it has to be opened again", () => {
    const lost = reduce(before, joins("a3", "p3", "a2"));
    expect([ids(lost), hasHole(lost)]).toEqual([["p1", "a1"], true]);
    const found = reduce(lost, whole(session([prompt("p1"), closed("a1")])));
    expect(hasHole(found)).toBe(false);
    const message: Publication = { type: "message", message: prompt("p3"), after: "a2" };
    expect(hasHole(reduce(before, message))).toBe(true);
    expect(ids(reduce(before, { ...message, after: "a1" }))).toEqual(["p1", "a1", "p3"]);
  });

  test("what is not there after opening again has left, and is not asked for once more", () => {
    const late: Publication = { type: "message", message: prompt("p3"), after: "a2" };
    const found = reduce(reduce(before, late), whole(session([prompt("p1"), closed("a1")])));
    const again = reduce(found, late);
    expect([ids(again), hasHole(again)]).toEqual([["p1", "a1"], false]);
    expect(ids(reduce(again, joins("a3", "p3", "a2")))).toEqual(["p1", "a1", "p3", "a3"]);
  });

  test("an answer that is known joins once", () => {
    const queued: Message = { ...blankMessage("a2"), metadata: { status: "queued" } };
    const known = [prompt("p2"), queued, prompt("p3")].reduce(
      (state, message) => reduce(state, { type: "message", message }),
      before,
    );
    expect(ids(reduce(known, joins("a2", "p2", "a1")))).toEqual(ids(known));
  });

  test("an older title is dropped", () => {
    const titled = reduce(before, { type: "title", title: "new", version: 3 });
    expect(reduce(titled, { type: "title", title: "old", version: 2 }).title).toBe("new");
  });
});
