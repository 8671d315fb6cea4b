import { expect, test } from "vitest";
import { reduceList } from "../src/conversation_list.ts";
import type { Summary } from "../src/protocol.ts";

const summary = (id: string, updated_at: number, title = id): Summary => ({
  id,
  title,
  updated_at,
  status: "complete",
});
const list = [summary("b", 2), summary("a", 1)];

test("a conversation that changed comes first", () => {
  const changed = reduceList(list, {
    type: "conversation",
    conversation: summary("a", 3, "renamed"),
  });
  expect(changed).toEqual([summary("a", 3, "renamed"), summary("b", 2)]);
});

test("a change that is older than what is known is a replay", () => {
  expect(reduceList(list, { type: "conversation", conversation: summary("b", 1, "old") })).toBe(
    list,
  );
});

test("a conversation that was deleted leaves", () => {
  expect(reduceList(list, { type: "deleted", conversation: "b" })).toEqual([summary("a", 1)]);
});

test("an older version is a replay, whenever it was made", () => {
  const known = [{ ...summary("a", 1, "renamed"), version: 3 }];
  const late: Summary = { ...summary("a", 2, "old"), version: 2 };
  expect(reduceList(known, { type: "conversation", conversation: late })).toBe(known);
});

test("a summary that comes after the deletion brings nothing back", () => {
  const deleted = new Map<string, Summary | null>();
  const left = reduceList(list, { type: "deleted", conversation: "b" }, deleted);
  expect(reduceList(left, { type: "conversation", conversation: summary("b", 9) }, deleted)).toBe(
    left,
  );
});

test("an archived conversation leaves, comes back when it is no longer, and not by what came late", () => {
  const left = new Map<string, Summary | null>();
  const of = (version: number, archived = false): Summary => ({
    ...summary("a", 1),
    version,
    ...(archived && { archived }),
  });
  const take = (conversations: readonly Summary[], conversation: Summary, archived = false) =>
    reduceList(conversations, { type: "conversation", conversation }, left, archived);
  const without = take([of(1)], of(3, true));
  expect(without).toEqual([]);
  expect(take(without, of(2))).toBe(without);
  expect(take(without, of(4))).toEqual([of(4)]);

  left.clear();
  const archive = take([], of(3, true), true);
  expect(archive).toEqual([of(3, true)]);
  expect(take(archive, of(4), true)).toEqual([]);
});
