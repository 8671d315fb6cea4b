/**
 * Renders a model's Markdown as safe HTML: no scripts, no styles, nothing that loads from anywhere.
 */

import DOMPurify, { type Config } from "dompurify";
import { Marked, type Token, Tokenizer, type Tokens } from "marked";
import { BoundedLexer, type PlainToken, plainToken } from "./bounded_lexer.ts";
import { isCjk, openToBold, untilPunctuation } from "./cjk.ts";
import { escaped } from "./escaped.ts";
import { footnote, footnoteReference, footnotesOf } from "./footnotes.ts";
import { formulaBlock, formulaInline, withoutFormulas } from "./formulas.ts";

export type Highlight = (code: string, language: string) => string | null;

const HARMLESS_TAG = /^<\/?(?:br|sub|sup|kbd|mark|b|i|u|s)\s*\/?>$/i;

/** Attributes whose values are not addresses. */
const NO_ADDRESSES = ["target", "rel", "align", "start", "type", "tabindex"];

const ALLOWED: Config = {
  ALLOWED_TAGS: [
    ...["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "hr", "br"],
    ...["strong", "em", "del", "code", "pre", "sub", "sup", "kbd", "mark", "b", "i", "u", "s", "a"],
    ...["table", "thead", "tbody", "tr", "th", "td", "div", "span", "button"],
  ],
  ALLOWED_ATTR: ["href", "title", "class", "aria-label", ...NO_ADDRESSES],
  ADD_URI_SAFE_ATTR: NO_ADDRESSES,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

function linkTo(href: string, text: string): string {
  return `<a href="${escaped(href)}" target="_blank" rel="noopener noreferrer">${text}</a>`;
}

function codeBlock({ text, lang }: Tokens.Code, highlight: Highlight): string {
  const language = lang?.match(/^[\w+#.-]+/)?.[0] ?? "";
  return `<div class="code"><div class="code-head"><span>${escaped(language)}</span><button type="button" class="copy" aria-label="Copy code">Copy</button></div><pre tabindex="0"><code>${highlight(text, language) ?? escaped(text)}</code></pre></div>`;
}

let highlight: Highlight = () => null;

/** In lines, for a quotation: marked's work grows with their square. */
const LONGEST_QUOTE = 4_000;

const plainOf = (text: string) => `<span class="plain">${escaped(text)}</span>`;

const marked = new Marked({
  gfm: true,
  breaks: true,
  extensions: [
    formulaBlock,
    formulaInline,
    footnote,
    footnoteReference,
    { name: "plain", renderer: (token) => plainOf((token as PlainToken).text) },
  ],
  hooks: { emStrongMask: (masked) => openToBold(withoutFormulas(masked)) },
  tokenizer: {
    blockquote(src) {
      const raw = this.rules.block.blockquote.exec(src)?.[0] ?? "";
      return raw.split("\n", LONGEST_QUOTE).length === LONGEST_QUOTE
        ? (plainToken(raw) as unknown as Tokens.Blockquote)
        : false;
    },
    // a single tilde means "about"
    del: (src) => (src.startsWith("~~") ? false : undefined),
    emStrong(src, masked, before) {
      const plain = before !== undefined && src[0] === "*" && isCjk(before) ? "" : before;
      return Tokenizer.prototype.emStrong.call(this, src, masked, plain);
    },
    url(src) {
      return Tokenizer.prototype.url.call(this, untilPunctuation(src));
    },
  },
  renderer: {
    code: (token) => codeBlock(token, highlight),
    // show what a model writes in angle brackets as it is
    html: ({ text }) => (HARMLESS_TAG.test(text.trim()) ? text : escaped(text)),
    link({ href, tokens }) {
      return linkTo(href, this.parser.parseInline(tokens));
    },
    // an image would be loaded from elsewhere without asking
    image: ({ href, text }) => linkTo(href, escaped(text || href)),
    listitem({ task, tokens }) {
      return `<li${task ? ' class="task"' : ""}>${this.parser.parse(tokens)}</li>`;
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** The text without Markdown marks; not much more of it than is wanted. */
export function plainText(text: string, wanted = Number.POSITIVE_INFINITY): string {
  const container = document.createElement("div");
  let length = 0;
  for (const block of blocksOf(text)) {
    if (length > wanted) break;
    container.append(renderBlock(block));
    length += block.raw.length;
  }
  for (const head of container.querySelectorAll(".code-head")) head.remove();
  return container.textContent ?? "";
}

/**
 * The text's blocks, such as paragraphs, lists and code; text that cannot be parsed is one plain
 * block.
 */
export function blocksOf(text: string, growing = false): Token[] {
  try {
    const footnotes = growing ? new Set<string>() : footnotesOf(text);
    return bounded(new BoundedLexer(marked.defaults, growing, footnotes).lex(text));
  } catch (error) {
    console.warn("This text is shown without its marks:", error);
    return [plainToken(text)];
  }
}

/** More than anyone reads; rendering it would block the page for seconds. */
const MOST_BLOCKS = 4_000;
const MOST_ITEMS = 4_000;
const MOST_CELLS = 20_000;

function bounded(blocks: Token[]): Token[] {
  const rest = blocks.slice(MOST_BLOCKS);
  const kept = blocks
    .slice(0, MOST_BLOCKS)
    .map((block) => (tooLong(block) ? plainToken(block.raw) : block));
  return rest.length === 0 ? kept : [...kept, plainToken(rest.map(({ raw }) => raw).join(""))];
}

function tooLong(block: Token): boolean {
  if (block.type === "list") return block.items.length > MOST_ITEMS;
  return block.type === "table" && block.header.length * (block.rows.length + 1) > MOST_CELLS;
}

/** Renders a block as nodes that are safe to show; if that fails, shows its source. */
export function renderBlock(block: Token, highlighter: Highlight = () => null): DocumentFragment {
  highlight = highlighter;
  try {
    return safe(marked.parser([block]));
  } catch (error) {
    console.warn("This block is shown without its marks:", error);
    return safe(plainOf(block.raw));
  }
}

function safe(html: string): DocumentFragment {
  return DOMPurify.sanitize(html, ALLOWED) as unknown as DocumentFragment;
}
