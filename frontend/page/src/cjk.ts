/** Markdown with Chinese, Japanese and Korean, which have no spaces around their punctuation. */

const LETTER = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}ー々";
const PUNCTUATION =
  "\\u3000-\\u303f\\uff01-\\uff0f\\uff1a-\\uff20\\uff3b-\\uff40\\uff5b-\\uff65“”‘’…—";
const ANY = `[${LETTER}${PUNCTUATION}]`;

const BESIDE = new RegExp(
  [
    `[${PUNCTUATION}](?=\\*)`,
    `(?<=\\*)[${PUNCTUATION}]`,
    `(?:(?!\\*)[\\p{P}\\p{S}])(?=\\*{1,3}${ANY})`,
    `(?<=${ANY}\\*{1,3})(?!\\*)[\\p{P}\\p{S}]`,
  ].join("|"),
  "gu",
);

/** Replaces punctuation by letters if it would keep a bold mark from opening or closing there. */
export function openToBold(masked: string): string {
  if (!masked.includes("*")) return masked;
  return masked.replace(BESIDE, (character) => "a".repeat(character.length));
}

const CJK = new RegExp(`${ANY}$`, "u");

/** Whether a mark after this character may open before punctuation. */
export function isCjk(character: string): boolean {
  return CJK.test(character);
}

const LINK_END = new RegExp(`[${PUNCTUATION}]`, "u");

/** The text up to the punctuation that ends a bare link. */
export function untilPunctuation(text: string): string {
  const end = text.slice(0, 4_000).search(LINK_END);
  return end === -1 ? text : text.slice(0, end);
}
