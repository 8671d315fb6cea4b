// @vitest-environment jsdom
import { describe, expect, test, vi } from "vitest";
import { Random, seeds } from "../../client/tests/random.ts";
import { BoundedLexer } from "../src/bounded_lexer.ts";
import { GrowingMarkdown } from "../src/growing_markdown.ts";
import { blocksOf, plainText, renderBlock } from "../src/markdown.ts";

/** Far more than any of them takes here; unbounded work takes minutes. */
const PATIENCE = 60_000;
const LENGTH = 20_000;

function shown(text: string, growing = false): string {
  const element = document.createElement("div");
  new GrowingMarkdown(element).update(text, growing, undefined);
  return element.textContent ?? "";
}

const UNITS = [
  ...[
    "> ",
    "a_",
    "`",
    "*",
    "**a ",
    "_a*b",
    "***a** b* ",
    "“**",
    "~~a ",
    "~",
    "[",
    "![",
    "[a](",
    "](",
    "([",
    "[a][b]",
  ],
  ...[
    "[^1]",
    "[^1]: a\n",
    "[a]: b\n",
    "<",
    "<a ",
    "<!-- a\n",
    "<div>\n",
    "</",
    "<b>",
    "&",
    "&#",
    "\\",
  ],
  ...[
    "\\(",
    "\\[\n",
    "$",
    "$$",
    "$a",
    "$$\n",
    "$$a\n\n",
    "$x$ ",
    "- ",
    "- a\n",
    "- [ ] a\n",
    "1. a\n",
    "* * ",
    "+ \n",
  ],
  ...[
    "|a",
    "|a|\n",
    "|-|",
    "# a\n",
    "a\n# h\n",
    "a\n\n",
    "===\n",
    "---\n",
    "```\n",
    "``a",
    "    a\n",
    "\t",
    "\n",
  ],
  ...[
    "> a\nb\n",
    "> - a\n",
    "- > a\n",
    "http://",
    "www.",
    "a@b.",
    "https://例。",
    "\u0000",
    "\ud800",
    "\r\n",
    "{",
    "x^2 ",
  ],
];

describe("a text of many", () => {
  test.each(UNITS.map((unit) => [JSON.stringify(unit), unit] as const))(
    "%s is shown",
    (_, unit) => {
      const text = unit.repeat(LENGTH / unit.length);
      const began = performance.now();
      expect(shown(text).length > 0 || text.trim() === "" || /^\[a\]:|^[#>*+-]/.test(text)).toBe(
        true,
      );
      shown(text, true);
      expect(performance.now() - began).toBeLessThan(PATIENCE);
    },
    PATIENCE * 2,
  );
});

const DEEP: Record<string, string> = {
  quotations: `${"> ".repeat(2_500)}deep`,
  "quotations line by line": `${Array.from({ length: 300 }, (_, depth) => `${"> ".repeat(depth)}a\n`).join("")}deep`,
  lists: `${Array.from({ length: 300 }, (_, depth) => `${"  ".repeat(depth)}- a\n`).join("")}${"  ".repeat(300)}- deep`,
  brackets: `${"[".repeat(20_000)}deep${"]".repeat(20_000)}`,
  links: `${"[".repeat(2_000)}deep${"](https://e.x)".repeat(2_000)}`,
  emphasis: `${"*a ".repeat(5_000)}deep${" b*".repeat(5_000)}`,
  "wide tables": `${"|a".repeat(20_000)}|\n${"|-".repeat(20_000)}|\n|deep|`,
  "long tables": `|a|b|\n|-|-|\n${"|1|2|\n".repeat(15_000)}|deep|2|`,
  "a long word": `deep${"a_".repeat(60_000)}`,
};

describe("what is deep or wide", () => {
  test.each(Object.keys(DEEP))(
    "is shown: %s",
    (kind) => {
      const began = performance.now();
      expect(shown(DEEP[kind] ?? "")).toContain("deep");
      expect(shown(DEEP[kind] ?? "", true)).toContain("deep");
      expect(performance.now() - began).toBeLessThan(PATIENCE);
    },
    PATIENCE * 2,
  );
});

test.each(seeds(30))("a mix of marks is shown (seed %i)", (seed) => {
  const random = new Random(seed);
  let unit = "";
  for (let count = 0; count < 5; count++) unit += UNITS[random.below(UNITS.length)];
  shown(unit.repeat(1 + random.below(2_000)));
});

test("a text that cannot be read is shown as it was written", () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  vi.spyOn(BoundedLexer.prototype, "inlineTokens").mockImplementation(() => {
    throw new RangeError("Maximum call stack size exceeded");
  });
  try {
    expect(shown("**a** < b")).toBe("**a** < b");
    expect(plainText("**a**")).toBe("**a**");
  } finally {
    vi.restoreAllMocks();
  }
});

test("a block that cannot be drawn harms no other", () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  const [good, broken] = blocksOf("*a*\n\n*b*").filter(({ type }) => type === "paragraph");
  if (good === undefined || broken === undefined) throw new Error("Two paragraphs were expected");
  expect(renderBlock({ ...broken, type: "unknown" } as never).textContent).toContain("*b*");
  expect(renderBlock(good).textContent?.trim()).toBe("a");
  vi.restoreAllMocks();
});
