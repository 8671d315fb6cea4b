import { describe, expect, test } from "vitest";
import type { Link } from "../src/connection.ts";
import { CallError } from "../src/errors.ts";
import type { Part } from "../src/messages.ts";
import { download, upload, withUploads } from "../src/uploads.ts";
import { Random } from "./random.ts";

const PIECE = 6_000;

/**
 * Stores files like the server; `fail` decides which call has no reply, with or without its effect.
 */
class Server implements Link {
  pieceBytes = PIECE;
  readonly files = new Map<string, Map<number, string>>();
  readonly calls: number[] = [];
  fail: (call: number) => CallError | "lost" | undefined = () => undefined;
  told: Record<string, unknown> = {};
  readonly #about = new Map<string, object>();

  async call(method: string, request: object): Promise<never> {
    const { id, part, parts, data, ...about } = request as {
      id: string;
      part: number;
      parts: number;
      data: string;
    };
    this.calls.push(part);
    const failure = this.fail(this.calls.length);
    await new Promise((resolve) => setTimeout(resolve, part % 3));
    if (failure instanceof CallError) throw failure;
    const reply =
      method === "upload" ? this.#put(id, part, parts, data, about) : this.#get(request);
    if (failure === "lost") throw new CallError(1, "The connection was lost.", true);
    return reply as never;
  }

  #put(id: string, part: number, parts: number, data: string, about: object): object {
    const known = this.#about.get(id);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify({ parts, ...about })) {
      throw new CallError(400, "The field filename is not what it was for this id before.", false);
    }
    const pieces = this.files.get(id) ?? new Map<number, string>();
    this.files.set(id, pieces);
    expect(pieces.get(part) ?? data).toBe(data);
    pieces.set(part, data);
    this.told = { parts, ...about };
    this.#about.set(id, this.told);
    const missing = Array.from({ length: parts }, (_, at) => at + 1).filter(
      (at) => !pieces.has(at),
    );
    return missing.length > 0 ? { missing: missing.slice(0, 200) } : { url: `upload:${id}` };
  }

  #get(request: object): object {
    const { url, part = 1 } = request as { url: string; part?: number };
    const id = url.slice(7);
    return { ...this.#about.get(id), data: this.files.get(id)?.get(part) };
  }

  subscribe(): never {
    throw new Error("nothing is followed here");
  }
}

function content(bytes: number, seed = 1): Uint8Array<ArrayBuffer> {
  const chance = new Random(seed);
  return Uint8Array.from({ length: bytes }, () => chance.below(256));
}

async function back(server: Server, url: string): Promise<Uint8Array> {
  return new Uint8Array(await (await download(server, url)).arrayBuffer());
}

describe("a file", () => {
  test.each([1, PIECE - 1, PIECE, PIECE + 1, 7 * PIECE + 5])(
    "of %i bytes arrives whole",
    async (bytes) => {
      const server = new Server();
      const progress: number[] = [];
      const file = new File([content(bytes)], "a.png", { type: "image/png" });
      const part = await upload(server, file, { onProgress: (arrived) => progress.push(arrived) });
      expect(part).toMatchObject({ type: "file", mediaType: "image/png", filename: "a.png" });
      expect(await back(server, part.url)).toEqual(content(bytes));
      expect(server.told).toMatchObject({ bytes, media_type: "image/png", filename: "a.png" });
      expect(progress).toEqual([...progress].sort((a, b) => a - b));
      expect(progress.at(-1)).toBe(bytes);
    },
  );

  test("that was given up goes on with what is missing", async () => {
    const server = new Server();
    const file = new Blob([content(20 * PIECE)]);
    server.fail = (call) => (call > 8 ? new CallError(500, "No.", false) : undefined);
    await expect(upload(server, file, { id: "f" })).rejects.toThrow("No.");
    const there = server.files.get("f")?.size ?? 0;
    expect(there).toBeGreaterThan(3);
    server.fail = () => undefined;
    server.calls.length = 0;
    const { url } = await upload(server, file, { id: "f" });
    expect(server.calls.length).toBe(20 - there + 1);
    expect(await back(server, url)).toEqual(content(20 * PIECE));
    // and once more: one call finds that everything is there
    server.calls.length = 0;
    await upload(server, file, { id: "f" });
    expect(server.calls).toEqual([1]);
  });

  test("with more pieces than a reply tells of is sent whole", async () => {
    const server = new Server();
    const file = new Blob([content(450 * PIECE)]);
    const { url } = await upload(server, file);
    expect(server.calls.length).toBeLessThanOrEqual(451);
    expect((await back(server, url)).length).toBe(450 * PIECE);
  });

  test("waits where the server says for how long, and not where it does not", async () => {
    const server = new Server();
    const file = new Blob([content(3 * PIECE)]);
    server.fail = (call) =>
      call === 2 ? new CallError(429, "Too many calls. Try again in 1 second.", true) : undefined;
    await upload(server, file);
    server.fail = () =>
      new CallError(429, "You can store 5 MB of files in all. Delete some.", true);
    await expect(upload(server, file)).rejects.toThrow("You can store 5 MB of files in all.");
  });

  test("that is empty is refused at once", async () => {
    const server = new Server();
    await expect(upload(server, new Blob([]))).rejects.toMatchObject({ code: 400 });
    expect(server.calls).toEqual([]);
  });

  test("keeps the end of a long name, which says what kind it is", async () => {
    const server = new Server();
    await upload(server, new File(["a"], `${"x".repeat(300)}.csv`));
    expect(server.told.filename).toMatch(/^x{76}\.csv$/);
  });
});

