/** The field for a prompt: Enter sends, Shift+Enter begins a line, Esc stops the answer; on a phone Enter begins a line. */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { useTouch } from "./hooks.ts";
import { SendIcon, StopIcon } from "./icons.tsx";

interface ComposerProps {
  text: string;
  /** Whether an answer is being made. */
  busy: boolean;
  disabled: boolean;
  /** Whether to send nothing at the moment. */
  held: boolean;
  onInput: (text: string) => void;
  onSend: (text: string, interrupt: boolean) => void;
  onStop: () => void;
}

export function Composer(props: ComposerProps) {
  const { text, busy, disabled, held, onInput, onSend, onStop } = props;
  const field = useRef<HTMLTextAreaElement>(null);
  const touch = useTouch();
  const empty = text.trim() === "";

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
      // in a composition it ends that
      const meant = event.key === "Escape" && !isComposing(event);
      if (meant && !event.defaultPrevented && !inDialog) onStop();
    };
    addEventListener("keydown", stopOnEscape);
    return () => removeEventListener("keydown", stopOnEscape);
  }, [busy, onStop]);

  const send = (interrupt: boolean) => {
    if (empty || disabled || held) return;
    onSend(text, interrupt);
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Enter also ends the choice of a word in Japanese or Chinese, which must not send
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    const withControl = event.ctrlKey || event.metaKey;
    // a phone's keyboard has no Shift+Enter, and the button is near
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
      <div class="field">
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
              disabled={empty || disabled || held}
            >
              <SendIcon />
            </button>
          )}
        </div>
      </div>
      <p id="prompt-help" class="help">
        {busy && !empty
          ? "Enter: after the present answer · Ctrl+Enter: in its place · Esc: stop"
          : busy
            ? "Esc stops the answer"
            : "Enter sends · Shift+Enter begins a new line"}
      </p>
    </form>
  );
}

/** Whether a key belongs to the choice of a word; Safari says so by this code alone for the one that ends it. */
function isComposing({ isComposing, keyCode }: KeyboardEvent): boolean {
  return isComposing || keyCode === 229;
}
