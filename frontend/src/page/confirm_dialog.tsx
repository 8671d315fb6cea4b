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
  const answer = (value: string) => dialog.current?.close(value);
  return (
    <dialog
      ref={dialog}
      aria-label={question}
      onClose={() => (dialog.current?.returnValue === "yes" ? onConfirm() : onCancel())}
    >
      <h2>{question}</h2>
      <p>{children}</p>
      <div class="actions offered">
        <button type="button" class="button danger" onClick={() => answer("yes")}>
          {action}
        </button>
        <button type="button" ref={keep} onClick={() => answer("no")}>
          Keep
        </button>
      </div>
    </dialog>
  );
}
