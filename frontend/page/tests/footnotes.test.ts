// @vitest-environment jsdom
import { expect, test, vi } from "vitest";
import { toNote } from "../src/footnotes.ts";
import { GrowingMarkdown } from "../src/growing_markdown.ts";

test("a footnote's number takes the keyboard to its note", () => {
  const scrolled = vi.fn();
  Element.prototype.scrollIntoView = scrolled;
  const prose = document.createElement("div");
  prose.className = "prose";
  document.body.append(prose);
  const text = "One[^1] and two[^2].\n\n[^1]: First\n\n[^2]: Second";
  new GrowingMarkdown(prose).update(text, false, undefined);
  prose.addEventListener("click", toNote);
  prose.querySelectorAll<HTMLElement>("button.to-note")[1]?.click();
  expect(document.activeElement?.textContent).toBe("2 Second");
  expect(scrolled).toHaveBeenCalledOnce();
});
