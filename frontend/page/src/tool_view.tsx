/** A tool call: its name and state, with input and output folded. */

import type { ToolPart } from "centrifugo-llm";
import { memo } from "preact/compat";
import { Folded } from "./folded.tsx";
import { visible } from "./json_text.ts";
import { ValueView } from "./value_view.tsx";

/** What happens to the answer of the call. */
export type Course = "made" | "waiting" | "closed";

const LONGEST_NAME = 120;

export function toolName({ type, toolName, title }: ToolPart): string {
  const name = title || (type === "dynamic-tool" ? toolName : type.slice("tool-".length));
  return visible((name || "tool").slice(0, LONGEST_NAME));
}

/** The displayed state; if nobody goes on with the answer, the call has ended. */
export function toolState(part: ToolPart, course: Course): string {
  switch (part.state) {
    case "output-available":
      return part.preliminary && course !== "closed" ? "Running…" : "Done";
    case "output-error":
      return "Failed";
    case "output-denied":
      return "Denied";
    case "approval-responded":
      if (part.approval?.approved === false) return "Denied";
      return course === "closed" ? "Not finished" : "Approved";
    case "approval-requested":
      return course === "closed" ? "Not decided" : "Needs approval";
    case "input-available":
      if (course === "waiting") return "Waiting for its result";
      return course === "made" ? "Running…" : "Not finished";
    default:
      return course === "made" ? "Writing input…" : "Not finished";
  }
}

interface ToolProps {
  part: ToolPart;
  course: Course;
}

/** Not rendered again with each word of an answer that has hundreds of calls. */
export const ToolView = memo(({ part, course }: ToolProps) => {
  const name = toolName(part);
  const state = toolState(part, course);
  const tone = part.state === "output-error" ? "failed" : state.endsWith("…") ? "running" : "";
  return (
    <Folded
      kind="tool"
      summary={
        <>
          <span class="tool-name">{name}</span> <span class={`tool-state ${tone}`}>{state}</span>
        </>
      }
    >
      {() => <Call part={part} name={name} course={course} />}
    </Folded>
  );
});

function Call({ part, name, course }: ToolProps & { name: string }) {
  const { state, approval, errorText, output } = part;
  const writing = state === "input-streaming";
  // as it is being written, or as text that could not be parsed
  const input = writing ? (part.rawInput ?? part.input) : (part.input ?? part.rawInput);
  return (
    <>
      {input === undefined ? (
        <p>{writing ? "No input yet." : "No input."}</p>
      ) : (
        <ValueView label="Input" of={name} value={input} growing={writing && course === "made"} />
      )}
      {approval?.reason && (
        <p dir="auto">
          {approval.approved === false ? "Denied: " : "Approved: "}
          {visible(approval.reason)}
        </p>
      )}
      {errorText !== undefined && <ValueView label="Error" of={name} value={errorText} />}
      {output !== undefined && <ValueView label="Output" of={name} value={output} />}
    </>
  );
}
