/** Parses an incomplete JSON text; gives the same result as the AI SDK's `parsePartialJson`. */

// The stack of what is open, innermost last, one letter each: r(oot), d(one), s(tring), e(scape),
// u(nicode), l(iteral), n(umber); in an object { k(ey) K (after it) : m(ember) , and in an array [
// i(tem) ;
const AFTER_VALUE: Record<string, string> = { r: "d", ":": "m", "[": "i", ";": "i" };
const NEXT: Record<string, string> = {
  '{"': "k",
  ',"': "k",
  'k"': "K",
  "K:": ":",
  "m,": ",",
  "i,": ";",
};
const CLOSES = ["{}", "m}", "[]", "i]"];
const LITERALS = ["true", "false", "null"];

/** Returns undefined if there is no value yet. */
export function parsePartialJson(text: string): unknown {
  return (parsed(text) ?? parsed(mended(text)))?.value;
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return forbidden(value) ? undefined : { value };
  } catch {
    return undefined;
  }
}

/** Whether there are keys that reach into prototypes. */
function forbidden(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const own = Object.getOwnPropertyDescriptor(value, "constructor")?.value as unknown;
  return (
    Object.hasOwn(value, "__proto__") ||
    (typeof own === "object" && own !== null && Object.hasOwn(own, "prototype")) ||
    Object.values(value).some(forbidden)
  );
}

/** The longest valid beginning of the text, with what closes it. */
function mended(text: string): string {
  const open = ["r"];
  let valid = 0;
  let literal = "";
  let digits = 0;

  /** Moves to the next state, or out of the current one; returns whether the character is valid. */
  function move(state: string, char: string, end: number): boolean {
    const next = NEXT[state + char];
    if (next !== undefined) open[open.length - 1] = next;
    else if (CLOSES.includes(state + char)) {
      open.pop();
      valid = end;
    } else return false;
    return true;
  }

  function begin(state: string, char: string, end: number): boolean {
    const after = AFTER_VALUE[state];
    if (after === undefined || !'"ftn-0123456789{['.includes(char)) return false;
    open[open.length - 1] = after;
    if (char !== "-") valid = end;
    literal = char;
    open.push(char === '"' ? "s" : "{[".includes(char) ? char : "ftn".includes(char) ? "l" : "n");
    return true;
  }

  /** Ends a value without an end of its own, such as a number, and continues in its container. */
  function leave(char: string, end: number): void {
    open.pop();
    const state = open.at(-1) ?? "";
    if ("mi".includes(state)) move(state, char, end);
  }

  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    const state = open.at(-1) ?? "";
    const end = at + 1;
    switch (state) {
      case "s":
        if (char === "\\") open.push("e");
        else valid = end;
        if (char === '"') open.pop();
        break;
      case "e":
        open.pop();
        digits = 0;
        if (char === "u") open.push("u");
        else valid = end;
        break;
      case "u":
        if (/[\da-f]/i.test(char) && ++digits === 4) {
          open.pop();
          valid = end;
        }
        break;
      case "n":
        if (char >= "0" && char <= "9") valid = end;
        else if (",}]".includes(char)) leave(char, end);
        else if (!"eE-.".includes(char)) open.pop();
        break;
      case "l":
        if (LITERALS.some((word) => word.startsWith(literal + char))) {
          literal += char;
          valid = end;
        } else leave(char, end);
        break;
      default:
        if (!move(state, char, end) && !begin(state, char, end) && state === "i") valid = end;
    }
  }
  return text.slice(0, valid) + open.reverse().map(closing).join("");

  function closing(state: string): string {
    if (state === "s") return '"';
    if ("{kK:m,".includes(state)) return "}";
    if ("[i;".includes(state)) return "]";
    const whole = state === "l" && LITERALS.find((word) => word.startsWith(literal));
    return whole ? whole.slice(literal.length) : "";
  }
}
