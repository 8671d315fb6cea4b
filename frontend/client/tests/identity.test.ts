import { describe, expect, test, vi } from "vitest";
import { browserStorage, Identity, memoryStorage, type TokenStorage } from "../src/identity.ts";

/** Storage of one browser: while one holds it, the others wait. */
function sharedStorage(): TokenStorage {
  let last: Promise<void> = Promise.resolve();
  return {
    ...memoryStorage(),
    hold: () => {
      const before = last;
      return new Promise((held) => {
        last = new Promise((release) => {
          before.then(() => held(release));
        });
      });
    },
  };
}

/** A server that creates a new visitor for each connection without a token. */
function minting() {
  let minted = 0;
  const connect = (sent: { token?: string }) => ({ token: sent.token ?? `token-${++minted}` });
  return { connect, count: () => minted };
}

describe("a visitor", () => {
  test("keeps the token that the first connection brought", async () => {
    const storage = memoryStorage();
    const identity = new Identity(storage);
    expect(await identity.credentials()).toEqual({});
    identity.connected({ token: "t" }, undefined);
    expect(await identity.credentials()).toEqual({ token: "t" });
    expect(await new Identity(storage).credentials()).toEqual({ token: "t" });
  });

  test("is one, though two tabs were opened together", async () => {
    const storage = sharedStorage();
    const server = minting();
    const tab = async () => {
      const identity = new Identity(storage);
      const sent = await identity.credentials();
      const reply = server.connect(sent);
      await Promise.resolve();
      identity.connected(reply, sent.token);
      return reply.token;
    };
    const tokens = await Promise.all([tab(), tab(), tab()]);
    expect(new Set(tokens).size).toBe(1);
    expect(server.count()).toBe(1);
  });

  test("gives way to another tab that could not be waited for", async () => {
    const storage = memoryStorage();
    const [one, other] = [new Identity(storage), new Identity(storage)];
    await Promise.all([one.credentials(), other.credentials()]);
    expect(one.connected({ token: "first" }, undefined)).toBe(true);
    expect(other.connected({ token: "second" }, undefined)).toBe(false);
    expect(await other.credentials()).toEqual({ token: "first" });
  });

  test("takes a new token in place of one that the server refused", async () => {
    const storage = memoryStorage("of a secret long gone");
    const identity = new Identity(storage);
    const { token } = await identity.credentials();
    expect(identity.connected({ token: "new" }, token)).toBe(true);
    expect(storage.read()).toBe("new");
  });

  test("lets the next tab go on when its own connection fails", async () => {
    const storage = sharedStorage();
    const failed = new Identity(storage);
    await failed.credentials();
    const next = new Identity(storage).credentials();
    failed.letGo();
    expect(await next).toEqual({});
  });

  test("stays the same where the browser's storage is full", async () => {
    const setItem = () => {
      throw new DOMException("The quota has been exceeded.", "QuotaExceededError");
    };
    vi.stubGlobal("localStorage", { getItem: () => null, setItem });
    const identity = new Identity(browserStorage());
    expect(identity.connected({ token: "t" }, undefined)).toBe(true);
    expect(await identity.credentials()).toEqual({ token: "t" });
    vi.unstubAllGlobals();
  });
});
