/**
 * Announces answers to screen readers: that one begins, and its text once it is complete; not every
 * token.
 */

import { type Conversation, type Message, type Status, textOf } from "centrifugo-llm";
import { useEffect, useRef, useState } from "preact/hooks";
import { useObservable } from "./hooks.ts";
import { plainText } from "./markdown.ts";

const SPOKEN_LENGTH = 600;

export function Announcer({ conversation }: { conversation: Conversation }) {
  const { messages } = useObservable(conversation.state);
  const opening = useObservable(conversation.sync) === "opening";
  /**
   * The status of each answer as last announced or found; null until the conversation has loaded.
   */
  const known = useRef<Map<string, Status | undefined> | null>(null);
  const [announcement, setAnnouncement] = useState("");
  useEffect(() => {
    if (opening) return;
    const answers = messages.filter(({ role }) => role === "assistant");
    const before = known.current;
    known.current = new Map([
      ...(before ?? []),
      ...answers.map(({ id, metadata }) => [id, metadata.status] as const),
    ]);
    // do not announce what the conversation had when it was opened, nor earlier messages
    const oldest = answers.findIndex(({ id }) => before?.has(id));
    const news = answers.filter(
      ({ id, metadata }, index) =>
        before !== null && index >= oldest && before.get(id) !== metadata.status,
    );
    if (news.length > 0) setAnnouncement(news.map(announce).join(" "));
  }, [messages, opening]);
  return (
    <div class="unseen" role="status" aria-label="Answer">
      {announcement}
    </div>
  );
}

function announce(answer: Message): string {
  switch (answer.metadata.status) {
    case "queued":
      return "Queued.";
    case "streaming":
      return "The answer has started.";
    case "waiting":
      return "The answer needs your decision.";
    case "stopped":
      return "The answer was stopped.";
    case "interrupted":
      return "The answer was interrupted.";
    case "failed":
      return answer.metadata.error ?? "The answer failed.";
    default: {
      const text = plainText(textOf(answer), SPOKEN_LENGTH);
      return text.length <= SPOKEN_LENGTH
        ? text
        : `${text.slice(0, SPOKEN_LENGTH)} … The answer continues.`;
    }
  }
}
