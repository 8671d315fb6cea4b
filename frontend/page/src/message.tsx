/** One message: a prompt, an answer, or a prompt that is not accepted yet. */

import {
  type Conversation,
  isClosed,
  isWaiting,
  type Message,
  type Metadata,
  type Part,
  textOf,
} from "centrifugo-llm";
import { memo } from "preact/compat";
import { useEffect, useState } from "preact/hooks";
import { copy } from "./copy.ts";
import { returnToPrompt } from "./focus.ts";
import { FilesView, OtherPart, Sources } from "./lazy_parts.tsx";
import { MarkdownView } from "./markdown_view.tsx";
import type { Outbox, Pending } from "./outbox.ts";
import type { OtherPartProps } from "./part_views.tsx";
import { report } from "./problems.tsx";
import { Prompt } from "./prompt.tsx";
import { Versions } from "./versions.tsx";

interface MessageProps {
  message: Message;
  conversation: Conversation | null;
  /** Whether an answer of the conversation is being made or queued. */
  busy: boolean;
}

export const MessageView = memo((props: MessageProps) =>
  props.message.role === "user" ? <Prompt {...props} /> : <Answer {...props} />,
);

function Answer({ message, conversation, busy }: MessageProps) {
  const { status } = message.metadata;
  const open = !isClosed(message) && !isWaiting(message);
  const newest = message.parts.at(-1);
  return (
    <article
      class="answer"
      aria-label="Answer"
      data-status={status}
      data-message={message.id}
      // its text is announced once it is complete
      aria-live="off"
      aria-busy={open}
    >
      {status === "queued" && <p class="waiting">Queued: waiting for earlier answers</p>}
      {message.parts.map((part, index) => (
        <PartView
          key={`${index}`}
          part={part}
          message={message}
          conversation={conversation}
          growing={open && part === newest}
        />
      ))}
      {status === "streaming" && !showsGrowth(newest) && (
        <p class="waiting thinking">
          <span class="unseen">
            {newest === undefined ? "Waiting for the answer" : "More of the answer is coming"}
          </span>
        </p>
      )}
      {message.parts.some(({ type }) => type.startsWith("source-")) && (
        <Sources message={message} />
      )}
      <Ending metadata={message.metadata} />
      <Actions message={message} conversation={conversation} busy={busy} />
    </article>
  );
}

/** Whether a part itself shows that more is coming: growing text, or a running call. */
function showsGrowth(part: Part | undefined): boolean {
  if (part?.type === "text" || part?.type === "reasoning") return true;
  return part !== undefined && "state" in part && /^(input|approval)-/.test(part.state ?? "");
}

function PartView({ growing, ...props }: OtherPartProps & { growing: boolean }) {
  const { part } = props;
  if (part.type === "text") return <MarkdownView text={part.text} growing={growing} />;
  if (part.type === "reasoning") {
    return (
      <details class="reasoning">
        <summary>{growing ? "Thinking…" : "Reasoning"}</summary>
        <p dir="auto">{part.text}</p>
      </details>
    );
  }
  return <OtherPart {...props} />;
}

const ENDINGS: Partial<Record<NonNullable<Metadata["status"]>, string>> = {
  stopped: "Stopped.",
  interrupted: "The server was interrupted before this answer was complete.",
  failed: "The answer failed.",
};

/** Finish reasons of a model that did not say everything. */
const CUT_SHORT: Record<string, string> = {
  length: "This answer reached its maximum length.",
  "content-filter": "The model's content filter cut this answer short.",
};

function Ending({ metadata: { status, error, finish_reason } }: { metadata: Metadata }) {
  const ending = status === "complete" ? CUT_SHORT[finish_reason ?? ""] : status && ENDINGS[status];
  if (!ending) return null;
  return (
    <p class={status === "failed" ? "ending failed" : "ending"}>
      {status === "failed" ? (error ?? ending) : ending}
    </p>
  );
}

function Actions({ message, conversation, busy }: MessageProps) {
  const { status, usage, model } = message.metadata;
  if (status === "streaming") return null;
  if (status === "queued" || status === "waiting") {
    const cancel = () => {
      report(conversation?.stop(message.id));
      returnToPrompt();
    };
    return (
      <div class="actions">
        <button type="button" onClick={cancel}>
          Cancel
        </button>
      </div>
    );
  }
  const incomplete = status === "interrupted" || status === "failed";
  return (
    <div class={incomplete ? "actions offered" : "actions"}>
      <Versions message={message} conversation={conversation} busy={busy} />
      <Regenerate message={message} conversation={conversation} busy={busy} />
      {message.parts.length > 0 && <Copy message={message} />}
      {usage && (
        <span class="usage" title={model}>
          {usage.estimated ? "about " : ""}
          {usage.output_tokens} tokens
        </span>
      )}
    </div>
  );
}

function Copy({ message }: { message: Message }) {
  const [copied, setCopied] = useState(false);
  return (
    <button type="button" onClick={() => copy(textOf(message), setCopied)}>
      {copied ? "Copied" : "Copy"}
    </button>
  );
}

/** Regenerates an answer; the present one stays as another version. */
function Regenerate({ message, conversation, busy }: MessageProps) {
  const incomplete =
    message.metadata.status !== "complete" && message.metadata.status !== "stopped";
  const regenerate = () => {
    if (busy) return;
    report(conversation?.regenerate(message.id));
    returnToPrompt();
  };
  return (
    <button
      type="button"
      class={incomplete ? "button" : ""}
      aria-disabled={busy}
      onClick={regenerate}
    >
      {incomplete ? "Answer again" : "Regenerate"}
    </button>
  );
}

const NOTICED = 1_000;

interface PendingProps {
  prompt: Pending;
  outbox: Outbox;
  onEdit: (prompt: Pending) => void;
}

export function PendingView({ prompt, outbox, onEdit }: PendingProps) {
  const { id, text, files = [], error } = prompt;
  const leave = (then: (id: string) => void) => {
    then(id);
    returnToPrompt();
  };
  return (
    <>
      <article class="prompt pending" aria-label="You" aria-busy={error === null}>
        {text !== "" && <p dir="auto">{text}</p>}
        <FilesView files={files} />
      </article>
      {error === null ? (
        <Sending onCancel={() => onEdit(prompt)} />
      ) : (
        <div class="refusal" role="alert">
          <p>{error}</p>
          <div class="actions offered">
            <button type="button" class="button" onClick={() => leave(outbox.retry)}>
              Try again
            </button>
            <button type="button" onClick={() => onEdit(prompt)}>
              Edit
            </button>
            <button type="button" onClick={() => leave(outbox.discard)}>
              Discard
            </button>
          </div>
        </div>
      )}
    </>
  );
}

/** Says that a prompt is not accepted yet, if that takes noticeably long. */
function Sending({ onCancel }: { onCancel: () => void }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), NOTICED);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="sending">
      <p role="status">{shown && "Sending…"}</p>
      {shown && (
        <div class="actions">
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
        </div>
      )}
    </div>
  );
}
