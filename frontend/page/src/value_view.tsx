/** What goes into a tool or comes out of it: text in a box of its own that scrolls, and never HTML. */

import { useMemo, useState } from "preact/hooks";
import { copy } from "./copy.ts";
import { shownText, wholeText } from "./json_text.ts";

/** Characters that are drawn at first, and with each wish for more. */
const STEP = 8_000;

interface ValueProps {
  label: string;
  /** Of what, for those who hear the label alone. */
  of: string;
  value: unknown;
  growing?: boolean;
}

export function ValueView({ label, of, value, growing = false }: ValueProps) {
  const [limit, setLimit] = useState(STEP);
  const [copied, setCopied] = useState(false);
  const { text, whole } = useMemo(() => shownText(value, limit), [value, limit]);
  return (
    <div class="code value">
      <div class="code-head">
        <span>{label}</span>
        {!growing && (
          <button
            type="button"
            class="copy"
            aria-label={copied ? "Copied" : `Copy ${label.toLowerCase()}`}
            onClick={() => copy(wholeText(value), setCopied)}
          >
            {copied ? "Copied" : "Copy"}
          </button>
        )}
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form
          biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <pre tabIndex={0} role="group" aria-label={`${label} of ${of}`} aria-busy={growing}>
        {text}
        {!whole && "…"}
      </pre>
      {!whole && (
        <button type="button" class="plain more" onClick={() => setLimit(limit + STEP)}>
          Show more
        </button>
      )}
    </div>
  );
}
