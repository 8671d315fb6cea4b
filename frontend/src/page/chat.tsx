/** One conversation: its messages, and the field for the next prompt. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type Conversation, emptyConversation, type Message } from "../client/client.ts";
import { Cell } from "../client/observable.ts";
import { Composer } from "./composer.tsx";
import { draftOf, keepDraft } from "./drafts.ts";
import { showConversation, useObservable } from "./hooks.ts";
import { Log } from "./log.tsx";
import type { Outbox, Pending } from "./outbox.ts";
import { report } from "./problems.tsx";
import { Welcome } from "./welcome.tsx";

const nothing = new Cell(emptyConversation);
const live = new Cell("live");

interface ChatProps {
  id: string;
  conversation: Conversation | null;
  outbox: Outbox;
}

export function Chat({ id, conversation, outbox }: ChatProps) {
  const { messages } = useObservable(conversation?.state ?? nothing);
  const sync = useObservable<string>(conversation?.sync ?? live);
  const pending = useObservable(outbox.pending).filter((prompt) => prompt.conversation === id);
  const unseen = pending.filter((prompt) => !messages.some((message) => message.id === prompt.id));
  const [draft, setDraft] = useState(() => draftOf(id));
  const [sent, setSent] = useState(0);
  const field = useRef<HTMLTextAreaElement>(null);
  const busy = messages.some(isInWork);

  useEffect(() => keepDraft(id, draft), [id, draft]);
  useEffect(() => {
    // a touch screen's keyboard would cover what was opened to be read
    if (matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, []);

  const send = (text: string, interrupt: boolean) => {
    outbox.send(id, text, interrupt ? "interrupt" : "queue");
    setDraft("");
    setSent((count) => count + 1);
  };
  const stop = useCallback(() => report(conversation?.stop()), [conversation]);
  const edit = useCallback(
    (prompt: Pending) => {
      outbox.discard(prompt.id);
      setDraft(prompt.text);
      field.current?.focus();
    },
    [outbox],
  );

  return (
    <>
      {sync === "gone" ? (
        <Gone />
      ) : messages.length + unseen.length === 0 && conversation === null ? (
        <Welcome onChoose={(text) => send(text, false)} />
      ) : (
        <Log
          messages={messages}
          pending={unseen}
          opening={sync === "opening"}
          conversation={conversation}
          outbox={outbox}
          onEdit={edit}
          sent={sent}
        />
      )}
      <Composer
        field={field}
        text={draft}
        busy={busy}
        disabled={sync === "gone"}
        onInput={setDraft}
        onSend={send}
        onStop={stop}
      />
    </>
  );
}

function isInWork({ metadata }: Message): boolean {
  return metadata.status === "streaming" || metadata.status === "queued";
}

function Gone() {
  return (
    <section class="welcome">
      <h2>This conversation is not here</h2>
      <p>It was deleted, or it belongs to somebody else.</p>
      <button type="button" class="button" onClick={() => showConversation("")}>
        Begin a new one
      </button>
    </section>
  );
}
