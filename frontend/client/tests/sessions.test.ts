import { describe, expect, test } from "vitest";
import { type Message, textOf } from "../src/messages.ts";
import type { Session } from "../src/protocol.ts";
import { emptyConversation, hasHole, progressOf, reduce } from "../src/state.ts";
import { prompt } from "./answers.ts";
import { first, piece, reply, session, whole } from "./sessions.ts";

describe("sessions", () => {
  const open: Message = {
    id: "a",
    role: "assistant",
    parts: [{ type: "text", text: "ab", state: "streaming" }],
    metadata: { status: "streaming" },
  };
  const streaming = { message: "a", seq: 3, status: "streaming" as const };

  test("that are older than live publications do not turn the text back", () => {
    const live = [first, piece(2, "a"), piece(3, "b"), piece(4, "c")].reduce(
      reduce,
      emptyConversation,
    );
    const after = reduce(live, whole(session([open], streaming)));
    expect(after.messages.map(textOf)).toEqual(["abc"]);
    expect(progressOf(after, "a")).toBe(4);
  });

  test("that stand further close a hole, and what waited is applied after them", () => {
    const waiting = [first, piece(5, "d"), piece(4, "c")].reduce(reduce, emptyConversation);
    const after = reduce(waiting, whole(session([open], streaming)));
    expect(after.messages.map(textOf)).toEqual(["abcd"]);
    expect(hasHole(after)).toBe(false);
  });

  test("of a call join what its publications have already brought", () => {
    const placeholder: Message = { ...open, parts: [] };
    const state = [
      { type: "message", message: prompt("u") } as const,
      first,
      piece(2, "a"),
      reply(session([prompt("u"), placeholder], { ...streaming, seq: 0 })),
    ].reduce(reduce, emptyConversation);
    expect(state.messages.map(textOf)).toEqual(["Why?", "a"]);
    expect(reduce(state, piece(3, "b")).messages.map(textOf)).toEqual(["Why?", "ab"]);
  });

  test("without a message that waits for its beginning forget it", () => {
    const waiting = reduce(emptyConversation, piece(7, "of an answer that was made anew"));
    expect(hasHole(waiting)).toBe(true);
    expect(hasHole(reduce(waiting, whole(session([prompt("u")]))))).toBe(false);
  });

  test("keep the earlier messages that connect to theirs, and no others", () => {
    const state = reduce(
      emptyConversation,
      whole(session([prompt("1"), prompt("2"), prompt("3")])),
    );
    const ids = (shown: Session) => reduce(state, whole(shown)).messages.map(({ id }) => id);
    expect(ids(session([prompt("2"), prompt("4")]))).toEqual(["1", "2", "4"]);
    expect(ids(session([prompt("7"), prompt("8")]))).toEqual(["7", "8"]);
  });

  test("take earlier pages before what is there", () => {
    const state = reduce(emptyConversation, whole(session([prompt("3")])));
    const pages = reduce(state, { type: "history", messages: [prompt("2"), prompt("3")] });
    expect(pages.messages.map(({ id }) => id)).toEqual(["2", "3"]);
  });

  test("leave what is newer than all that is there to its publication", () => {
    const state = reduce(emptyConversation, whole(session([prompt("2"), prompt("3")])));
    const page = [prompt("1"), prompt("2"), prompt("3"), prompt("4")];
    const shown = reduce(state, { type: "history", messages: page });
    expect(shown.messages.map(({ id }) => id)).toEqual(["1", "2", "3"]);
  });

  test("show a queued answer, which starts and ends in its place", () => {
    const queued: Message = { ...open, id: "q", parts: [], metadata: { status: "queued" } };
    const state = [
      whole(session([prompt("u"), open], streaming)),
      { type: "message", message: prompt("v") } as const,
      { type: "message", message: queued } as const,
      {
        type: "chunks",
        message: "q",
        seq: 1,
        chunks: [
          { type: "start", messageId: "q" },
          { type: "abort", reason: "stopped" },
        ],
      } as const,
    ].reduce(reduce, emptyConversation);
    expect(state.messages.map(({ id, metadata }) => [id, metadata.status])).toEqual([
      ["u", undefined],
      ["a", "streaming"],
      ["v", undefined],
      ["q", "stopped"],
    ]);
  });
});