describe("data URLs in a prompt", () => {
  const png = `data:image/png;base64,${btoa("x".repeat(60_000))}`;

  test("are uploaded where they are too large for it, and stay what they were", async () => {
    const server = new Server();
    const small: Part = { type: "file", mediaType: "image/png", url: "data:image/png;base64,aGk=" };
    const parts: Part[] = [
      { type: "text", text: "look" },
      small,
      { type: "file", mediaType: "image/png", url: png, filename: "a.png" },
      { type: "file", mediaType: "text/csv", url: "data:text/csv,%C3%A4%3Bb" },
      { type: "file", mediaType: "image/png", url: "https://example.com/a.png" },
    ];
    const sent = await withUploads(server, parts);
    expect(sent.map((part) => (part.type === "file" ? part.url.slice(0, 7) : part.type))).toEqual([
      "text",
      "data:im",
      "upload:",
      "upload:",
      "https:/",
    ]);
    const [, , image, text] = sent;
    if (image?.type !== "file" || text?.type !== "file") throw new Error("not files");
    expect(new TextDecoder().decode(await back(server, image.url))).toBe("x".repeat(60_000));
    expect(new TextDecoder().decode(await back(server, text.url))).toBe("ä;b");
    expect(image.filename).toBe("a.png");
  });

  test("are one file, however often they are sent", async () => {
    const server = new Server();
    const part: Part = { type: "file", mediaType: "image/png", url: png };
    const other: Part = { ...part, url: png.replace("eHh4", "eHh5") };
    const [[first], [second], [third]] = [
      await withUploads(server, [part]),
      await withUploads(server, [part]),
      await withUploads(server, [other]),
    ];
    expect(second).toEqual(first);
    expect(third).not.toEqual(first);
    expect(server.files.size).toBe(2);
  });

  test("are files of their own under each name and of each kind, as the server demands", async () => {
    const server = new Server();
    const part: Part = { type: "file", mediaType: "image/png", url: png };
    const parts: Part[] = [
      part,
      { ...part, filename: "a.png" },
      { ...part, filename: "b.png" },
      { ...part, mediaType: "image/x-png" },
    ];
    const sent = await withUploads(server, parts);
    expect(sent).toEqual(parts.map((one) => ({ ...one, url: expect.stringMatching(/^upload:/) })));
    expect(server.files.size).toBe(4);
  });

  test("are files of their own where a connection takes them in other pieces", async () => {
    const server = new Server();
    const part: Part = { type: "file", mediaType: "image/png", url: png };
    await withUploads(server, [part]);
    server.pieceBytes = PIECE / 2;
    await withUploads(server, [part]);
    expect(server.files.size).toBe(2);
  });
});
