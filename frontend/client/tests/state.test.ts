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
import { first, piece, reply, session, whole } from "./sessions.ts";

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

/** What `ai:open` returns while the answer is at `seq`. */
function checkpoint(published: ChunksPublication[], seq: number): Session {
  const message = messageAfter(published, seq);
  const running = message.metadata.status === "streaming";
  return session(
    [prompt("u"), message],
    running ? { message: message.id, seq, status: "streaming" } : null,
  );
}

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
