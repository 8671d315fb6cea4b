/** One message: a prompt, an answer, or a prompt that has not been accepted yet. */

import { memo } from "preact/compat";
import { useState } from "preact/hooks";
import {
  type Conversation,
  isClosed,
  type Message,
  type Metadata,
  type Part,
  textOf,
} from "../client/client.ts";
import { copyText } from "./copy.ts";
import { returnToPrompt } from "./focus.ts";
import { MarkdownView } from "./markdown_view.tsx";
import type { Outbox, Pending } from "./outbox.ts";
import { report } from "./problems.tsx";

interface MessageProps {
  message: Message;
  conversation: Conversation | null;
}

export const MessageView = memo(({ message, conversation }: MessageProps) =>
  message.role === "user" ? (
    <article class="prompt" aria-label="You">
      <p>{textOf(message)}</p>
    </article>
  ) : (
    <Answer message={message} conversation={conversation} />
  ),
);

function Answer({ message, conversation }: MessageProps) {
  const { status } = message.metadata;
  const open = !isClosed(message);
  return (
    <article
      class="answer"
      aria-label="Answer"
      data-status={status}
      // its text is announced once it is whole
      aria-live="off"
      aria-busy={open}
    >
      {status === "queued" && <p class="waiting">Queued: answered after the ones before</p>}
      {status === "streaming" && message.parts.length === 0 && (
        <p class="waiting thinking">
          <span class="unseen">The answer begins soon</span>
        </p>
      )}
      {message.parts.map((part, index) => (
        <PartView
          key={`${index}`}
          part={part}
          growing={open && index === message.parts.length - 1}
        />
      ))}
      <Ending metadata={message.metadata} />
      <Actions message={message} conversation={conversation} />
    </article>
  );
}

function PartView({ part, growing }: { part: Part; growing: boolean }) {
  if (part.type === "text") return <MarkdownView text={part.text} growing={growing} />;
  if (part.type === "reasoning") {
    return (
      <details class="reasoning">
        <summary>{growing ? "Thinking…" : "Reasoning"}</summary>
        <p>{part.text}</p>
      </details>
    );
  }
  return null;
}

const ENDINGS: Partial<Record<NonNullable<Metadata["status"]>, string>> = {
  stopped: "Stopped.",
  interrupted: "The server was interrupted before this answer was whole.",
  failed: "The answer failed.",
};

function Ending({ metadata: { status, error, finish_reason } }: { metadata: Metadata }) {
  const ending =
    finish_reason === "length" && status === "complete"
      ? "This answer reached its greatest length."
      : status && ENDINGS[status];
  if (!ending) return null;
  return (
    <p class={status === "failed" ? "ending failed" : "ending"}>
      {status === "failed" ? (error ?? ending) : ending}
    </p>
  );
}

function Actions({ message, conversation }: MessageProps) {
  const [copied, setCopied] = useState(false);
  const { status, usage, model } = message.metadata;
  const copy = async () => {
    await copyText(textOf(message));
    setCopied(true);
    setTimeout(() => setCopied(false), 1_500);
  };

  if (status === "streaming") return null;
  if (status === "queued") {
    return (
      <div class="actions">
        <button
          type="button"
          onClick={() => {
            report(conversation?.stop(message.id));
            returnToPrompt();
          }}
        >
          Cancel
        </button>
      </div>
    );
  }
  const incomplete = status === "interrupted" || status === "failed";
  return (
    <div class={incomplete ? "actions offered" : "actions"}>
      <button
        type="button"
        class={incomplete ? "button" : ""}
        onClick={() => {
          report(conversation?.regenerate(message.id));
          returnToPrompt();
        }}
      >
        {incomplete ? "Answer again" : "Regenerate"}
      </button>
      {message.parts.length > 0 && (
        <button type="button" onClick={copy}>
          {copied ? "Copied" : "Copy"}
        </button>
      )}
      {usage && (
        <span class="usage" title={model}>
          {usage.estimated ? "about " : ""}
          {usage.output_tokens} tokens
        </span>
      )}
    </div>
  );
}

interface PendingProps {
  prompt: Pending;
  outbox: Outbox;
  onEdit: (prompt: Pending) => void;
}

export function PendingView({ prompt, outbox, onEdit }: PendingProps) {
  const leave = (then: (id: string) => void) => {
    then(prompt.id);
    returnToPrompt();
  };
  return (
    <>
      <article class="prompt pending" aria-label="You" aria-busy={prompt.error === null}>
        <p>{prompt.text}</p>
      </article>
      {prompt.error !== null && (
        <div class="refusal" role="alert">
          <p>{prompt.error}</p>
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
