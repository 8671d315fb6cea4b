/** The question before a conversation is deleted for good. */

import { useLayoutEffect, useRef } from "preact/hooks";

interface DeleteDialogProps {
  title: string;
  onConfirm: () => void;
  onCancel: () => void;
}

export function DeleteDialog({ title, onConfirm, onCancel }: DeleteDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby="delete-question" onClose={onCancel}>
      <h2 id="delete-question">Delete this conversation?</h2>
      <p>“{title}” goes for good, on all your devices.</p>
      <div class="actions offered">
        <button type="button" class="button danger" onClick={onConfirm}>
          Delete
        </button>
        <button type="button" onClick={() => dialog.current?.close()}>
          Keep
        </button>
      </div>
    </dialog>
  );
}
