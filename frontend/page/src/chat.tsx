/** One conversation: its messages, and the prompt field. */

import {
  type CallError,
  Cell,
  type ChatClient,
  type Conversation,
  emptyConversation,
  type FilePart,
  type Message,
  type Model,
} from "centrifugo-llm";
import { useCallback, useLayoutEffect, useMemo, useState } from "preact/hooks";
import { Attachments } from "./attachments.ts";
import { Composer } from "./composer.tsx";
import { draftOf, keepDraft } from "./drafts.ts";
import { focusPrompt, returnToPrompt } from "./focus.ts";
import { showConversation, useLoaded, useObservable } from "./hooks.ts";
import { Log } from "./log.tsx";
import { chooseModel, chosenModel } from "./models.ts";
import type { Outbox, Pending } from "./outbox.ts";
import { report } from "./problems.tsx";
import { Welcome } from "./welcome.tsx";

const nothing = new Cell(emptyConversation);
const live = new Cell("live");

const loadPicker = () => import("./model_picker.tsx");

interface ChatProps {
  id: string;
  conversation: Conversation | null;
  outbox: Outbox;
  client: ChatClient;
  models: readonly Model[];
}

export function Chat({ id, conversation, outbox, client, models }: ChatProps) {
  const { messages } = useObservable(conversation?.state ?? nothing);
  const sync = useObservable<string>(conversation?.sync ?? live);
  const pending = useObservable(outbox.pending).filter((prompt) => prompt.conversation === id);
  const unseen = pending.filter((prompt) => !messages.some((message) => message.id === prompt.id));
  const [draft, setDraft] = useState(() => draftOf(id));
  // for a conversation that has just begun, they continue under its id
  const attachments = useMemo(() => new Attachments(client, id), [client]);
  useLayoutEffect(() => attachments.moveTo(id), [attachments, id]);
  const [sent, setSent] = useState(0);
  const [picked, setPicked] = useState<string>();
  const chosen = picked ?? chosenModel(models);
  const picker = useLoaded(models.length > 1, loadPicker);
  const busy = messages.some(isInWork);

  // a second prompt would begin a second conversation
  const beginning = id === "" && pending.some(({ error }) => error === null);

  useLayoutEffect(() => keepDraft(id, draft), [id, draft]);
  useLayoutEffect(returnToPrompt, []);

  const send = (text: string, interrupt: boolean, files: readonly FilePart[] = []) => {
    outbox.send(id, text, interrupt ? "interrupt" : "queue", files, chosen);
    setDraft("");
    setSent((count) => count + 1);
  };
  const pick = (model: string) => {
    setPicked(model);
    chooseModel(model);
  };
  const stop = useCallback(() => {
    report(conversation?.stop());
    returnToPrompt();
  }, [conversation]);
  const edit = useCallback(
    (prompt: Pending) => {
      outbox.discard(prompt.id);
      attachments.restore(prompt.files ?? []);
      // keep what is being typed, after the restored text
      setDraft((typed) => (typed.trim() === "" ? prompt.text : `${prompt.text}\n\n${typed}`));
      focusPrompt();
    },
    [outbox, attachments],
  );

  return (
    <>
      {sync === "gone" ? (
        <Gone failure={conversation?.failure ?? null} />
      ) : messages.length + unseen.length === 0 && conversation === null ? (
        <Welcome model={client.model} onChoose={(text) => send(text, false)} />
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
        text={draft}
        attachments={attachments}
        busy={busy}
        disabled={sync === "gone"}
        held={beginning}
        onInput={setDraft}
        onSend={send}
        onStop={stop}
      >
        {picker && <picker.ModelPicker models={models} chosen={chosen} onChoose={pick} />}
      </Composer>
    </>
  );
}

function isInWork({ metadata }: Message): boolean {
  return metadata.status === "streaming" || metadata.status === "queued";
}

function Gone({ failure }: { failure: CallError | null }) {
  const missing = failure === null || failure.forbidden;
  return (
    <section class="welcome">
      <h2>{missing ? "Conversation not found" : "This conversation could not be loaded"}</h2>
      <p>{missing ? "It was deleted, or it belongs to someone else." : failure.message}</p>
      <button type="button" class="button" onClick={() => showConversation("")}>
        Start a new one
      </button>
    </section>
  );
}
