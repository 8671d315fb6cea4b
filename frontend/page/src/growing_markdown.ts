/**
 * Markdown that grows at its end: only what new text can still change is parsed and rendered again.
 */

import type { Token } from "marked";
import { blocksOf, type Highlight, renderBlock } from "./markdown.ts";
import { morph } from "./morph.ts";
import { continues, drawRest, isClosed, type OpenBlock, settle } from "./open_block.ts";

const EMPTY_LINE = /\n[ \t]*\n$/;
/**
 * A longer block that cannot be settled, such as a paragraph, is rendered only after it has grown
 * by a fraction of its length.
 */
const LONG = 16_000;
const PART = 64;

interface Shown {
  raw: string;
  final: boolean;
  element: HTMLElement;
}

/** The blocks of a growing text in a container. */
export class GrowingMarkdown {
  readonly #container: HTMLElement;
  #shown: Shown[] = [];
  /** The beginning of the text that no later text can change. */
  #settled = "";
  #settledBlocks = 0;
  /** The block that is partly in the settled text. */
  #open: OpenBlock | null = null;
  #highlight: Highlight | undefined;
  #drawnLength = 0;

  constructor(container: HTMLElement) {
    this.#container = container;
  }

  /** Shows the text; returns the elements of the blocks that changed. */
  update(given: string, growing: boolean, highlight: Highlight | undefined): HTMLElement[] {
    // as marked does, so that its blocks can be compared with the text
    const text = given.includes("\r") ? given.replace(/\r\n?/g, "\n") : given;
    // link definitions may appear anywhere, so only the whole text renders exactly
    if (!growing || !text.startsWith(this.#settled) || highlight !== this.#highlight) {
      this.#restart();
    } else if (this.#waits(text)) return [];
    this.#highlight = highlight;
    this.#drawnLength = text.length;
    return this.#draw(text, growing);
  }

  #waits(text: string): boolean {
    const rest = text.length - this.#settled.length;
    const grown = text.length - this.#drawnLength;
    return rest > LONG && grown >= 0 && grown < rest / PART;
  }

  #draw(text: string, growing: boolean): HTMLElement[] {
    const prefix = this.#open?.prefix ?? "";
    const blocks = blocksOf(prefix + text.slice(this.#settled.length), growing);
    const last = blocks.findLastIndex(({ type }) => type !== "space");
    if (this.#open !== null && !this.#goesOn(blocks, last)) {
      this.#settled = text.slice(0, this.#open.start);
      this.#open = null;
      this.#forget(this.#settledBlocks);
      return this.#draw(text, growing);
    }
    const before = blocks.findLastIndex(({ type }, index) => type !== "space" && index < last);
    // the last block may still join the one before it, and so may all blocks without an empty line
    // between
    const whole = blocks.findLastIndex(
      (block, index) =>
        (index < before && EMPTY_LINE.test(block.raw)) || (index < last && isClosed(block)),
    );
    const changed: HTMLElement[] = [];
    const open = this.#open;
    let count = this.#settledBlocks;
    let at = this.#settled.length - prefix.length;
    for (const [index, block] of blocks.entries()) {
      const final = !growing || index < last;
      if (block.type !== "space" && block.type !== "def") {
        const element = this.#show(count++, block, final, index === 0 ? open : null);
        if (element !== null) changed.push(element);
      }
      if (growing && index <= whole) {
        this.#open = null;
        this.#settled = text.slice(0, at + block.raw.length);
        this.#settledBlocks = count;
      } else if (growing && index === last) {
        this.#settlePart(text, block, at, index === 0 ? open : null, count - 1);
      }
      at += block.raw.length;
    }
    for (const { element } of this.#shown.splice(count)) element.remove();
    return changed;
  }

  /**
   * Whether the settled part of a block still holds; complete code is rendered again, with colors.
   */
  #goesOn(blocks: Token[], last: number): boolean {
    const [first] = blocks;
    if (this.#open === null || !continues(first, this.#open)) return false;
    return last === 0 || this.#open.type !== "code";
  }

  #settlePart(
    text: string,
    block: Token,
    at: number,
    before: OpenBlock | null,
    count: number,
  ): void {
    const part = settle(block, before?.start ?? at, before);
    if (part === null) return;
    this.#open = part.open;
    this.#settled = text.slice(0, at + part.length);
    this.#settledBlocks = count;
    this.#forget(count);
  }

  #restart(): void {
    this.#settled = "";
    this.#settledBlocks = 0;
    this.#open = null;
    this.#forget(0);
  }

  #forget(from: number): void {
    for (const shown of this.#shown.slice(from)) shown.raw = "";
  }

  /** The element of a block, if it changed. */
  #show(index: number, block: Token, final: boolean, open: OpenBlock | null): HTMLElement | null {
    const known = this.#shown[index];
    if (known?.raw === block.raw && known.final === final) return null;
    const highlight = final ? this.#highlight : undefined;
    const element = known?.element ?? document.createElement("div");
    // per block: Arabic and Hebrew from right to left
    element.dir = "auto";
    if (known === undefined) this.#container.append(element);
    if (open === null) morph(element, renderBlock(block, highlight));
    else drawRest(element, block, open, highlight);
    this.#shown[index] = { raw: block.raw, final, element };
    return element;
  }
}
