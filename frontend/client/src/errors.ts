/** Why a call had no reply, and whether another attempt can help. */

const TIMEOUT = 1;
/**
 * Codes of centrifuge-js for calls that never got a reply: timeout, transport closed, write error,
 * connection closed.
 */
const UNANSWERED: ReadonlySet<number> = new Set([TIMEOUT, 2, 10, 11]);
const DISCONNECTED = 3;
const LIMIT_REACHED = 429;

/** A failed call; its message is one sentence for the user. */
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

  /** Whether the call may have had its effect although there was no reply. */
  get unanswered(): boolean {
    return UNANSWERED.has(this.code);
  }

  /**
   * Whether to retry without asking the user: not after a user's limit, nor without a connection.
   */
  get retryable(): boolean {
    return this.temporary && this.code !== LIMIT_REACHED && this.code !== DISCONNECTED;
  }

  /** Whether the conversation does not exist, or belongs to another user. */
  get forbidden(): boolean {
    return this.code === 403;
  }
}

/** Converts a rejection of centrifuge-js. */
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
  // codes from 100 to 399 are Centrifugo's own, those from 400 are ours
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

/** For a prompt so large that Centrifugo would close the connection. */
export function promptTooLarge(bytes: number, limit: number): CallError {
  const kilobytes = (count: number) => Math.round(count / 1024);
  return new CallError(
    413,
    `This message is too long to send: ${kilobytes(bytes)} KB, and ${kilobytes(limit)} KB is the limit.`,
    false,
  );
}
