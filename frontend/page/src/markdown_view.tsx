/** A text as Markdown, cheap to draw while it grows. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { GrowingMarkdown } from "./growing_markdown.ts";
import { loadHighlight } from "./highlight.ts";
import type { Highlight } from "./markdown.ts";

/** A long list is one block, drawn anew with each word: for how many times as long the page does something else. */
const REST = 4;

export function MarkdownView({ text, growing }: { text: string; growing: boolean }) {
  const container = useRef<HTMLDivElement>(null);
  const renderer = useRef<GrowingMarkdown | null>(null);
  const [highlight, setHighlight] = useState<Highlight>();
  const rested = useRef(0);
  useLayoutEffect(() => {
    const draw = () => {
      if (container.current === null) return;
      renderer.current ??= new GrowingMarkdown(container.current);
      const began = performance.now();
      renderer.current.update(text, growing, highlight);
      const ended = performance.now();
      rested.current = ended + (ended - began) * REST;
    };
    const wait = rested.current - performance.now();
    if (!growing || wait <= 0) return draw();
    const timer = setTimeout(draw, wait);
    return () => clearTimeout(timer);
  }, [text, growing, highlight]);
  const hasCode = text.includes("```");
  useLayoutEffect(() => {
    if (!hasCode) return;
    loadHighlight().then(
      (loaded) => setHighlight(() => loaded),
      () => {}, // code without colours is code
    );
  }, [hasCode]);
  return <div class={growing ? "prose growing" : "prose"} ref={container} />;
}
