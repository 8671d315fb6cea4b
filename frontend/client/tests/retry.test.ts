import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CallError, callError } from "../src/errors.ts";
import { backoff, type RetryPolicy, retrying } from "../src/retry.ts";

const policy: RetryPolicy = { firstDelay: 100, maxDelay: 1_000, within: 10_000 };

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Fails that many times with the error, then succeeds. */
function failing(times: number, error: unknown) {
  return vi.fn(async (attempt: number) => {
    if (attempt < times) throw error;
    return attempt;
  });
}

describe("backoff", () => {
  test("doubles up to its limit, half of it chance", () => {
    const delays = [0, 1, 2, 3, 4, 40].map((attempt) => backoff(attempt, policy, () => 1));
    expect(delays).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(backoff(2, policy, () => 0)).toBe(200);
  });
});

describe("a call", () => {
  const unavailable = new CallError(503, "Try again.", true);

  test("is tried again after temporary failures", async () => {
    const call = failing(3, unavailable);
    const result = retrying(call, policy);
    await vi.runAllTimersAsync();
    expect(await result).toBe(3);
  });

  test("fails with the last error when its time is over", async () => {
    const call = failing(1_000, unavailable);
    const result = expect(retrying(call, policy)).rejects.toBe(unavailable);
    await vi.runAllTimersAsync();
    await result;
    expect(call.mock.calls.length).toBeGreaterThan(9);
    expect(call.mock.calls.length).toBeLessThan(25);
  });

  test.each([
    ["a refusal", new CallError(403, "No.", false)],
    ["the user's own limit", new CallError(429, "Try again in 20 seconds.", true)],
    ["a connection that was ended", callError({ code: 3, message: "client disconnected" })],
    ["a programming error", new TypeError("not a function")],
  ])("is not tried again after %s", async (_, error) => {
    const call = failing(1, error);
    await expect(retrying(call, policy)).rejects.toBe(error);
    expect(call).toHaveBeenCalledOnce();
  });

  test("can be given up between two tries", async () => {
    const controller = new AbortController();
    const call = failing(1_000, unavailable);
    const result = expect(retrying(call, policy, controller.signal)).rejects.toThrow(
      "changed my mind",
    );
    await vi.advanceTimersByTimeAsync(500);
    controller.abort(new Error("changed my mind"));
    await result;
    const calls = call.mock.calls.length;
    await vi.runAllTimersAsync();
    expect(call.mock.calls.length).toBe(calls);
  });
});

describe("an error of centrifuge-js", () => {
  test.each([
    [{ code: 1, message: "timeout" }, true],
    [{ code: 11, message: "connection closed" }, true],
    [{ code: 100, message: "internal server error", temporary: true }, true],
    [{ code: 108, message: "not available" }, false],
    [{ code: 409, message: "Busy.", temporary: false }, false],
    [{ code: 503, message: "Full.", temporary: true }, true],
  ])("%o is worth another try: %s", (error, retryable) => {
    expect(callError(error).retryable).toBe(retryable);
  });

  test("shows a person our sentences, not its own words", () => {
    expect(callError({ code: 409, message: "Busy." }).message).toBe("Busy.");
    expect(callError({ code: 100, message: "internal server error" }).message).not.toContain(
      "internal",
    );
  });
});
