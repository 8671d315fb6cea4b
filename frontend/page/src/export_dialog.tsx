/** Asks for the format in which to save a conversation. */

import type { ChatClient } from "centrifugo-llm";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { exported, type Format, save } from "./export.ts";

export interface ExportProps {
  client: ChatClient;
  id: string;
  title: string;
}

export function ExportDialog({
  client,
  id,
  title,
  onClose,
}: ExportProps & { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [said, setSaid] = useState("");
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const loading = useRef(false);
  const take = async (format: Format) => {
    if (loading.current) return;
    loading.current = true;
    setSaid("Loading…");
    try {
      const file = await exported(client, id, title, format);
      // canceled meanwhile
      if (!dialog.current?.open) return;
      save(file);
      // restores the focus
      dialog.current.close();
    } catch (error) {
      setSaid(error instanceof Error ? error.message : String(error));
    } finally {
      loading.current = false;
    }
  };
  return (
    <dialog ref={dialog} aria-label="Export this conversation" onClose={onClose}>
      <h2>Export this conversation</h2>
      <p>Saves all of its messages as a file.</p>
      <div class="actions offered">
        <button type="button" class="button" onClick={() => take("md")}>
          Markdown
        </button>
        <button type="button" class="button" onClick={() => take("json")}>
          JSON
        </button>
        <button type="button" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
      </div>
      <p role="status">{said}</p>
    </dialog>
  );
}
