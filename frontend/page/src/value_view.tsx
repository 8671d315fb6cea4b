/** A tool's input or output: text in its own scrolling box, never HTML. */

import { useMemo, useState } from "preact/hooks";
import { copy } from "./copy.ts";
import { shownText, wholeText } from "./json_text.ts";

/** How many characters are rendered at first, and per request for more. */
const STEP = 8_000;

interface ValueProps {
  label: string;
  /** The context of the label for screen readers, which read it alone. */
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
