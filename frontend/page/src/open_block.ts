/**
 * A long growing list, table or code block: what later text cannot change is neither parsed nor
 * rendered again.
 */

import type { Token, Tokens } from "marked";
import { type Highlight, renderBlock } from "./markdown.ts";
import { morph } from "./morph.ts";

/** What later text may still change: the last items, rows or lines. */
const OPEN = 3;
/** How many are rendered each time before some are settled. */
const MANY = 8;

export interface OpenBlock {
  type: "list" | "table" | "code";
  /** Where the block begins in the text. */
  start: number;
  /** Text to put before the rest of the block, so that it parses as the same block. */
  prefix: string;
  loose: boolean;
  /** The number of items, rows or characters that are settled. */
  done: number;
}

interface Settled {
  open: OpenBlock;
  /** How much of the block is settled, including the prefix with which it was parsed. */
  length: number;
}

/** Settles as much as possible of a text's last block; null if nothing (more) can be. */
export function settle(block: Token, start: number, before: OpenBlock | null): Settled | null {
  switch (block.type) {
    case "list":
      return settleList(block as Tokens.List, start, before);
    case "table":
      return settleTable(block as Tokens.Table, start, before);
    case "code":
      return settleCode(block as Tokens.Code, start, before);
    default:
      return null;
  }
}

function settleList(list: Tokens.List, start: number, before: OpenBlock | null): Settled | null {
  const items = fresh(list, before);
  if (items.length <= MANY) return null;
  // an indented item would be parsed differently at the beginning
  const count = items.findLastIndex(
    ({ raw }, index) => index > 0 && index <= items.length - OPEN && /^\S/.test(raw),
  );
  if (count === -1) return null;
  const marker = list.items[0]?.raw.match(/^ *(?:[*+-]|\d+([.)]))/);
  const same = marker?.[1] === undefined ? marker?.[0].trim() : `1${marker[1]}`;
  const open: OpenBlock = {
    type: "list",
    start,
    prefix: list.loose ? `${same} x\n\n` : "",
    loose: list.loose,
    done: (before?.done ?? 0) + count,
  };
  const length = lengthOf(items.slice(0, count)) + (before?.prefix.length ?? 0);
  return { open, length };
}

function fresh(list: Tokens.List, open: OpenBlock | null): Tokens.ListItem[] {
  return open === null || open.prefix === "" ? list.items : list.items.slice(1);
}

function lengthOf(items: { raw: string }[]): number {
  return items.reduce((sum, { raw }) => sum + raw.length, 0);
}

function settleTable(table: Tokens.Table, start: number, before: OpenBlock | null): Settled | null {
  if (table.rows.length <= MANY) return null;
  const count = table.rows.length - OPEN;
  const lines = table.raw.split("\n");
  const prefix = `${lines.slice(0, 2).join("\n")}\n`;
  const length = lines.slice(0, 2 + count).join("\n").length + 1;
  const done = (before?.done ?? 0) + count;
  return { open: { type: "table", start, prefix, loose: false, done }, length };
}

const FENCE = /^(?:`{3,}|~{3,})[^\n]*\n/;

function settleCode(code: Tokens.Code, start: number, before: OpenBlock | null): Settled | null {
  const prefix = code.raw.match(FENCE)?.[0];
  if (prefix === undefined) return null;
  const lines = code.raw.slice(prefix.length).split("\n");
  if (lines.length <= MANY) return null;
  const length = lines.slice(0, -OPEN).join("\n").length + 1;
  const done = (before?.done ?? 0) + length;
  return {
    open: { type: "code", start, prefix, loose: false, done },
    length: prefix.length + length,
  };
}

/** Whether nothing after a block can change it: code with a closing fence. */
export function isClosed({ type, raw }: Token): boolean {
  if (type !== "code") return false;
  const fence = raw.match(/^(`{3,}|~{3,})[^\n]*\n/)?.[1];
  return fence !== undefined && raw.trimEnd().endsWith(`\n${fence}`);
}

/** Whether a block parsed with the prefix continues the open one. */
export function continues(block: Token | undefined, open: OpenBlock): boolean {
  return block?.type === open.type && (block.type !== "list" || block.loose === open.loose);
}

/** Renders the rest of an open block after its settled part. */
export function drawRest(
  element: HTMLElement,
  block: Token,
  open: OpenBlock,
  highlight: Highlight | undefined,
): void {
  if (block.type === "code") drawCode(element, block as Tokens.Code, open.done);
  else if (block.type === "table") drawRows(element, renderBlock(block, highlight), open.done);
  else {
    const list = block as Tokens.List;
    const items = renderBlock({ ...list, items: fresh(list, open) }, highlight);
    drawItems(element, items, open.done);
  }
}

function drawItems(element: HTMLElement, wanted: DocumentFragment, done: number): void {
  const list = wanted.firstElementChild;
  const present = element.firstElementChild;
  if (list === null || present === null) return;
  // a line break precedes the first item
  list.firstChild?.remove();
  morph(present, list, 1 + done);
}

function drawRows(element: HTMLElement, wanted: DocumentFragment, done: number): void {
  const rows = wanted.querySelector("tbody");
  const present = element.querySelector("tbody");
  // each row is followed by a line break
  if (present !== null && rows !== null) morph(present, rows, done * 2);
}

function drawCode(element: HTMLElement, block: Tokens.Code, done: number): void {
  const text = element.querySelector("code")?.firstChild;
  if (text instanceof Text && text.data.slice(done) !== block.text) {
    text.replaceData(done, text.length - done, block.text);
  }
}
