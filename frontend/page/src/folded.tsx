/** A folded section, rendered only while open: an answer may have many long ones. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

interface FoldedProps {
  kind: "tool" | "data" | "reasoning";
  summary: ComponentChildren;
  children: () => ComponentChildren;
}

export function Folded({ kind, summary, children }: FoldedProps) {
  const [open, setOpen] = useState(false);
  return (
    <details class={`folded ${kind}`} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {open && <div class="folded-body">{children()}</div>}
    </details>
  );
}
