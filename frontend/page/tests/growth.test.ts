// @vitest-environment jsdom
import DOMPurify from "dompurify";
import { Lexer } from "marked";
import { describe, expect, test } from "vitest";
import { Random, seeds } from "../../client/tests/random.ts";
import { GrowingMarkdown } from "../src/growing_markdown.ts";

const STEPS = 100;

/**
 * The number of characters parsed and rendered while a text grows; counted without a spy, which
 * would keep all that was rendered.
 */
function work(text: string): number {
  let characters = 0;
  const { lex } = Lexer.prototype;
  const { sanitize } = DOMPurify;
  Lexer.prototype.lex = function (given) {
    characters += given.length;
    return lex.call(this, given);
  };
  DOMPurify.sanitize = ((html: string, config: object) => {
    characters += html.length;
    return sanitize(html, config);
  }) as never;
  try {
    const markdown = new GrowingMarkdown(document.createElement("div"));
    for (let step = 1; step <= STEPS; step++) {
      markdown.update(text.slice(0, Math.ceil((text.length * step) / STEPS)), true, undefined);
    }
  } finally {
    Lexer.prototype.lex = lex;
    DOMPurify.sanitize = sanitize;
  }
  return characters;
}

const LONG: Record<string, (length: number) => string> = {
  paragraphs: (length) => "Some *words* in a paragraph.\n\n".repeat(length / 30),
  "a list": (length) => "- an item with **some** words\n".repeat(length / 30),
  "a loose list": (length) => "1. an item with *some* word\n\n".repeat(length / 29),
  "a table": (length) => `|a|b|\n|-|-|\n${"|some words|others here again|\n".repeat(length / 31)}`,
  code: (length) => `\`\`\`js\n${"let x = some(words);\n".repeat(length / 21)}`,
  "formulas between words": (length) => "Where $x_1 + y$ is so.\n\n".repeat(length / 24),
  "one paragraph": (length) => "some words in **one** line ".repeat(length / 27),
  "a quotation": (length) => "> some words in a line\n".repeat(length / 23),
};

describe("work does not grow with the square of the text: ", () => {
  test.each(Object.keys(LONG))(
    "%s",
    (kind) => {
      const make = LONG[kind];
      if (make === undefined) throw new Error(`No text of ${kind}`);
      const short = work(make(12_000));
      const long = work(make(45_000));
      // quadratic work would be fourteen times as much
      expect(long / short).toBeLessThan(6);
    },
    120_000,
  );
});

const LINES: Record<string, string[]> = {
  list: [
    "- a\n",
    "- b *c*\n",
    "\n",
    "  more\n",
    "  - nested\n",
    " - d\n",
    "- [ ] e\n",
    "- [x] f\n",
    "- ```\n  x\n  ```\n",
    "lazy\n",
    "-\n",
  ],
  "ordered list": [
    "1. a\n",
    "2. b\n",
    "\n",
    "   more\n",
    "   1. nested\n",
    " 3. d\n",
    "9) e\n",
    "lazy\n",
  ],
  table: ["|a|b|\n", "|`c`|\n", "| d | **e** | f |\n", "g\n", "||\n"],
  code: ["a\n", "\n", "  b\n", "``\n", "~~~\n", "<b>\n", "# c\n"],
  text: [
    "$x$ ",
    "$$\ny\n$$\n",
    "\\(a\\) ",
    "\\[\nb\n\\]\n",
    "\n\n",
    "word ",
    "[^1]",
    "[^n]",
    "\n[^1]: note\n",
    "**“好”**的 ",
    "$5 ",
    "~a~ ",
    "https://e.x/a。",
  ],
};
const BEGINNING: Record<string, string> = { table: "|h|i|\n|-|:-|\n", code: "```js\n" };

describe("what grows long is drawn as if it had come at once: ", () => {
  for (const kind of Object.keys(LINES)) {
    test.each(seeds(2))(`${kind} (seed %i)`, (seed) => {
      const random = new Random(seed);
      const lines = LINES[kind] ?? [];
      const usual = lines.slice(0, 2);
      const element = document.createElement("div");
      const markdown = new GrowingMarkdown(element);
      let text = `Before:\n\n${BEGINNING[kind] ?? ""}`;
      const draw = (growing: boolean) => {
        const whole = document.createElement("div");
        new GrowingMarkdown(whole).update(text, growing, undefined);
        markdown.update(text, growing, undefined);
        expect(element.innerHTML).toBe(whole.innerHTML);
      };
      for (let count = 0; count < 60; count++) {
        const from = random.chance(0.7) ? usual : lines;
        const line = from[random.below(from.length)] ?? "";
        const half = random.below(line.length + 1);
        text += line.slice(0, half);
        draw(true);
        text += line.slice(half);
      }
      if (random.chance(0.5)) text += kind === "code" ? "```\n\nAfter" : "\n\nAfter";
      draw(true);
      draw(false);
    });
  }
});
