/** Markdown of a model as safe HTML: no scripts, no styles, nothing that loads from anywhere. */

import DOMPurify, { type Config } from "dompurify";
import { Marked, type Token, type Tokens } from "marked";

export type Highlight = (code: string, language: string) => string | null;

const HARMLESS_TAG = /^<\/?(?:br|sub|sup|kbd|mark|b|i|u|s)\s*\/?>$/i;

/** Attributes whose values are not taken for addresses. */
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

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function linkTo(href: string, text: string): string {
  return `<a href="${escaped(href)}" target="_blank" rel="noopener noreferrer">${text}</a>`;
}

function codeBlock({ text, lang }: Tokens.Code, highlight: Highlight): string {
  const language = lang?.match(/^[\w+#.-]+/)?.[0] ?? "";
  return `<div class="code"><div class="code-head"><span>${escaped(language)}</span><button type="button" class="copy" aria-label="Copy code">Copy</button></div><pre tabindex="0"><code>${highlight(text, language) ?? escaped(text)}</code></pre></div>`;
}

let highlight: Highlight = () => null;

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    code: (token) => codeBlock(token, highlight),
    // what a model writes in angle brackets is shown as it wrote it
    html: ({ text }) => (HARMLESS_TAG.test(text.trim()) ? text : escaped(text)),
    link({ href, tokens }) {
      return linkTo(href, this.parser.parseInline(tokens));
    },
    // an image would be fetched from elsewhere, unasked
    image: ({ href, text }) => linkTo(href, escaped(text || href)),
    listitem({ task, tokens }) {
      return `<li${task ? ' class="task"' : ""}>${this.parser.parse(tokens)}</li>`;
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** What is read of a text: its words without the marks. */
export function plainText(text: string): string {
  const container = document.createElement("div");
  for (const block of blocksOf(text)) container.append(renderBlock(block));
  for (const head of container.querySelectorAll(".code-head")) head.remove();
  return container.textContent ?? "";
}

/** The text's blocks, such as paragraphs, lists and code. */
export function blocksOf(text: string): Token[] {
  return marked.lexer(text);
}

/** A block as nodes that are safe to show. */
export function renderBlock(block: Token, highlighter: Highlight = () => null): DocumentFragment {
  highlight = highlighter;
  return DOMPurify.sanitize(marked.parser([block]), ALLOWED) as unknown as DocumentFragment;
}
