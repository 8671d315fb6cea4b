import { expect, test } from "vitest";
import { shownText } from "../src/json_text.ts";

const ALL = 1_000_000;

test.each([
  [null],
  [true],
  [-1.5e300],
  ["text"],
  [[]],
  [{}],
  [[1, [2, { a: [] }], 'ü🌍\n"']],
  [{ a: { b: { c: null } }, "ä b": "" }],
])("%j is written as JSON is", (value) => {
  const { text, whole } = shownText([value], ALL);
  expect(text).toBe(JSON.stringify([value], null, 2));
  expect(whole).toBe(true);
});

test("of what is long no more is written than is asked for", () => {
  const values = [
    "🌍".repeat(500_000),
    ["🌍".repeat(500_000)],
    Array.from({ length: 100_000 }, (_, at) => at),
    { a: Array.from({ length: 100_000 }, () => ({})) },
  ];
  for (const value of values) {
    const { text, whole } = shownText(value, 1_001);
    expect(whole).toBe(false);
    expect(text.length).toBeGreaterThan(900);
    expect(text.length).toBeLessThan(1_100);
    expect(() => encodeURIComponent(text)).not.toThrow();
  }
});

test("what is nested deep is written in lines that stay in sight", () => {
  const depth = 900;
  const value: unknown = JSON.parse("[".repeat(depth) + "]".repeat(depth));
  const { text, whole } = shownText(value, ALL);
  expect(whole).toBe(true);
  expect(JSON.parse(text)).toEqual(value);
  expect(Math.max(...text.split("\n").map(({ length }) => length))).toBeLessThan(40);
});
