import type { Conversation, Message, Part, Status, ToolPart } from "centrifugo-llm";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, vi } from "vitest";
import { OtherPart, Sources } from "../src/part_views.tsx";

export const root = document.createElement("div");
document.body.append(root);
vi.stubGlobal("matchMedia", () => ({ matches: false }));
afterEach(() => render(null, root));

function message(parts: readonly Part[], status: Status = "streaming"): Message {
  return { id: "m", role: "assistant", parts, metadata: { status } };
}

/** Renders the parts, and returns the result. */
export async function show(parts: readonly Part[], status?: Status, conversation?: Conversation) {
  const of = message(parts, status);
  await act(() =>
    render(
      <>
        {parts.map((part, at) => (
          <OtherPart key={`${at}`} part={part} message={of} conversation={conversation ?? null} />
        ))}
        <Sources message={of} />
      </>,
      root,
    ),
  );
  return root;
}

export async function unfold() {
  const details = root.querySelector("details");
  if (details === null) throw new Error("nothing is folded");
  await act(async () => {
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
  });
}

export const boxes = () => [...root.querySelectorAll("pre")].map(({ textContent }) => textContent);
export const press = (name: string) =>
  act(async () => {
    const buttons = [...root.querySelectorAll("button")];
    buttons.find(({ textContent }) => textContent === name)?.click();
  });

export function tool(state: ToolPart["state"], more: Partial<ToolPart> = {}): ToolPart {
  return { type: "tool-search", toolCallId: "c", state, ...more };
}
