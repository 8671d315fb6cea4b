/** Markdown that grows at its end: only the blocks that new text can still change are made anew. */

import type { Token } from "marked";
import { blocksOf, type Highlight, renderBlock } from "./markdown.ts";
import { morph } from "./morph.ts";

const EMPTY_LINE = /\n[ \t]*\n$/;

interface Shown {
  raw: string;
  final: boolean;
  element: HTMLElement;
}

/** The blocks of a growing text in a container. */
export class GrowingMarkdown {
  readonly #container: HTMLElement;
  #shown: Shown[] = [];
  /** The beginning of the text, whose blocks no later text can change. */
  #settled = "";
  #settledBlocks = 0;
  #highlight: Highlight | undefined;

  constructor(container: HTMLElement) {
    this.#container = container;
  }

  update(given: string, growing: boolean, highlight: Highlight | undefined): void {
    // as marked does, whose blocks are compared with the text
    const text = given.replace(/\r\n?/g, "\n");
    // definitions of links may stand anywhere, so that only the whole text renders quite right
    if (!growing || !text.startsWith(this.#settled) || highlight !== this.#highlight)
      this.#restart();
    this.#highlight = highlight;
    const blocks = blocksOf(text.slice(this.#settled.length), growing);
    const last = blocks.findLastIndex(({ type }) => type !== "space");
    const before = blocks.findLastIndex(({ type }, index) => type !== "space" && index < last);
    // the last block may yet turn out to continue the one before it, and all without an empty line between
    const whole = blocks.findLastIndex(({ raw }, index) => index < before && EMPTY_LINE.test(raw));
    let count = this.#settledBlocks;
    for (const [index, block] of blocks.entries()) {
      const final = !growing || index < last;
      if (block.type !== "space" && block.type !== "def") this.#show(count++, block, final);
      if (growing && index <= whole) {
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
    // each block as it is written: Arabic and Hebrew from the right
    element.dir = "auto";
    if (known === undefined) this.#container.append(element);
    morph(element, fragment);
    this.#shown[index] = { raw: block.raw, final, element };
  }
}
