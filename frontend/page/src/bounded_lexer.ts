/** Reads Markdown in a bounded time: what is nested too deep or too long to be read stays plain text. */

import { Lexer, type MarkedOptions, type Token, type TokensList } from "marked";

const DEEPEST = 16;
/** A mark may be looked for up to the text's end, so that marks times length bounds the work. */
const GREATEST_WORK = 50_000_000;
/** Each may become an element of its own, which the browser has to lay out. */
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
  /** Whether more text may come. */
  readonly growing: boolean;
  /** The labels of the footnotes that the text has. */
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
