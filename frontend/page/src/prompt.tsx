/** A prompt in the conversation, and its edit field. */

import { type Conversation, type Message, type Part, textOf } from "centrifugo-llm";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { returnToPrompt } from "./focus.ts";
import { useTouch } from "./hooks.ts";
import { isComposing } from "./keys.ts";
import { FilesView } from "./lazy_parts.tsx";
import { report } from "./problems.tsx";
import { Versions } from "./versions.tsx";

interface PromptProps {
  message: Message;
  conversation: Conversation | null;
  /** Whether an answer is being made: nothing can be edited meanwhile. */
  busy: boolean;
}

export function Prompt({ message, conversation, busy }: PromptProps) {
  const [editing, setEditing] = useState(false);
  const edit = useRef<HTMLButtonElement>(null);
  const left = useRef(false);
  const files = message.parts.flatMap((part) => (part.type === "file" ? [part] : []));
  const text = textOf(message);

  useLayoutEffect(() => {
    if (left.current && !editing) edit.current?.focus();
    left.current = false;
  }, [editing]);

  const cancel = () => {
    left.current = true;
    setEditing(false);
  };
  const send = async (changed: string) => {
    await conversation?.edit(message.id, withText(message.parts, changed));
    setEditing(false);
    returnToPrompt();
  };
  return (
    <article class="prompt" aria-label="You" data-message={message.id}>
      <div class="said">
        {editing ? (
          <Editor text={text} busy={busy} onSend={send} onCancel={cancel} />
        ) : (
          text !== "" && <p dir="auto">{text}</p>
        )}
        <FilesView files={files} />
      </div>
      {conversation !== null && !editing && (
        <div class="actions">
          <Versions message={message} conversation={conversation} busy={busy} />
          <button
            type="button"
            ref={edit}
            aria-disabled={busy}
            onClick={() => !busy && setEditing(true)}
          >
            Edit
          </button>
        </div>
      )}
    </article>
  );
}

interface EditorProps {
  text: string;
  busy: boolean;
  onSend: (text: string) => Promise<void>;
  onCancel: () => void;
}

function Editor({ text, busy, onSend, onCancel }: EditorProps) {
  const [typed, setTyped] = useState(text);
  const [sending, setSending] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const touch = useTouch();
  const held = busy || sending || typed.trim() === "";

  useLayoutEffect(() => {
    const area = field.current;
    area?.focus();
    area?.setSelectionRange(area.value.length, area.value.length);
  }, []);
  useLayoutEffect(() => {
    const area = field.current;
    if (area === null) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
  });

  const send = () => {
    if (held) return;
    setSending(true);
    // if refused, the text stays, to be sent again
    report(onSend(typed).finally(() => setSending(false)));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === "Escape") {
      event.preventDefault();
      onCancel();
    }
    const withControl = event.ctrlKey || event.metaKey;
    if (event.key !== "Enter" || event.shiftKey || (touch && !withControl)) return;
    event.preventDefault();
    send();
  };
  return (
    <form
      class="editor"
      aria-label="Edit the prompt"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        dir="auto"
        ref={field}
        rows={1}
        value={typed}
        aria-label="Edited prompt"
        aria-describedby="edit-help"
        readOnly={sending}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="actions offered">
        <button type="submit" class="button" aria-disabled={held}>
          {sending ? "Sending…" : "Send again"}
        </button>
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
        <span id="edit-help" class="hint">
          The original is kept as another version.
        </span>
      </div>
    </form>
  );
}

/** The parts with another text in place of theirs; after the files if there was none. */
export function withText(parts: readonly Part[], text: string): Part[] {
  const before = parts.findIndex(({ type }) => type === "text");
  const at = before < 0 ? parts.length : before;
  const after = parts.slice(at).filter(({ type }) => type !== "text");
  return [...parts.slice(0, at), { type: "text", text }, ...after];
}
