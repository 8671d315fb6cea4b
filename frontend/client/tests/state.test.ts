import { describe, expect, test } from "vitest";
import { blankMessage } from "../src/chunks.ts";
import { type Message, textOf } from "../src/messages.ts";
import type { Publication, Session } from "../src/protocol.ts";
import { emptyConversation, hasHole, progressOf, reduce } from "../src/state.ts";
import {
  type ChunksPublication,
  messageAfter,
  prompt,
  publications,
  randomText,
} from "./answers.ts";
import { Random, seeds } from "./random.ts";

function session(messages: Message[], generation: Session["generation"] = null): Session {
  return {
    conversation: "c",
    channel: "ai:c",
    title: "",
    messages,
    since: { offset: 0, epoch: "" },
    generation,
  };
}

/** What `ai:open` gives while the answer stands at `seq`. */
function checkpoint(published: ChunksPublication[], seq: number): Session {
  const message = messageAfter(published, seq);
  const running = message.metadata.status === "streaming";
  return session(
    [prompt("u"), message],
    running ? { message: message.id, seq, status: "streaming" } : null,
  );
}

function whole(shown: Session) {
  return { type: "session" as const, session: shown, whole: true };
}

function reply(shown: Session) {
  return { type: "session" as const, session: shown, whole: false };
}

const piece = (seq: number, delta: string): Publication => ({
  type: "chunks",
  message: "a",
  seq,
  chunks: [{ type: "text-delta", id: "1", delta }],
});
const first: Publication = {
  type: "chunks",
  message: "a",
  seq: 1,
  chunks: [
    { type: "start", messageId: "a" },
    { type: "text-start", id: "1" },
  ],
};
const last = (seq: number): Publication => ({
  type: "chunks",
  message: "a",
  seq,
  chunks: [
    { type: "text-end", id: "1" },
    { type: "finish", finishReason: "stop" },
  ],
});
const texts = (events: Parameters<typeof reduce>[1][]) =>
  events.reduce(reduce, emptyConversation).messages.map(textOf);

