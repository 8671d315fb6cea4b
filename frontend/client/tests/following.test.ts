import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Link } from "../src/connection.ts";
import { Conversation } from "../src/conversation.ts";
import { textOf } from "../src/messages.ts";
import { progressOf, type Reduce, reduce } from "../src/state.ts";
import { publications, randomText } from "./answers.ts";
import { Channel, pass } from "./channel.ts";
import { Random, seeds } from "./random.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Only `ai:open` is called here. */
function follow(channel: Channel, reducer: Reduce = reduce): Conversation {
  const call = () => channel.open();
  const subscribe: Link["subscribe"] = (...request) => channel.subscribe(...request);
  return new Conversation("c", { call, subscribe } as unknown as Link, reducer, () => {});
}

const oneTwoThree = (random: Random) =>
  new Channel(publications("a", "one two three", new Random(1)), random, 100);

const shown = (conversation: Conversation) =>
  conversation.state.value.messages.filter(({ role }) => role === "assistant").map(textOf);

/** Applies every publication as the next one, like a client without the check of `seq`. */
const unchecked: Reduce = (state, event) =>
  reduce(
    state,
    event.type === "chunks" ? { ...event, seq: progressOf(state, event.message) + 1 } : event,
  );

/**
 * An answer, and everything that can happen while it is followed; returns what is shown at the end.
 */
async function ordeal(seed: number, reducer: Reduce) {
  const random = new Random(seed);
  const text = randomText(random);
  const channel = new Channel(publications("a", text, random), random, 3 + random.below(20));
  for (let early = random.below(4); early > 0; early--) channel.publish();
  const conversation = follow(channel, reducer);
  while (!channel.ended) {
    const fate = random.next();
    if (fate < 0.05) channel.cut();
    else if (fate < 0.08) channel.restart();
    else if (fate < 0.1) channel.unsubscribe();
    else if (fate < 0.25) channel.checkpoint();
    else channel.publish(random.chance(0.05));
    await pass(random.below(60));
  }
  // the last piece may be lost, which is noticed only after a while
  await pass(120_000);
  return {
    text,
    shown: shown(conversation),
    sync: conversation.sync.value,
    opened: channel.opened,
  };
}

describe("a followed answer", () => {
  test.each(seeds(300))("is exact whatever befalls the connection (seed %i)", async (seed) => {
    const { text, shown, sync } = await ordeal(seed, reduce);
    expect(shown).toEqual([text]);
    expect(sync).toBe("live");
  });

  test("is not exact without the check of seq", async () => {
    const exact = await Promise.all(
      seeds(50).map(async (seed) => {
        const { text, shown } = await ordeal(seed, unchecked);
        return shown[0] === text;
      }),
    );
    expect(exact).toContain(false);
  });

  test("costs one call when nothing happens", async () => {
    const random = new Random(1);
    const text = randomText(random);
    const channel = new Channel(publications("a", text, random), new Random(4), 100);
    const conversation = follow(channel);
    while (!channel.ended) {
      channel.publish();
      await pass(40);
    }
    expect(shown(conversation)).toEqual([text]);
    expect(channel.opened).toBe(1);
  });

  test("shows its end though the last publication was lost", async () => {
    const channel = oneTwoThree(new Random(4));
    const conversation = follow(channel);
    await pass(100);
    while (!channel.ended) channel.publish(true);
    await pass(60_000);
    expect(shown(conversation)).toEqual(["one two three"]);
    expect(conversation.state.value.messages.at(-1)?.metadata.status).toBe("complete");
    const { opened } = channel;
    await pass(300_000);
    expect(channel.opened).toBe(opened);
    conversation.close();
  });

  test("costs few calls while it is silent", async () => {
    const channel = oneTwoThree(new Random(5));
    const conversation = follow(channel);
    channel.publish();
    channel.checkpoint();
    await pass(300_000);
    expect(conversation.sync.value).toBe("live");
    expect(channel.opened).toBeLessThan(12);
    conversation.close();
    const { opened } = channel;
    await pass(300_000);
    expect(channel.opened).toBe(opened);
  });

  test("costs one more call when the history is gone", async () => {
    const channel = oneTwoThree(new Random(4));
    channel.publish();
    channel.checkpoint();
    const conversation = follow(channel);
    await pass(1_000);
    channel.restart();
    channel.publish();
    await pass(1_000);
    expect(channel.opened).toBe(2);
    expect(conversation.sync.value).toBe("live");
  });

  test("costs one more call when the history is gone while the model is silent", async () => {
    const random = new Random(4);
    const channel = new Channel(publications("a", "one two three", random), random, 100);
    channel.publish();
    channel.checkpoint();
    const conversation = follow(channel);
    await pass(1_000);
    channel.restart();
    await pass(3_000);
    expect(channel.opened).toBe(2);
    expect(conversation.sync.value).toBe("live");
    while (!channel.ended) channel.publish();
    await pass(1_000);
    expect(shown(conversation)).toEqual(["one two three"]);
  });
});
