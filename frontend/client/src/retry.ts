/** Retries: how often, and after which delay. */

import { CallError } from "./errors.ts";

export interface RetryPolicy {
  /** The first delay, in milliseconds; it doubles with each attempt. */
  firstDelay: number;
  maxDelay: number;
  /** No attempt begins after this many milliseconds. */
  within: number;
}

export const defaultRetries: RetryPolicy = { firstDelay: 200, maxDelay: 5_000, within: 60_000 };

/**
 * Half of the delay is fixed and half is random, so that clients that failed together return at
 * different times.
 */
export function backoff(
  attempt: number,
  { firstDelay, maxDelay }: Pick<RetryPolicy, "firstDelay" | "maxDelay">,
  random: () => number = Math.random,
): number {
  const delay = Math.min(maxDelay, firstDelay * 2 ** Math.min(attempt, 30));
  return delay / 2 + (delay / 2) * random();
}

/** Rejects with the signal's reason if aborted first. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }
    function aborted(): void {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", aborted, { once: true });
  });
}

/** The outcome of a promise, or a rejection with the signal's reason if aborted first. */
export function unlessAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    signal.addEventListener("abort", aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", aborted));
  });
}

/** Calls until it succeeds, fails for good, or the time for retries is over. */
export async function retrying<T>(
  call: (attempt: number) => Promise<T>,
  policy: RetryPolicy,
  signal?: AbortSignal,
): Promise<T> {
  const end = Date.now() + policy.within;
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await unlessAborted(call(attempt), signal);
    } catch (error) {
      if (!(error instanceof CallError) || !error.retryable) throw error;
      const delay = backoff(attempt, policy);
      if (Date.now() + delay > end) throw error;
      await sleep(delay, signal);
    }
  }
}
