/** What a screen reader says of an answer: that it begins, and its text once it is whole; not every token. */

import { useEffect, useRef, useState } from "preact/hooks";
import { type Conversation, type Message, type Status, textOf } from "../client/client.ts";
import { useObservable } from "./hooks.ts";

const SPOKEN_LENGTH = 600;

export function Announcer({ conversation }: { conversation: Conversation }) {
  const { messages } = useObservable(conversation.state);
  const answer = messages.findLast(({ role }) => role === "assistant");
  const before = useRef<Status | undefined>(undefined);
  const [announcement, setAnnouncement] = useState("");
  const status = answer?.metadata.status;
  useEffect(() => {
    // what was there when the conversation was opened is for reading, not for announcing
    const news = before.current !== undefined && before.current !== status;
    before.current = status ?? "complete";
    if (news && answer !== undefined) setAnnouncement(announce(answer));
  }, [answer?.id, status]);
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
      return "The answer begins.";
    case "stopped":
      return "The answer was stopped.";
    case "interrupted":
      return "The answer was interrupted.";
    case "failed":
      return answer.metadata.error ?? "The answer failed.";
    default: {
      const text = textOf(answer);
      return text.length <= SPOKEN_LENGTH
        ? text
        : `${text.slice(0, SPOKEN_LENGTH)} … The answer goes on.`;
    }
  }
}
