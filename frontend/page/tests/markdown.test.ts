// @vitest-environment jsdom
import { describe, expect, test } from "vitest";
import { Random, seeds } from "../../client/tests/random.ts";
import { GrowingMarkdown } from "../src/growing_markdown.ts";
import { plainText } from "../src/markdown.ts";

function container(): HTMLElement {
  return document.createElement("div");
}

function render(text: string, growing = false): HTMLElement {
  const element = container();
  new GrowingMarkdown(element).update(text, growing, undefined);
  return element;
}

describe("what a model writes cannot harm: ", () => {
  test.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "<style>body { display: none }</style>",
    '<iframe src="https://example.com"></iframe>',
    '<form action="https://example.com"><input></form>',
    "<svg><script>alert(1)</script></svg>",
    '<div style="position: fixed" onclick="alert(1)">x</div>',
    "<mark onmouseover=alert(1)>x</mark>",
    "```\n</code></pre><script>alert(1)</script>\n```",
    '``` "><script>alert(1)</script>\nx\n```',
    "[x](javascript:alert(1)) [y](data:text/html,z) [z](vbscript:x)",
    "![x](javascript:alert(1)) ![y](https://example.com/pixel.png)",
    '[x](https://example.com "\\" onclick=alert(1) a=\\"")',
    "| <script>alert(1)</script> |\n|---|\n| <img src=x onerror=alert(1)> |",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;img src=x onerror=alert(1)&#62;",
  ])("%s", (text) => {
    const element = render(text);
    const names = [...element.querySelectorAll("*")].map(({ localName }) => localName);
    for (const name of ["script", "img", "style", "iframe", "form", "input", "svg"]) {
      expect(names).not.toContain(name);
    }
    for (const { attributes } of element.querySelectorAll("*")) {
      for (const { name, value } of attributes) {
        expect(name).not.toMatch(/^on|^style$|^src$/);
        if (name === "href") expect(value).toMatch(/^(https?:|mailto:)/);
      }
    }
  });
});

test("what is read aloud has no marks", () => {
  expect(plainText("# Plan\n\nA **bold** `word`.\n\n```js\nlet x\n```").trim()).toMatch(
    /^Plan\s+A bold word\.\s+let x$/,
  );
});

describe("markdown", () => {
  test("shows markup as the model wrote it", () => {
    expect(render("Use <Button kind='x'> here").textContent?.trim()).toBe(
      "Use <Button kind='x'> here",
    );
    expect(render("<think>hm</think>").textContent?.trim()).toBe("<think>hm</think>");
    expect(render("H<sub>2</sub>O").querySelector("sub")?.textContent).toBe("2");
  });

  test("opens links elsewhere, without telling where from", () => {
    const link = render("[here](https://example.com/)").querySelector("a");
    expect(link?.getAttribute("href")).toBe("https://example.com/");
    expect(link?.getAttribute("target")).toBe("_blank");
    expect(link?.getAttribute("rel")).toBe("noopener noreferrer");
  });

  test("links to images, and loads none", () => {
    const element = render("![a chart](https://example.com/chart.png)");
    expect(element.querySelector("a")?.textContent).toBe("a chart");
  });

  test("gives every code block a button, and keeps the code as it is", () => {
    const element = render("- a list\n\n  ```python\n  if a < b:\n      print('x')\n  ```");
    expect(element.querySelector("button.copy")?.getAttribute("aria-label")).toBe("Copy code");
    expect(element.querySelector("code")?.textContent).toBe("if a < b:\n    print('x')");
  });

  test("aligns columns, and numbers lists from where they begin", () => {
    expect(render("|a|\n|-:|\n|1|").querySelector("td")?.getAttribute("align")).toBe("right");
    expect(render("3. c\n4. d").querySelector("ol")?.getAttribute("start")).toBe("3");
  });

  test("ticks off tasks, without a bullet before the box", () => {
    const items = render("- [x] done\n- [ ] open\n- plain").querySelectorAll("li");
    expect([...items].map(({ className }) => className)).toEqual(["task", "task", ""]);
    expect(items[0]?.textContent?.trim()).toBe("☑ done");
  });

  test("colours code that is whole, in a language that is known", () => {
    const element = container();
    const highlight = (code: string, language: string) =>
      language === "js" ? `<span class="hljs-keyword">${code}</span>` : null;
    new GrowingMarkdown(element).update("```js\nlet\n```\n\n```odd\na<b\n```", false, highlight);
    expect(element.querySelector(".hljs-keyword")?.textContent).toBe("let");
    expect(element.querySelectorAll("code")[1]?.innerHTML).toBe("a&lt;b");
  });
});

const PIECES = [
  ..."# - * > ` | = + ~ _ 1. [x] : <b> </b> & ## ```".split(" "),
  ...["\n", "\n\n", " ", "  ", "    ", "\t", "a", "word ", "\n- ", "\n1. ", "\n> ", "\n```\n"],
  ...[
    "\n|a|b|\n|-|-|\n|1|2|",
    "\n---\n",
    "\n===\n",
    "**bold**",
    "`code`",
    "[x](https://e.x)",
    "\r\n",
  ],
];

describe("text that grows", () => {
  test.each(seeds(40))("is always drawn as if it had come at once (seed %i)", (seed) => {
    const random = new Random(seed);
    const element = container();
    const markdown = new GrowingMarkdown(element);
    let text = "";
    for (let count = 0; count < 40; count++) {
      text += PIECES[random.below(PIECES.length)];
      markdown.update(text, true, undefined);
      expect(element.innerHTML).toBe(render(text, true).innerHTML);
    }
    markdown.update(text, false, undefined);
    expect(element.innerHTML).toBe(render(text).innerHTML);
  });

  test("keeps the nodes of blocks that are whole", () => {
    const element = container();
    const markdown = new GrowingMarkdown(element);
    markdown.update("first\n\nsec", true, undefined);
    const [first, second] = element.querySelectorAll("p");
    markdown.update("first\n\nsecond\n\nthird", true, undefined);
    expect([...element.querySelectorAll("p")].slice(0, 2)).toEqual([first, second]);
    expect(second?.textContent).toBe("second");
  });

  test("keeps them in a text with the line ends of Windows, too", () => {
    const element = container();
    const markdown = new GrowingMarkdown(element);
    markdown.update("first\r\n\r\nsecond\r\n\r\nthi", true, undefined);
    const [first] = element.querySelectorAll("p");
    first?.append("!");
    markdown.update("first\r\n\r\nsecond\r\n\r\nthird", true, undefined);
    expect(element.querySelector("p")?.textContent).toBe("first!");
  });

  test("finds its links' definitions at its end", () => {
    const element = container();
    const markdown = new GrowingMarkdown(element);
    const text = "See [here][1].\n\nMore.\n\n[1]: https://example.com/";
    for (let length = 1; length <= text.length; length++) {
      markdown.update(text.slice(0, length), true, undefined);
    }
    markdown.update(text, false, undefined);
    expect(element.querySelector("a")?.getAttribute("href")).toBe("https://example.com/");
  });
});
