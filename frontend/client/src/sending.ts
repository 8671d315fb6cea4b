/** How a prompt is sent. */

import type { Link } from "./connection.ts";
import { newId } from "./ids.ts";
import type { Part } from "./messages.ts";
import type { WhenBusy } from "./methods.ts";
import type { Session } from "./protocol.ts";
import { withUploads } from "./uploads.ts";

/** A user's prompt: plain text, or parts. */
export type Prompt = string | readonly Part[];

export interface SendOptions {
  /** The client's own id of the prompt: however often it is sent, it gets one answer. */
  id?: string;
  model?: string;
  whenBusy?: WhenBusy;
  /** The prompt of which this is a new version; it and all after it leave the view. */
  replaces?: string;
  /** Any JSON up to 8 KB for the responder. */
  data?: unknown;
  signal?: AbortSignal;
}

/**
 * The target of a prompt: a conversation, or the one with the app's own name for it, which begins
 * if it does not exist.
 */
export type Destination = { conversation: string } | { key: string } | undefined;

/** Sends a prompt, into a new conversation if none is named. */
export async function callSend(
  connection: Link,
  destination: Destination,
  prompt: Prompt,
  { id = newId(), model, whenBusy, replaces, data, signal }: SendOptions,
): Promise<Session> {
  const said =
    typeof prompt === "string"
      ? { text: prompt }
      : { parts: await withUploads(connection, prompt, signal) };
  return connection.call(
    "send",
    {
      ...destination,
      id,
      ...said,
      ...(model !== undefined && { model }),
      ...(whenBusy !== undefined && { when_busy: whenBusy }),
      ...(replaces !== undefined && { replaces }),
      ...(data !== undefined && { data }),
    },
    { signal },
  );
}
