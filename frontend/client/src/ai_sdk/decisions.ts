/** The user's decisions on a waiting answer, read from the message as the app shows it. */

import type { UIMessage } from "ai";
import type { Message } from "../messages.ts";
import type { Decisions, ToolOutput } from "../methods.ts";
import { type AnyPart, isTool } from "./replay.ts";

type Approval = NonNullable<Decisions["approvals"]>[number];

/**
 * The approvals and outputs that the app's message has and the server's lacks. Without the server's
 * message, returns all of them: repeating a decision is no error.
 */
export function decisionsOf(shown: UIMessage, stored: Message | undefined): Decisions {
  const settled = new Set(
    ((stored?.parts ?? []) as readonly AnyPart[]).filter(isSettled).map(toolCall),
  );
  const open = (shown.parts as unknown as readonly AnyPart[])
    .filter(isTool)
    .filter((part) => !settled.has(toolCall(part)));
  const approvals = open.flatMap(approvalOf);
  const outputs = open.flatMap(outputOf);
  return {
    ...(approvals.length > 0 && { approvals }),
    ...(outputs.length > 0 && { outputs }),
  };
}

/** Whether a tool call waits for nothing. */
export function isSettled(part: AnyPart): boolean {
  return isTool(part) && !["input-available", "approval-requested"].includes(part.state ?? "");
}

function toolCall({ toolCallId }: AnyPart): string {
  return String(toolCallId);
}

function approvalOf({ state, approval }: AnyPart): Approval[] {
  if (state !== "approval-responded") return [];
  const { id, approved, reason } = approval as Approval;
  return [{ id, approved, ...(reason !== undefined && { reason }) }];
}

function outputOf({ state, toolCallId, output, errorText }: AnyPart): ToolOutput[] {
  const call = { toolCallId: String(toolCallId) };
  if (state === "output-available") return [{ ...call, output }];
  if (state === "output-error") return [{ ...call, errorText: String(errorText) }];
  return [];
}
