/** Reads Markdown in bounded time: text nested too deeply or too long to parse stays plain. */

import { Lexer, type MarkedOptions, type Token, type TokensList } from "marked";

const DEEPEST = 16;
/**
 * The search for a closing mark may reach the end of the text, so marks times length bounds the
 * work.
 */
const GREATEST_WORK = 50_000_000;
/** Each piece may become an element, which the browser must lay out. */
const MOST_PIECES = 20_000;
const MARK = /[*_~`[\]<$\\&!:@.]|\n/g;

export interface PlainToken {
  type: "plain";
  raw: string;
  text: string;
}

export function plainToken(text: string): PlainToken {
  return { type: "plain", raw: text, text };
}

export class BoundedLexer extends Lexer {
  /** Whether more text may follow. */
  readonly growing: boolean;
  /** The labels of the footnotes in the text. */
  readonly footnotes: ReadonlySet<string>;
  #depth = 0;
  #work = 0;
  #pieces = 0;

  constructor(options: MarkedOptions, growing: boolean, footnotes: ReadonlySet<string>) {
    super(options);
    this.growing = growing;
    this.footnotes = footnotes;
  }

  // biome-ignore lint/suspicious/noExplicitAny: as marked declares it
  override blockTokens(src: string, tokens: any = [], lastParagraphClipped = false): any {
    if (this.#depth >= DEEPEST) return withPlain(tokens, src);
    return this.#deeper(() => super.blockTokens(src, tokens, lastParagraphClipped));
  }

  override inlineTokens(src: string, tokens: Token[] = []): Token[] {
    const marks = src.match(MARK)?.length ?? 0;
    this.#work += src.length * marks;
    this.#pieces += marks + 1;
    if (this.#depth >= DEEPEST || this.#work > GREATEST_WORK || this.#pieces > MOST_PIECES) {
      return withPlain(tokens, src);
    }
    return this.#deeper(() => super.inlineTokens(src, tokens));
  }

  #deeper<T>(read: () => T): T {
    this.#depth += 1;
    try {
      return read();
    } finally {
      this.#depth -= 1;
    }
  }
}

function withPlain<T extends Token[] | TokensList>(tokens: T, src: string): T {
  if (src !== "") tokens.push(plainToken(src));
  return tokens;
}
