/** A value as readable text, no longer than requested: a tool may return megabytes. */

export interface ShownText {
  text: string;
  /** Whether that is all. */
  whole: boolean;
}

/** Deeper levels are not indented further. */
const DEEPEST_INDENT = 12;

/**
 * Characters that reorder text or are invisible: what is approved must be what is shown. Joiners
 * and variation selectors belong to ordinary text and are not included.
 */
const UNSEEN = /(?![\n\r\t]|[\u200c-\u200d]|[\ufe00-\ufe0f])[\p{Cc}\p{Cf}\p{DI}\p{Zl}\p{Zp}]/gu;

/** Strings as they are, other values as indented JSON; both up to about `limit` characters. */
export function shownText(value: unknown, limit: number): ShownText {
  if (typeof value === "string") {
    return { text: visible(cut(value, limit)), whole: value.length <= limit };
  }
  const written = new Writing(limit);
  const whole = written.value(value, 0);
  return { text: visible(written.text), whole };
}

/** The whole text, for the clipboard. */
export function wholeText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
}

/** The text with invisible characters as JSON escapes. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (mark) =>
    Array.from({ length: mark.length }, (_, at) => codeOf(mark.charCodeAt(at))).join(""),
  );
}

function codeOf(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}

/** Never cuts a surrogate pair. */
function cut(text: string, limit: number): string {
  const end = /[\ud800-\udbff]/.test(text.charAt(limit - 1)) ? limit - 1 : limit;
  return text.slice(0, Math.max(0, end));
}

class Writing {
  text = "";
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Each of these returns false if the rest was left out. */
  value(value: unknown, depth: number): boolean {
    if (Array.isArray(value)) {
      return this.#list("[", "]", value.length, depth, (at) => this.value(value[at], depth + 1));
    }
    if (typeof value === "object" && value !== null) {
      const fields = Object.entries(value);
      return this.#list("{", "}", fields.length, depth, (at) => {
        const [name, field] = fields[at] as [string, unknown];
        return this.#string(name) && this.#put(": ") && this.value(field, depth + 1);
      });
    }
    return typeof value === "string" ? this.#string(value) : this.#put(String(value));
  }

  #list(
    open: string,
    close: string,
    length: number,
    depth: number,
    item: (at: number) => boolean,
  ): boolean {
    if (length === 0) return this.#put(open + close);
    if (!this.#put(open)) return false;
    for (let at = 0; at < length; at++) {
      if (!this.#put(at === 0 ? "" : ",") || !this.#line(depth + 1) || !item(at)) return false;
    }
    return this.#line(depth) && this.#put(close);
  }

  #line(depth: number): boolean {
    return this.#put(`\n${"  ".repeat(Math.min(depth, DEEPEST_INDENT))}`);
  }

  #string(text: string): boolean {
    const shown = cut(text, Math.max(0, this.#limit - this.text.length));
    const quoted = JSON.stringify(shown);
    if (shown.length === text.length) return this.#put(quoted);
    this.text += quoted.slice(0, -1);
    return false;
  }

  /** Completes what it begins: a number that was cut would be another number. */
  #put(text: string): boolean {
    if (this.text.length >= this.#limit) return false;
    this.text += text;
    return true;
  }
}