describe("publications", () => {
  test("are applied once, whatever is repeated", () => {
    expect(
      texts([first, piece(2, "a"), first, piece(2, "a"), piece(3, "b"), piece(2, "a")]),
    ).toEqual(["ab"]);
  });

  test("wait for those that are missing", () => {
    const waiting = [first, piece(4, "c"), piece(3, "b")].reduce(reduce, emptyConversation);
    expect(waiting.messages.map(textOf)).toEqual([""]);
    expect(hasHole(waiting)).toBe(true);
    const whole = reduce(waiting, piece(2, "a"));
    expect(whole.messages.map(textOf)).toEqual(["abc"]);
    expect(hasHole(whole)).toBe(false);
  });

  test("wait in any number, and the newest of them connect to a session", () => {
    const waiting = Array.from({ length: 5_000 }, (_, index) => piece(index + 3, "x"));
    const state = [first, ...waiting].reduce(reduce, emptyConversation);
    expect(state.ahead.get("a")?.size).toBeLessThan(1_000);
    const behind = [first, ...waiting.slice(0, 400)].reduce(reduce, emptyConversation);
    expect(textOf(reduce(behind, piece(2, "x")).messages[0] as Message)).toBe("x".repeat(401));
    const message: Message = { ...blankMessage("a"), parts: [{ type: "text", text: "…" }] };
    const seq = 4_990;
    const shown = session([message], { message: "a", seq, status: "streaming" });
    const whole = reduce(state, { type: "session", session: shown, whole: true });
    expect(hasHole(whole)).toBe(false);
    expect(progressOf(whole, "a")).toBe(5_002);
    expect(textOf(whole.messages[0] as Message)).toBe(`…${"x".repeat(12)}`);
  });

  test("of a closed message change nothing", () => {
    const closed = [first, piece(2, "a"), last(3)].reduce(reduce, emptyConversation);
    expect(reduce(closed, piece(4, "zombie"))).toBe(closed);
    expect(closed.messages[0]?.metadata.status).toBe("complete");
    expect(closed.messages[0]?.parts).toEqual([{ type: "text", text: "a" }]);
  });

  test("with chunks of unknown types are applied but for those", () => {
    const unknown = {
      type: "chunks",
      message: "a",
      seq: 2,
      chunks: [
        { type: "weather", data: 1 },
        { type: "text-delta", id: "1", delta: "a" },
      ],
    } as unknown as Publication;
    expect(texts([first, unknown])).toEqual(["a"]);
  });

  test("of unknown types change nothing", () => {
    const state = reduce(emptyConversation, first);
    expect(reduce(state, { type: "presence" } as unknown as Publication)).toBe(state);
  });

  test("that end an answer early keep its text and say why", () => {
    const ended = (chunk: object) =>
      [first, piece(2, "a"), { ...first, seq: 3, chunks: [chunk] } as Publication].reduce(
        reduce,
        emptyConversation,
      ).messages[0];
    expect(ended({ type: "abort", reason: "stopped" })?.metadata.status).toBe("stopped");
    expect(ended({ type: "abort", reason: "interrupted" })?.metadata.status).toBe("interrupted");
    const failed = ended({ type: "error", errorText: "No answer." });
    expect(failed?.metadata).toMatchObject({ status: "failed", error: "No answer." });
    expect(failed?.parts).toEqual([{ type: "text", text: "a" }]);
  });

  test("remove messages, and what waited for them", () => {
    const state = [
      { type: "message", message: prompt("u") } as const,
      first,
      piece(3, "lost"),
      { type: "removed", messages: ["a"] } as const,
    ].reduce(reduce, emptyConversation);
    expect(state.messages.map(({ id }) => id)).toEqual(["u"]);
    expect(hasHole(state)).toBe(false);
  });

  test("of a title and of the end reach the state", () => {
    const state = [{ type: "title", title: "Plans" } as const, { type: "deleted" } as const].reduce(
      reduce,
      emptyConversation,
    );
    expect(state).toMatchObject({ title: "Plans", deleted: true });
  });

  test("of a title take the place of the one that a session has brought", () => {
    const named = whole({ ...session([prompt("u")]), title: "Why?" });
    expect(reduce(emptyConversation, named).title).toBe("Why?");
    const renamed = [named, { type: "title", title: "Plans" } as const];
    expect(renamed.reduce(reduce, emptyConversation).title).toBe("Plans");
    const later = whole({ ...session([]), title: "Why not?" });
    expect([...renamed, later].reduce(reduce, emptyConversation).title).toBe("Why not?");
  });
});

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

describe("any interleaving", () => {
  test.each(seeds(500))(
    "of publications, losses, repeats and sessions ends exact (seed %i)",
    (seed) => {
      const random = new Random(seed);
      const text = randomText(random);
      const published = publications("a", text, random);
      const final = messageAfter(published, published.length);
      let state = emptyConversation;
      const check = () => {
        const shown = state.messages.find(({ id }) => id === "a");
        if (shown !== undefined) expect(text.startsWith(textOf(shown))).toBe(true);
      };
      for (const publication of published) {
        if (random.chance(0.2)) continue;
        state = reduce(state, publication);
        check();
        while (random.chance(0.3)) {
          const other = published[random.below(publication.seq + 2)];
          if (other !== undefined) state = reduce(state, other);
          check();
        }
        if (random.chance(0.15)) {
          const shown = checkpoint(published, random.below(publication.seq + 1));
          state = reduce(state, random.chance(0.5) ? whole(shown) : reply(shown));
          check();
        }
      }
      const closed = state.messages.find(({ id }) => id === "a")?.metadata.status === "complete";
      if (!closed) state = reduce(state, whole(checkpoint(published, published.length)));
      expect(state.messages.find(({ id }) => id === "a")).toEqual(final);
      expect(hasHole(state)).toBe(false);
    },
  );
});

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
