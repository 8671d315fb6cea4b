/** The question before something goes for good. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface ConfirmDialogProps {
  question: string;
  /** What the button says that does it. */
  action: string;
  children: ComponentChildren;
  /** Either is called after the dialog was closed, so that the focus may go where it should. */
  onConfirm: () => void;
  onCancel: () => void;
}

export function ConfirmDialog(props: ConfirmDialogProps) {
  const { question, action, children, onConfirm, onCancel } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const keep = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    dialog.current?.showModal();
    // Enter, pressed once more, must not destroy
    keep.current?.focus();
  }, []);
  // Answered in the same turn in which it closes and gives the focus back: its `close` event comes
  // later, and a key that asks once more may come before that.
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
