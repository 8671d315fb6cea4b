import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Link, SubscriptionHandlers } from "../src/connection.ts";
import { Conversation } from "../src/conversation.ts";
import { CallError } from "../src/errors.ts";
import type { Status } from "../src/messages.ts";
import type { Chunk, Position, Publication, Session } from "../src/protocol.ts";
import { reduce } from "../src/state.ts";
import { prompt } from "./answers.ts";
import { pass } from "./channel.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("a conversation", () => {
  const session = (messages: readonly string[]): Session => ({
    conversation: "c",
    channel: "ai:c",
    title: "",
    messages: messages.map((id) => prompt(id)),
    since: { offset: 0, epoch: "" },
    generation: null,
  });

  /** A link with given replies, whose subscription does nothing by itself. */
  function answering(reply: (method: string, request: object) => unknown) {
    let handlers: SubscriptionHandlers | undefined;
    const calls: [string, object][] = [];
    const link = {
      call: async (method: string, request: object) => {
        calls.push([method, request]);
        return reply(method, request);
      },
      subscribe: (_channel: string, _since: Position, given: SubscriptionHandlers) => {
        handlers = given;
        given.subscribed(true, { offset: 0, epoch: "e" });
        return () => {};
      },
    } as unknown as Link;
    const closed = vi.fn();
    return {
      conversation: new Conversation("c", link, reduce, closed),
      calls,
      publish: (publication: Publication) => handlers?.publication(publication),
      unsubscribe: () => handlers?.ended(new CallError(2000, "unsubscribed by server", false)),
      closed,
    };
  }

  test("that the server refuses is gone, and says so", async () => {
    const { conversation, closed } = answering(() => {
      throw new CallError(403, "There is no such conversation.", false);
    });
    await expect(conversation.ready()).rejects.toMatchObject({ code: 403 });
    expect(conversation.sync.value).toBe("gone");
    expect(closed).toHaveBeenCalledOnce();
  });

  test("whose opening fails for good says why", async () => {
    const failure = new CallError(404, "There is no such method.", false);
    const { conversation } = answering(() => {
      throw failure;
    });
    await expect(conversation.ready()).rejects.toBe(failure);
    expect(conversation.failure).toBe(failure);
  });

  test("that is closed before it is shown will not be ready", async () => {
    const { conversation, closed } = answering(() => new Promise(() => {}));
    const ready = conversation.ready();
    conversation.close();
    await expect(ready).rejects.toThrow("closed");
    conversation.close();
    expect(closed).toHaveBeenCalledOnce();
  });

  test("that is deleted elsewhere is gone", async () => {
    const { conversation, publish, closed } = answering(() => session(["1"]));
    await conversation.ready();
    publish({ type: "deleted" });
    expect(conversation.sync.value).toBe("gone");
    expect(closed).toHaveBeenCalledOnce();
  });

  test("pages back to its beginning, by the cursors that the server gives", async () => {
    const ids = Array.from({ length: 120 }, (_, index) => String(index));
    const { conversation, unsubscribe } = answering((method, request) => {
      const { before } = request as { before?: string };
      // fewer than requested: they are long
      if (method === "open") return { ...session(ids.slice(-20)), next: "100" };
      const end = Number(before);
      const page = { messages: session(ids.slice(Math.max(0, end - 50), end)).messages };
      return end > 50 ? { ...page, next: String(end - 50) } : page;
    });
    await conversation.ready();
    expect(conversation.hasEarlier).toBe(true);
    await conversation.loadEarlier();
    expect(conversation.state.value.messages.map(({ id }) => id)).toEqual(ids.slice(-70));
    await conversation.loadEarlier();
    await conversation.loadEarlier();
    expect(conversation.state.value.messages.map(({ id }) => id)).toEqual(ids);
    expect(conversation.hasEarlier).toBe(false);
    unsubscribe();
    await pass(1_000);
    expect(conversation.sync.value).toBe("live");
    expect(conversation.state.value.messages.length).toBe(120);
    expect(conversation.hasEarlier).toBe(false);
  });

  test("whose answer was made anew by a call without a reply takes that for success", async () => {
    let messages = ["u", "a"];
    const { conversation } = answering((method) => {
      if (method === "open") return session(messages);
      messages = ["u", "b"];
      throw new CallError(
        409,
        "An answer is still being written here. Wait for it, or stop it.",
        false,
      );
    });
    await conversation.ready();
    await conversation.regenerate("a");
    expect(conversation.state.value.messages.map(({ id }) => id)).toEqual(["u", "b"]);
  });

  test("never shows an answer beside the one made in its place", async () => {
    const { conversation } = answering((method) =>
      method === "open" ? session(["u", "a", "v", "b"]) : session(["c"]),
    );
    await conversation.ready();
    await conversation.regenerate("a");
    expect(conversation.state.value.messages.map(({ id }) => id)).toEqual(["u", "c"]);
  });

  test("makes the answer to a prompt anew", async () => {
    const answer = {
      ...prompt("a"),
      role: "assistant" as const,
      metadata: { status: "complete" as const },
    };
    const { conversation, calls } = answering((method) =>
      method === "open" ? { ...session([]), messages: [prompt("u"), answer] } : session(["c"]),
    );
    await conversation.ready();
    await conversation.regenerate("u");
    expect(calls.at(-1)).toMatchObject(["regenerate", { message: "a" }]);
    expect(conversation.state.value.messages.map(({ id }) => id)).toEqual(["u", "c"]);
  });

  test("never shows a prompt beside its edited version", async () => {
    const { conversation, calls } = answering((method) =>
      method === "open" ? session(["u", "a", "v", "b"]) : session(["w", "c"]),
    );
    await conversation.ready();
    await conversation.edit("v", "again");
    expect(calls.at(-1)).toMatchObject(["send", { replaces: "v", text: "again" }]);
    expect(conversation.state.value.messages.map(({ id }) => id)).toEqual(["u", "a", "w", "c"]);
  });

  test("opens again where the prompt that it edits was edited elsewhere", async () => {
    let messages = ["u", "a"];
    const { conversation } = answering((method) => {
      if (method === "open") return session(messages);
      messages = ["w", "c"];
      return session(messages);
    });
    await conversation.ready();
    await conversation.edit("v", "again");
    expect(conversation.state.value.messages.map(({ id }) => id)).toEqual(["w", "c"]);
  });

  test("shows the version that was chosen", async () => {
    let messages = ["u", "a", "v", "b"];
    const { conversation } = answering((method) => {
      if (method === "choose") messages = ["x", "y"];
      return session(messages);
    });
    await conversation.ready();
    await conversation.choose("x");
    expect(conversation.state.value.messages.map(({ id }) => id)).toEqual(["x", "y"]);
  });

  /**
   * A conversation whose answer has that status and refuses the first decisions; `before` runs
   * before the refusal.
   */
  async function deciding(status: Status, refusals: number, before: (seen: () => void) => void) {
    const answer = { ...prompt("a"), role: "assistant" as const, metadata: { status } };
    let left = refusals;
    const { conversation, calls, publish } = answering((method) => {
      if (method === "open") return { ...session([]), messages: [prompt("u"), answer] };
      if (left-- <= 0) return { ...session([]), messages: [answer] };
      before(() => {
        const chunk = { type: "message-metadata", messageMetadata: { status: "waiting" } };
        publish({ type: "chunks", message: "a", seq: 1, chunks: [chunk as Chunk] });
      });
      throw new CallError(
        409,
        "An answer is still being written here. Wait for it, or stop it.",
        false,
      );
    });
    await conversation.ready();
    return { decided: conversation.continue("a", { approvals: [] }), calls };
  }

  test.each<[string, Status, (seen: () => void) => void]>([
    ["after the refusal", "streaming", (seen) => setTimeout(seen, 50)],
    ["before the refusal", "streaming", (seen) => seen()],
    ["before the decision", "waiting", () => {}],
  ])("decides once the answer waits, seen %s", async (_, status, before) => {
    const { decided, calls } = await deciding(status, 1, before);
    await pass(100);
    await decided;
    expect(calls.map(([method]) => method)).toEqual(["open", "continue", "continue"]);
  });

  test.each<[Status, number]>([
    ["waiting", 2],
    ["complete", 1],
  ])("refuses a decision for good (%s)", async (status, asked) => {
    const { decided, calls } = await deciding(status, 3, () => {});
    await expect(decided).rejects.toMatchObject({ code: 409 });
    expect(calls.length).toBe(1 + asked);
  });

  test("that is busy refuses to make an answer anew", async () => {
    const { conversation } = answering((method) => {
      if (method === "open") return session(["u", "a"]);
      throw new CallError(
        409,
        "An answer is still being written here. Wait for it, or stop it.",
        false,
      );
    });
    await conversation.ready();
    await expect(conversation.regenerate("a")).rejects.toMatchObject({ code: 409 });
  });
});
