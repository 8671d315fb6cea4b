/** Footnotes in Markdown: `[^1]` in the text, `[^1]: the note` at its definition. */

import type { TokenizerAndRendererExtension, Tokens } from "marked";
import type { BoundedLexer } from "./bounded_lexer.ts";
import { escaped } from "./escaped.ts";

const DEFINITION =
  /^ {0,3}\[\^([^\]\s]{1,60})\]:[ \t]*([^\n]*(?:\n(?!\s*\n| {0,3}\[\^)[^\n]*)*)(?:\n|$)/;
const DEFINITIONS = /^ {0,3}\[\^([^\]\s]{1,60})\]:/gm;
const REFERENCE = /^\[\^([^\]\s]{1,60})\](?!:)/;
const LOOKED_THROUGH = 4_000;

export function footnotesOf(text: string): Set<string> {
  if (!text.includes("[^")) return new Set();
  return new Set([...text.matchAll(DEFINITIONS)].map(([, label]) => label ?? ""));
}

export const footnote: TokenizerAndRendererExtension = {
  name: "footnote",
  level: "block",
  childTokens: ["tokens"],
  start: (text) => {
    const found = text.slice(0, LOOKED_THROUGH).search(/\n {0,3}\[\^/);
    return found === -1 ? undefined : found + 1;
  },
  tokenizer(text) {
    if (!/^ {0,3}\[\^/.test(text)) return;
    const [raw, label, note] = text.match(DEFINITION) ?? [];
    if (raw === undefined || label === undefined || note === undefined) return;
    return { type: "footnote", raw, label, tokens: this.lexer.inline(note.trim()) };
  },
  renderer(token) {
    const { label, tokens } = token as unknown as { label: string; tokens: Tokens.Generic[] };
    return `<p class="footnote"><sup>${escaped(label)}</sup> ${this.parser.parseInline(tokens)}</p>`;
  },
};

export const footnoteReference: TokenizerAndRendererExtension = {
  name: "footnoteReference",
  level: "inline",
  tokenizer(text) {
    if (!text.startsWith("[^")) return;
    const [raw, label] = text.match(REFERENCE) ?? [];
    if (raw === undefined || label === undefined) return;
    const { growing, footnotes } = this.lexer as BoundedLexer;
    // while the text grows, its notes may be yet to come; code such as [^a-z] never has one
    if (growing ? !/^\d+$/.test(label) : !footnotes.has(label)) return;
    return { type: "footnoteReference", raw, label };
  },
  renderer: ({ label }) =>
    `<sup><button type="button" class="to-note" aria-label="Footnote ${escaped(label)}">${escaped(label)}</button></sup>`,
};

/**
 * Moves to the note whose number was clicked: the focus goes there, and a screen reader reads it.
 */
export function toNote({ target }: Event): void {
  const button = target instanceof Element ? target.closest("button.to-note") : null;
  const notes = button?.closest(".prose")?.querySelectorAll<HTMLElement>(".footnote") ?? [];
  const note = [...notes].find((found) => found.firstChild?.textContent === button?.textContent);
  if (note === undefined) return;
  note.tabIndex = -1;
  note.focus({ preventScroll: true });
  note.scrollIntoView({ block: "nearest" });
}
