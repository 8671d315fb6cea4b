// @vitest-environment jsdom
import { describe, expect, test } from "vitest";
import { GrowingMarkdown } from "../src/growing_markdown.ts";
import { loadTypesetter, typeset } from "../src/typeset.ts";

function render(text: string, growing = false): HTMLElement {
  const element = document.createElement("div");
  new GrowingMarkdown(element).update(text, growing, undefined);
  return element;
}

const formulasIn = (text: string) =>
  [...render(text).querySelectorAll(".formula")].map(({ textContent }) => textContent);

describe("formulas", () => {
  test.each([
    ["a $x_1$ and $y*z$.", ["$x_1$", "$y*z$"]],
    ["\\(a_b\\) and **$c$**", ["\\(a_b\\)", "$c$"]],
    ["*see $a*b$ here*", ["$a*b$"]],
    ["text $$ x $$ text", ["$$ x $$"]],
    ["$$\na\n- b\n= c\n$$\ntext", ["$$\na\n- b\n= c\n$$"]],
    ["so:\n\\[\nx\n+ y\n\\]\nthen", ["\\[\nx\n+ y\n\\]"]],
    ["$$\na\n\nb\n$$", ["$$\na\n\nb\n$$"]],
    ["- item\n  $$\n  a\n  $$", ["$$\na\n$$"]],
    ["| $a$ | \\(b\\) |\n|-|-|\n| $c$ | d |", ["$a$", "\\(b\\)", "$c$"]],
    [
      "\\[a \\begin{matrix} 1 \\\\[2pt] 2 \\end{matrix}\\]",
      ["\\[a \\begin{matrix} 1 \\\\[2pt] 2 \\end{matrix}\\]"],
    ],
    ["设 $x$，则$y$。", ["$x$"]],
    ["cost \\$5 for $n$", ["$n$"]],
  ])("are found in %j", (text, formulas) => expect(formulasIn(text)).toEqual(formulas));

  test.each([
    ...[
      "$5 and $10",
      "$5-$10",
      "US$5 or US$6",
      "cost **$5** then **$6**",
      "$5 here, 10$ there",
      "$HOME and $PATH",
    ],
    ...[
      "`$x$`",
      "```\n$$x$$\n```",
      "\\$x\\$",
      "\\\\(a\\\\)",
      "$ x $",
      "$$",
      "$$$$",
      "$x",
      "\\(x",
      "\\[x",
      "$1,000 to $2,000",
    ],
  ])("are not seen in %j", (text) => expect(formulasIn(text)).toEqual([]));

  test("that are not finished yet are shown as they are written", () => {
    expect(render("so\n\n$$\na_1 *b* c_", true).querySelector(".formula-source")?.textContent).toBe(
      "$$\na_1 *b* c_",
    );
    expect(render("so \\(a_1 *b*", true).querySelector("em")).toBeNull();
    expect(render("so\n\n$$\na *b*").querySelector("em")?.textContent).toBe("b");
  });

  test("are typeset once, and stay the same nodes while the text grows", async () => {
    const typesetter = await loadTypesetter();
    const element = document.createElement("div");
    document.body.append(element);
    const markdown = new GrowingMarkdown(element);
    typeset(markdown.update("Where $x$ is", true, undefined), typesetter);
    const printed = element.querySelector(".katex");
    expect(printed).not.toBeNull();
    typeset(markdown.update("Where $x$ is *so* and $y$", true, undefined), typesetter);
    expect(element.querySelector(".katex")).toBe(printed);
    expect(element.querySelectorAll(".katex")).toHaveLength(2);
    typeset(markdown.update("Where $x$ is *so* and $y$", false, undefined), typesetter);
    expect(element.querySelector(".katex")).toBe(printed);
    element.remove();
  });

  test.each([
    "$\\nosuchthing{x}$",
    "$\\frac{a}$",
    `$${"{".repeat(1_900)}$`,
    "$\\href{javascript:alert(1)}{x}$",
  ])("that cannot be set keep their exact source: %.40s", async (text) => {
    const typesetter = await loadTypesetter();
    const element = document.createElement("div");
    document.body.append(element);
    typeset(new GrowingMarkdown(element).update(text, false, undefined), typesetter);
    expect(element.textContent?.trim()).toBe(text);
    expect(element.querySelector("a")).toBeNull();
    element.remove();
  });
});

describe("Chinese, Japanese and Korean", () => {
  test.each([
    ["这是**“重要”**的", "“重要”"],
    ["**注意:**请看", "注意:"],
    ["中文**(重要)**吧", "(重要)"],
    ["**100%**的", "100%"],
    ["**「日本」**は", "「日本」"],
    ["これは**強調。**です", "強調。"],
    ["한국어**(강조)**는", "(강조)"],
    ["**`代码`**的", "代码"],
  ])("may stand beside what is bold: %s", (text, bold) =>
    expect(render(text).querySelector("strong")?.textContent).toBe(bold),
  );

  test.each([
    ["看https://example.com/a。然后", "https://example.com/a"],
    ["（https://example.com/b）", "https://example.com/b"],
    ["见 https://example.com/c，或", "https://example.com/c"],
    ["「http://www.example.com」", "http://www.example.com"],
    ["see https://example.com/d.", "https://example.com/d"],
  ])("end a bare link with their punctuation: %s", (text, href) =>
    expect(render(text).querySelector("a")?.getAttribute("href")).toBe(href),
  );
});

test("single tildes stay, double ones strike through", () => {
  expect(render("~a~ ~5 km, ~6 km ~~b~~").textContent?.trim()).toBe("~a~ ~5 km, ~6 km b");
  expect(render("~a~ ~~b~~").querySelectorAll("del")).toHaveLength(1);
});

describe("footnotes", () => {
  test("are numbers in the text and notes where they are written", () => {
    const element = render("One[^1] and two[^why].\n\n[^1]: The *first*.\n[^why]: The second.");
    expect([...element.querySelectorAll(".to-note")].map((found) => found.textContent)).toEqual([
      "1",
      "why",
    ]);
    expect([...element.querySelectorAll(".footnote")].map((found) => found.textContent)).toEqual([
      "1 The first.",
      "why The second.",
    ]);
  });

  test("without a note are text, as in a pattern", () => {
    expect(render("Use [^a-z] or [^1].").textContent?.trim()).toBe("Use [^a-z] or [^1].");
  });

  test("harm nobody", () => {
    const element = render('[^"><img/src=x>]\n\n[^"><img/src=x>]: <script>alert(1)</script>');
    expect(element.querySelector("img, script")).toBeNull();
  });
});
