/** The messages of a conversation, from the oldest one loaded to the prompts being sent. */

import type { Conversation, Message } from "centrifugo-llm";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { copyCode } from "./copy.ts";
import { focusPrompt, returnToPrompt } from "./focus.ts";
import { toNote } from "./footnotes.ts";
import { DownIcon } from "./icons.tsx";
import { MessageView, PendingView } from "./message.tsx";
import { MessageBoundary } from "./message_boundary.tsx";
import type { Outbox, Pending } from "./outbox.ts";
import { report } from "./problems.tsx";
import { useKeptPlace, useStickToEnd } from "./scroll.ts";
import { useSoughtMessage } from "./sought_message.ts";
import { placeOf } from "./versions.tsx";

interface LogProps {
  messages: readonly Message[];
  pending: readonly Pending[];
  opening: boolean;
  conversation: Conversation | null;
  outbox: Outbox;
  onEdit: (prompt: Pending) => void;
  /** How many prompts were sent from here; each one scrolls to the end. */
  sent: number;
}

export function Log({ messages, pending, opening, conversation, outbox, onEdit, sent }: LogProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const { atEnd, toEnd, leaveEnd } = useStickToEnd(scroller, content);
  useKeptPlace(scroller, messages[0]?.id);
  useEffect(toEnd, [sent, toEnd]);
  // while opening, a notice above the messages is about to disappear and move them
  useSoughtMessage(content, opening ? null : conversation, messages, leaveEnd);
  const clicked = (event: Event) => {
    copyCode(event);
    toNote(event);
  };
  const toLatest = () => {
    toEnd();
    returnToPrompt();
  };
  const streaming = messages.some(({ metadata }) => metadata.status === "streaming");
  const busy = streaming || messages.some(({ metadata }) => metadata.status === "queued");

  return (
    <div class="log" ref={scroller}>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the clicks are those of buttons inside, which have keys */}
      <div
        class="messages"
        role="log"
        aria-label="Messages"
        // the announcer reads news; opening inserts whole pages at once
        aria-live="off"
        aria-busy={streaming || opening}
        ref={content}
        onClick={clicked}
      >
        {conversation?.hasEarlier && messages.length > 0 && <Earlier conversation={conversation} />}
        {opening && <p class="opening">Opening…</p>}
        {messages.map((message) => (
          <MessageBoundary key={placeOf(message)} message={message}>
            <MessageView message={message} conversation={conversation} busy={busy} />
          </MessageBoundary>
        ))}
        {pending.map((prompt) => (
          <PendingView key={prompt.id} prompt={prompt} outbox={outbox} onEdit={onEdit} />
        ))}
      </div>
      {!atEnd && (
        <button
          type="button"
          class="to-end"
          aria-label="Jump to the latest message"
          onClick={toLatest}
        >
          <DownIcon />
        </button>
      )}
    </div>
  );
}

function Earlier({ conversation }: { conversation: Conversation }) {
  const [loading, setLoading] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  // the last page removes the button, and with it the focus
  useLayoutEffect(
    () => () => {
      if (document.activeElement === button.current) focusPrompt();
    },
    [],
  );
  const load = () => {
    if (loading) return;
    setLoading(true);
    report(conversation.loadEarlier().finally(() => setLoading(false)));
  };
  return (
    <button
      type="button"
      class="plain earlier"
      // not disabled, which would lose the focus
      aria-disabled={loading}
      ref={button}
      onClick={load}
    >
      {loading ? "Loading…" : "Show earlier messages"}
    </button>
  );
}
