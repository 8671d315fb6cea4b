/** A text as Markdown, cheap to render while it grows. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { GrowingMarkdown } from "./growing_markdown.ts";
import { loadHighlight } from "./highlight.ts";
import type { Highlight } from "./markdown.ts";
import { loadTypesetter, type Typesetter, typeset } from "./typeset.ts";
import { untypeset } from "./typeset_formulas.ts";

/**
 * A long list is one block and rendered again with each word: after each rendering, the page pauses
 * this many times as long.
 */
const REST = 4;

export function MarkdownView({ text, growing }: { text: string; growing: boolean }) {
  const container = useRef<HTMLDivElement>(null);
  const renderer = useRef<GrowingMarkdown | null>(null);
  const [highlight, setHighlight] = useState<Highlight>();
  const [typesetter, setTypesetter] = useState<Typesetter>();
  const [hasFormulas, setHasFormulas] = useState(false);
  const typesetWith = useRef<Typesetter>(undefined);
  const rested = useRef(0);
  useLayoutEffect(() => {
    const draw = () => {
      const element = container.current;
      if (element === null) return;
      renderer.current ??= new GrowingMarkdown(element);
      const began = performance.now();
      const changed = renderer.current.update(text, growing, highlight);
      if (typesetter !== undefined) {
        typeset(typesetWith.current === typesetter ? changed : [element], typesetter);
        typesetWith.current = typesetter;
      } else if (changed.some((block) => untypeset(block).length > 0)) setHasFormulas(true);
      const ended = performance.now();
      rested.current = ended + (ended - began) * REST;
    };
    const wait = rested.current - performance.now();
    if (!growing || wait <= 0) return draw();
    const timer = setTimeout(draw, wait);
    return () => clearTimeout(timer);
  }, [text, growing, highlight, typesetter]);
  const hasCode = text.includes("```");
  useLayoutEffect(() => {
    if (!hasCode) return;
    loadHighlight().then(
      (loaded) => setHighlight(() => loaded),
      () => {}, // code is readable without colors
    );
  }, [hasCode]);
  useLayoutEffect(() => {
    if (!hasFormulas) return;
    loadTypesetter().then(
      (loaded) => setTypesetter(() => loaded),
      () => {}, // a formula's source is readable, too
    );
  }, [hasFormulas]);
  return <div class={growing ? "prose growing" : "prose"} ref={container} />;
}
