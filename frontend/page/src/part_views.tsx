/** The parts of an answer other than text and reasoning. */

import {
  type Conversation,
  isClosed,
  isWaiting,
  type Message,
  type Part,
  type ToolPart,
} from "centrifugo-llm";
import { ApprovalView } from "./approval_view.tsx";
import { FileView } from "./file_view.tsx";
import { Folded } from "./folded.tsx";
import { visible } from "./json_text.ts";
import { type Course, ToolView } from "./tool_view.tsx";
import { ValueView } from "./value_view.tsx";
import "./styles/parts.css";

export { FilesView } from "./file_view.tsx";
export { Sources } from "./sources.tsx";

export interface OtherPartProps {
  part: Part;
  message: Message;
  conversation: Conversation | null;
}

export function OtherPart({ part, message, conversation }: OtherPartProps) {
  if (isTool(part)) {
    if (part.state === "approval-requested" && !isClosed(message)) {
      return <ApprovalView part={part} message={message} conversation={conversation} />;
    }
    return <ToolView part={part} course={courseOf(message)} />;
  }
  switch (part.type) {
    case "file":
      return <FileView {...part} />;
    case "reasoning-file":
      return (
        <Folded kind="reasoning" summary="Reasoning">
          {() => <FileView {...part} />}
        </Folded>
      );
    case "source-url": // these are listed together, at the end
    case "source-document":
    case "step-start":
      return null;
    case "steering-message":
      return <Added parts={part.parts} />;
    default:
      return <Unknown part={part} />;
  }
}

function isTool(part: Part): part is ToolPart {
  return part.type === "dynamic-tool" || part.type.startsWith("tool-");
}

function courseOf(message: Message): Course {
  if (isClosed(message)) return "closed";
  return isWaiting(message) ? "waiting" : "made";
}

/** What the user said in the middle of the answer. */
function Added({ parts }: { parts: readonly Part[] }) {
  const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  return (
    <p class="added" dir="auto">
      <span class="unseen">You: </span>
      {text}
    </p>
  );
}

/** An app's own data, and parts of future kinds. */
function Unknown({ part }: { part: Part }) {
  const { type, data } = part as { type: string; data?: unknown };
  const isData = type.startsWith("data-");
  const name = visible((isData ? type.slice("data-".length) : type).slice(0, 120));
  return (
    <Folded kind="data" summary={<span class="tool-name">{name}</span>}>
      {() => <ValueView label="Data" of={name} value={isData ? data : part} />}
    </Folded>
  );
}
