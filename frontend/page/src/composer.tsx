/**
 * The prompt field: Enter sends, Shift+Enter inserts a line break, Esc stops the answer; on a
 * phone, Enter inserts a line break.
 */

import type { FilePart } from "centrifugo-llm";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { AddFiles, AttachmentList, filesPasted, useDrop } from "./attachment_list.tsx";
import type { Attachments } from "./attachments.ts";
import { useObservable, useTouch } from "./hooks.ts";
import { SendIcon, StopIcon } from "./icons.tsx";
import { isComposing } from "./keys.ts";

interface ComposerProps {
  text: string;
  attachments: Attachments;
  /** Whether an answer is being made. */
  busy: boolean;
  disabled: boolean;
  /** Whether sending is disabled for the moment. */
  held: boolean;
  onInput: (text: string) => void;
  onSend: (text: string, interrupt: boolean, files: readonly FilePart[]) => void;
  onStop: () => void;
  children?: ComponentChildren;
}

export function Composer(props: ComposerProps) {
  const { text, attachments, busy, disabled, held, onInput, onSend, onStop, children } = props;
  const field = useRef<HTMLTextAreaElement>(null);
  const touch = useTouch();
  const files = useObservable(attachments.files);
  const dropping = useDrop(attachments, disabled);
  // a prompt can only name uploaded files
  const unready = files.some(({ part }) => part === null);
  const empty = text.trim() === "" && files.length === 0;

  useLayoutEffect(() => {
    const area = field.current;
    if (area === null) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
  }, [text]);

  useEffect(() => {
    if (!busy) return;
    const stopOnEscape = (event: KeyboardEvent) => {
      const inDialog = event.target instanceof Element && event.target.closest("dialog") !== null;
      // during text composition, Esc only cancels that
      const meant = event.key === "Escape" && !isComposing(event);
      if (meant && !event.defaultPrevented && !inDialog) onStop();
    };
    addEventListener("keydown", stopOnEscape);
    return () => removeEventListener("keydown", stopOnEscape);
  }, [busy, onStop]);

  const send = (interrupt: boolean) => {
    if (empty || disabled || held || unready) return;
    onSend(text, interrupt, attachments.take());
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Enter also confirms a word in Japanese or Chinese input, which must not send
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    const withControl = event.ctrlKey || event.metaKey;
    // a phone's keyboard has no Shift+Enter, and the send button is near
    if (touch && !withControl) return;
    event.preventDefault();
    send(busy && withControl);
  };

  return (
    <form
      class="composer"
      aria-label="Prompt"
      onSubmit={(event) => {
        event.preventDefault();
        send(false);
      }}
    >
      <div class={dropping ? "field dropping" : "field"}>
        <AttachmentList attachments={attachments} />
        <AddFiles attachments={attachments} disabled={disabled} />
        <textarea
          id="prompt"
          dir="auto"
          ref={field}
          rows={1}
          value={text}
          placeholder="Ask anything"
          aria-label="Your prompt"
          aria-describedby="prompt-help"
          enterkeyhint={touch ? "enter" : "send"}
          disabled={disabled}
          onInput={(event) => onInput(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          onPaste={(event) => {
            const pasted = filesPasted(event);
            if (pasted.length === 0) return;
            event.preventDefault();
            attachments.add(pasted);
          }}
        />
        <div class="buttons">
          {busy && !empty && (
            <button type="button" class="second" onClick={() => send(true)}>
              Interrupt
            </button>
          )}
          {busy && (
            <button
              type="button"
              class={empty ? "send" : "second square"}
              aria-label="Stop"
              onClick={onStop}
            >
              <StopIcon />
            </button>
          )}
          {(!busy || !empty) && (
            <button
              type="submit"
              class="send"
              aria-label={busy ? "Queue" : "Send"}
              disabled={empty || disabled || held || unready}
            >
              <SendIcon />
            </button>
          )}
        </div>
      </div>
      <p id="prompt-help" class="help">
        {dropping
          ? "Drop the files to add them to your prompt"
          : unready
            ? "You can send the prompt once its files are uploaded"
            : busy && !empty
              ? "Enter queues · Ctrl+Enter interrupts · Esc stops the answer"
              : busy
                ? "Esc stops the answer"
                : "Enter sends · Shift+Enter starts a new line"}
      </p>
      {children}
    </form>
  );
}
