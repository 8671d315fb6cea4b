/**
 * Finds formulas in Markdown: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`; dollar signs of prices stay
 * text.
 */

import type { TokenizerAndRendererExtension } from "marked";
import type { BoundedLexer } from "./bounded_lexer.ts";
import { escaped } from "./escaped.ts";

const LONGEST = 4_000;

interface Delimiters {
  open: string;
  close: string;
  display: boolean;
}

const DELIMITERS: readonly Delimiters[] = [
  { open: "$$", close: "$$", display: true },
  { open: "\\[", close: "\\]", display: true },
  { open: "\\(", close: "\\)", display: false },
  { open: "$", close: "$", display: false },
];

export interface Formula {
  raw: string;
  tex: string;
  display: boolean;
}

const EMPTY_LINE = /\n[ \t]*\n/;
const WORD_CHARACTER = /[\p{L}\p{N}$]/u;
/** Starts like a price and continues in words other than `dx`: "$5 here, 10$ there". */
const PRICE = /^\d[^\\^_{}=]*\s(?!d\p{L}\b)\p{L}{2}/u;

function delimitersOf(text: string): Delimiters | undefined {
  return DELIMITERS.find(({ open }) => text.startsWith(open));
}

/** The index of the closing delimiter, unless escaped; -1 if there is none nearby. */
function closing(text: string, from: number, close: string): number {
  const end = Math.min(text.length, from + LONGEST);
  if (!text.slice(from, end).includes(close)) return -1;
  for (let at = from; at < end; at++) {
    if (text.startsWith(close, at)) return at;
    if (text[at] === "\\") at += 1;
  }
  return -1;
}

/** The formula at the beginning of the text; `before` is the preceding character. */
export function formulaAt(text: string, before: string): Formula | null {
  const found = delimitersOf(text);
  if (found === undefined) return null;
  const { open, close, display } = found;
  const end = closing(text, open.length, close);
  if (end === -1) return null;
  const tex = text.slice(open.length, end);
  if (tex.trim() === "" || (open === "$" && !isFormula(tex, before, text[end + 1] ?? ""))) {
    return null;
  }
  return { raw: text.slice(0, end + close.length), tex: tex.trim(), display };
}

function isFormula(tex: string, before: string, after: string): boolean {
  return (
    !/^\s|\s$/.test(tex) &&
    !WORD_CHARACTER.test(before) &&
    !WORD_CHARACTER.test(after) &&
    !EMPTY_LINE.test(tex) &&
    !PRICE.test(tex)
  );
}

/** The formula, if the whole text is one. */
export function formulaOf(text: string): Formula | null {
  const formula = formulaAt(text, "");
  return formula?.raw === text ? formula : null;
}

const STARTS = /[$]|\\[([]/;

/** Masks formulas for the search for bold marks; keeps the length. */
export function withoutFormulas(text: string): string {
  if (!STARTS.test(text)) return text;
  let result = "";
  let at = 0;
  while (at < text.length) {
    const formula = formulaAt(text.slice(at, at + LONGEST), text[at - 1] ?? "");
    const length = formula?.raw.length ?? 1;
    result += formula === null ? text[at] : "a".repeat(length);
    at += length;
  }
  return result;
}

const INTERRUPTS = /\n {0,3}(?=\$\$|\\\[)/g;
/**
 * How far a paragraph is searched for a formula that interrupts it, so that the work stays linear.
 */
const LOOKED_THROUGH = 4_000;
const TRIED = 8;

/** Where a paragraph is interrupted by a formula on lines of its own. */
function interruption(text: string): number | undefined {
  const beginning = text.slice(0, LOOKED_THROUGH).split(EMPTY_LINE, 1)[0] ?? "";
  let tried = 0;
  for (const found of beginning.matchAll(INTERRUPTS)) {
    const at = found.index + 1;
    if (ownLines(text.slice(at, at + LONGEST + 8)) !== null) return at;
    tried += 1;
    if (tried === TRIED) return;
  }
  return;
}

function element(name: string, raw: string, kind: string): string {
  return `<${name} class="${kind}">${escaped(raw)}</${name}>`;
}

const ALONE = /^ {0,3}(?:\$\$|\\\[)[ \t]*(?:\n|$)/;

/** The formula on lines of its own at the beginning of a text. */
function ownLines(text: string): { raw: string; source: string } | null {
  const indent = text.match(/^ {0,3}(?=\$\$|\\\[)/)?.[0].length;
  if (indent === undefined) return null;
  const formula = formulaAt(text.slice(indent), "");
  if (formula === null) return null;
  const after = indent + formula.raw.length;
  const rest = text.slice(after).match(/^[ \t]*(?:\n|$)/);
  // may contain an empty line only if its opening delimiter is alone on its line
  if (rest === null || (EMPTY_LINE.test(formula.raw) && !ALONE.test(text))) return null;
  return { raw: text.slice(0, after) + rest[0], source: formula.raw };
}

export const formulaBlock: TokenizerAndRendererExtension = {
  name: "formulaBlock",
  level: "block",
  start: interruption,
  tokenizer(text) {
    if (!/^ {0,3}(?:\$\$|\\\[)/.test(text)) return;
    const found = ownLines(text.slice(0, LONGEST + 8));
    if (found === null) return unfinished(text, (this.lexer as BoundedLexer).growing);
    return { type: "formulaBlock", raw: found.raw, text: found.source };
  },
  renderer: ({ text, unfinished }) =>
    element("p", text, unfinished ? "formula-source" : "formula display"),
};

/** An unfinished formula is shown as plain text, not as Markdown. */
function unfinished(text: string, growing: boolean) {
  if (!growing || text.length > LONGEST || !ALONE.test(text)) return;
  return { type: "formulaBlock", raw: text, text: text.trim(), unfinished: true };
}

/** A formula within a line. */
export const formulaInline: TokenizerAndRendererExtension = {
  name: "formula",
  level: "inline",
  start: (text) => {
    // an inline text never extends past the line
    const found = (text.split("\n", 1)[0] ?? "").search(STARTS);
    return found === -1 ? undefined : found;
  },
  tokenizer(text, tokens) {
    if (text[0] !== "$" && text[0] !== "\\") return;
    const formula = formulaAt(text, tokens.at(-1)?.raw.at(-1) ?? "");
    if (formula === null) {
      return unfinishedInline(text, (this.lexer as BoundedLexer).growing) ?? dollars(text);
    }
    const kind = formula.display ? "formula display" : "formula";
    return { type: "formula", raw: formula.raw, text: formula.raw, kind };
  },
  renderer: ({ text, kind }) => element("span", text, kind),
};

const LONGEST_UNFINISHED = 400;

function unfinishedInline(text: string, growing: boolean) {
  if (!growing || text.length > LONGEST_UNFINISHED || !/^(?:\$\$[^$]|\\[([])/.test(text)) return;
  return { type: "formula", raw: text, text, kind: "formula-source" };
}

/** Two dollar signs that open nothing: the second must not be tried alone. */
function dollars(text: string) {
  const found = text.match(/^\$\$+/)?.[0];
  return found === undefined ? undefined : { type: "text", raw: found, text: found };
}
