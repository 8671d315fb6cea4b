/** A text as Markdown that is cheap to grow: only the block at its end is made anew. */

import type { Token } from "marked";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { loadHighlight } from "./highlight.ts";
import { blocksOf, type Highlight, renderBlock } from "./markdown.ts";
import { morph } from "./morph.ts";

interface Shown {
  raw: string;
  final: boolean;
  element: HTMLElement;
}

/** The blocks of a growing text in a container. */
class GrowingMarkdown {
  readonly #container: HTMLElement;
  #shown: Shown[] = [];
  /** The beginning of the text, whose blocks no later text can change. */
  #settled = "";
  #settledBlocks = 0;
  #highlight: Highlight | undefined;

  constructor(container: HTMLElement) {
    this.#container = container;
  }

  update(text: string, growing: boolean, highlight: Highlight | undefined): void {
    // definitions of links may stand anywhere, so that only the whole text renders quite right
    if (!growing || !text.startsWith(this.#settled) || highlight !== this.#highlight)
      this.#restart();
    this.#highlight = highlight;
    const blocks = blocksOf(text.slice(this.#settled.length));
    const last = blocks.findLastIndex(({ type }) => type !== "space");
    let count = this.#settledBlocks;
    for (const [index, block] of blocks.entries()) {
      const final = !growing || index < last;
      if (block.type !== "space" && block.type !== "def") this.#show(count++, block, final);
      if (growing && final) {
        this.#settled += block.raw;
        this.#settledBlocks = count;
      }
    }
    for (const { element } of this.#shown.splice(count)) element.remove();
  }

  #restart(): void {
    this.#settled = "";
    this.#settledBlocks = 0;
    for (const shown of this.#shown) shown.raw = "";
  }

  #show(index: number, block: Token, final: boolean): void {
    const known = this.#shown[index];
    if (known?.raw === block.raw && known.final === final) return;
    const fragment = renderBlock(block, final ? this.#highlight : undefined);
    const element = known?.element ?? document.createElement("div");
    if (known === undefined) this.#container.append(element);
    morph(element, fragment);
    this.#shown[index] = { raw: block.raw, final, element };
  }
}

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
