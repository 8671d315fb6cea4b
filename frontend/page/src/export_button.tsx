/** Saves the conversation shown; the code for that is loaded on demand. */

import { useState } from "preact/hooks";
import type { ExportProps } from "./export_dialog.tsx";
import { useLoaded } from "./hooks.ts";
import { ExportIcon } from "./icons.tsx";

const load = () => import("./export_dialog.tsx");

export function ExportButton(props: ExportProps) {
  const [open, setOpen] = useState(false);
  const loaded = useLoaded(open, load);
  return (
    <>
      <button type="button" class="icon" aria-label="Export" onClick={() => setOpen(true)}>
        <ExportIcon />
      </button>
      {open && loaded && <loaded.ExportDialog {...props} onClose={() => setOpen(false)} />}
    </>
  );
}
