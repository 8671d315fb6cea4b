/**
 * The lasting identity of an anonymous visitor: a token that the server issues once and the browser
 * stores.
 */

export interface TokenStorage {
  read(): string | null;
  write(token: string): void;
  /** Waits until no other user of this storage holds it; call the result to release it. */
  hold?(signal: AbortSignal): Promise<() => void>;
}

const HOLD_TIMEOUT = 10_000;

/** The browser's storage, or memory if there is none (private windows, Node). */
export function browserStorage(key = "centrifugo-llm.token"): TokenStorage {
  try {
    globalThis.localStorage.getItem(key);
  } catch {
    return memoryStorage();
  }
  const memory = memoryStorage();
  const storage: TokenStorage = {
    read: () => memory.read() ?? globalThis.localStorage.getItem(key),
    write: (token) => {
      try {
        globalThis.localStorage.setItem(key, token);
      } catch {
        // full or read-only: the visitor stays the same as long as the page lives
        memory.write(token);
      }
    },
  };
  // absent in pages loaded over plain HTTP
  const locks: LockManager | undefined = globalThis.navigator?.locks;
  if (locks !== undefined) storage.hold = (signal) => holdLock(locks, key, signal);
  return storage;
}

export function memoryStorage(token: string | null = null): TokenStorage {
  let kept = token;
  return {
    read: () => kept,
    write: (next) => {
      kept = next;
    },
  };
}

function holdLock(locks: LockManager, name: string, signal: AbortSignal): Promise<() => void> {
  return new Promise((held, failed) => {
    locks
      .request(name, { signal }, () => new Promise<void>((release) => held(release)))
      .catch(failed);
  });
}

interface ConnectReply {
  token?: string;
  user?: string;
  model?: string;
}

/** The identity that a connection sends, and the one that it receives. */
export class Identity {
  readonly #storage: TokenStorage;
  #release: (() => void) | null = null;
  #holding: Promise<(() => void) | null> | null = null;

  constructor(storage: TokenStorage) {
    this.#storage = storage;
  }

  /**
   * The data to connect with. Without a token, this waits for its turn: two tabs that a new visitor
   * opens together must become one user, so the second connects with the token that the first
   * received.
   */
  async credentials(): Promise<{ token?: string }> {
    if (this.#storage.read() === null && this.#release === null) {
      this.#holding ??= this.#hold();
      this.#release = await this.#holding;
    }
    const token = this.#storage.read();
    if (token === null) return {};
    this.letGo();
    return { token };
  }

  /**
   * Takes the connect reply; false if another tab has become another user meanwhile, which this tab
   * must join.
   */
  connected(reply: ConnectReply, sent: string | undefined): boolean {
    const kept = this.#storage.read();
    const outrun = kept !== null && kept !== (sent ?? null) && kept !== reply.token;
    if (!outrun && reply.token !== undefined) this.#storage.write(reply.token);
    this.letGo();
    return !outrun;
  }

  /** One at a time: of two, the first would be held forever while the second waits for it. */
  async #hold(): Promise<(() => void) | null> {
    try {
      return (await this.#storage.hold?.(AbortSignal.timeout(HOLD_TIMEOUT))) ?? null;
    } catch {
      return null;
    } finally {
      this.#holding = null;
    }
  }

  letGo(): void {
    this.#release?.();
    this.#release = null;
  }
}
