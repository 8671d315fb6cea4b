/** The confirmation before something is deleted for good. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface ConfirmDialogProps {
  question: string;
  /** The label of the confirming button. */
  action: string;
  children: ComponentChildren;
  /** Both are called after the dialog has closed, so that they can set the focus. */
  onConfirm: () => void;
  onCancel: () => void;
}

export function ConfirmDialog(props: ConfirmDialogProps) {
  const { question, action, children, onConfirm, onCancel } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const keep = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    dialog.current?.showModal();
    // pressing Enter again must not confirm
    keep.current?.focus();
  }, []);
  // Answered in the same turn in which the dialog closes and restores the focus: its `close` event
  // comes later, and another key press may reopen the dialog before that.
  const answered = useRef(false);
  const answer = (then: () => void) => {
    if (answered.current) return;
    answered.current = true;
    dialog.current?.close();
    then();
  };
  return (
    <dialog
      ref={dialog}
      aria-label={question}
      onCancel={() => answer(onCancel)}
      onClose={() => answer(onCancel)}
    >
      <h2>{question}</h2>
      <p>{children}</p>
      <div class="actions offered">
        <button type="button" class="button danger" onClick={() => answer(onConfirm)}>
          {action}
        </button>
        <button type="button" ref={keep} onClick={() => answer(onCancel)}>
          Keep
        </button>
      </div>
    </dialog>
  );
}
