/** Why a call had no reply, and whether another try can help. */

const TIMEOUT = 1;
/** Codes of centrifuge-js for calls that never got an answer: timeout, transport closed, write error, connection closed. */
const UNANSWERED: ReadonlySet<number> = new Set([TIMEOUT, 2, 10, 11]);
const DISCONNECTED = 3;
const LIMIT_REACHED = 429;

/** A call that failed; its message is one sentence for a person. */
export class CallError extends Error {
  override readonly name = "CallError";

  constructor(
    readonly code: number,
    message: string,
    /** Whether the same call may succeed later. */
    readonly temporary: boolean,
  ) {
    super(message);
  }

  /** Whether the call may have had its effect although nobody said so. */
  get unanswered(): boolean {
    return UNANSWERED.has(this.code);
  }

  /** Whether to try again without asking anyone: not against a user's limit, nor without a connection. */
  get retryable(): boolean {
    return this.temporary && this.code !== LIMIT_REACHED && this.code !== DISCONNECTED;
  }

  /** Whether the conversation is not there, or not for this user. */
  get forbidden(): boolean {
    return this.code === 403;
  }
}

/** What centrifuge-js rejects with, as ours. */
export function callError(reason: unknown): CallError {
  if (reason instanceof CallError) return reason;
  if (typeof reason !== "object" || reason === null || !("code" in reason)) {
    return new CallError(0, String(reason), false);
  }
  const { code, message, temporary } = reason as {
    code: number;
    message?: string;
    temporary?: boolean;
  };
  if (code === DISCONNECTED) return noConnection();
  if (UNANSWERED.has(code)) return connectionLost(code);
  // codes from 100 are Centrifugo's own up to 399, ours from 400
  if (code >= 100 && code < 400) {
    return new CallError(
      code,
      "The service is not available at the moment. Try again.",
      temporary ?? false,
    );
  }
  return new CallError(code, message || "The call failed.", temporary ?? false);
}

export function connectionLost(code = TIMEOUT): CallError {
  return new CallError(code, "The connection was lost. Try again.", true);
}

export function noConnection(): CallError {
  return new CallError(DISCONNECTED, "There is no connection.", true);
}

/** A prompt that Centrifugo would drop the connection for. */
export function promptTooLarge(bytes: number, limit: number): CallError {
  const kilobytes = (count: number) => Math.round(count / 1024);
  return new CallError(
    413,
    `This message is too long to send: ${kilobytes(bytes)} KB, and ${kilobytes(limit)} KB is the limit.`,
    false,
  );
}
