/**
 * A tool call that needs the user's approval: its full input, two buttons, and a field for a reason
 * to deny.
 */

import type { Conversation, Message, ToolPart } from "centrifugo-llm";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { returnToPrompt } from "./focus.ts";
import { visible } from "./json_text.ts";
import { report } from "./problems.tsx";
import { toolName } from "./tool_view.tsx";
import { ValueView } from "./value_view.tsx";

/** A longer reason scrolls in its own box. */
const LONGEST_REASON = 500;
const LONGEST_WHY_NOT = 500;

interface ApprovalProps {
  part: ToolPart;
  message: Message;
  conversation: Conversation | null;
}

export function ApprovalView({ part, message, conversation }: ApprovalProps) {
  const [sending, setSending] = useState(false);
  const card = useRef<HTMLDivElement>(null);
  const whyNot = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => () => leave(card.current), []);
  const { approval, input } = part;
  const reason = approval?.requestReason ?? "";
  const name = toolName(part);
  const decide = (decision: { approved: boolean; reason?: string }) => {
    if (sending || approval === undefined || conversation === null) return;
    setSending(true);
    const approvals = [{ id: approval.id, ...decision }];
    report(conversation.continue(message.id, { approvals }).finally(() => setSending(false)));
  };
  const deny = (event: Event) => {
    event.preventDefault();
    const typed = whyNot.current?.value.trim();
    decide({ approved: false, ...(typed && { reason: typed }) });
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form, and this asks one thing
    <div class="approval" role="group" aria-label={`Approval: ${name}`} tabIndex={-1} ref={card}>
      <p>
        Allow <strong class="tool-name">{name}</strong>?
      </p>
      {reason !== "" && reason.length <= LONGEST_REASON && <p dir="auto">{visible(reason)}</p>}
      {reason.length > LONGEST_REASON && <ValueView label="Reason" of={name} value={reason} />}
      {input === undefined ? <p>No input.</p> : <ValueView label="Input" of={name} value={input} />}
      {approval?.descriptor !== undefined && (
        <ValueView label="Details" of={name} value={approval.descriptor} />
      )}
      {/* Enter in the field denies, because a reason is only for that */}
      <form class="decisions" onSubmit={deny}>
        {/* not disabled, which would lose the focus */}
        <button
          type="button"
          class="button"
          aria-disabled={sending}
          onClick={() => decide({ approved: true })}
        >
          Approve
        </button>
        <button type="submit" class="button quiet" aria-disabled={sending}>
          Deny
        </button>
        <input
          ref={whyNot}
          dir="auto"
          autocomplete="off"
          maxLength={LONGEST_WHY_NOT}
          aria-label="Reason for denying (optional)"
          placeholder="Reason for denying (optional)"
        />
        <span role="status">{sending && "Sending…"}</span>
      </form>
    </div>
  );
}

/**
 * Moves the focus when its buttons disappear: to the next request. Focuses the whole request, not
 * its button, because a double key press would activate that.
 */
function leave(card: HTMLElement | null): void {
  if (card === null || !card.contains(document.activeElement)) return;
  const asked = [...document.querySelectorAll<HTMLElement>(".approval")];
  const next = asked[asked.indexOf(card) + 1] ?? asked.find((other) => other !== card);
  if (next === undefined) returnToPrompt();
  else next.focus();
}
