/** A text as Markdown, cheap to draw while it grows. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { GrowingMarkdown } from "./growing_markdown.ts";
import { loadHighlight } from "./highlight.ts";
import type { Highlight } from "./markdown.ts";

export function MarkdownView({ text, growing }: { text: string; growing: boolean }) {
  const container = useRef<HTMLDivElement>(null);
  const renderer = useRef<GrowingMarkdown | null>(null);
  const [highlight, setHighlight] = useState<Highlight>();
  useLayoutEffect(() => {
    if (container.current === null) return;
    renderer.current ??= new GrowingMarkdown(container.current);
    renderer.current.update(text, growing, highlight);
  }, [text, growing, highlight]);
  const hasCode = text.includes("```");
  useLayoutEffect(() => {
    if (hasCode) loadHighlight().then((loaded) => setHighlight(() => loaded));
  }, [hasCode]);
  return <div class={growing ? "prose growing" : "prose"} ref={container} />;
}
