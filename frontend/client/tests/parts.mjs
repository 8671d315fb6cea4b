/**
 * What the AI SDK itself and this package make of chunks: reads a list of cases as JSON, and prints
 * the result of each.
 *
 * A case is publications (`pieces`, lists of chunks). `sdk` has the AI SDK's parts after each of
 * them, `ours` those of our reducer. `resumed` is what ours shows at the end if it begins with the
 * parts that the case gives for each of them. `replayed` is what the AI SDK makes of `whole` parts
 * as the transport replays them. `metadata` has the message's metadata after each publication, by
 * both. Or a case is the beginning of a JSON `text`: its value, as both parse it.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parsePartialJson as bySdkOf, readUIMessageStream } from "ai";
import { build } from "esbuild";

const AT = "at";

async function bySdk(pieces) {
  const marked = pieces.flatMap((chunks, at) => [
    ...chunks,
    { type: "message-metadata", messageMetadata: { [AT]: at } },
  ]);
  const errors = [];
  const stream = readUIMessageStream({
    stream: ReadableStream.from(structuredClone(marked)),
    onError: (error) => errors.push(String(error)),
  });
  const shown = [];
  const metadata = [];
  for await (const message of stream) {
    const { [AT]: at, ...known } = message.metadata ?? {};
    if (at === undefined) continue;
    shown[at] ??= structuredClone(message.parts);
    metadata[at] ??= structuredClone(known);
  }
  return { shown, metadata, errors };
}

async function ours() {
  const contents = ["chunks", "partial_json", "ai_sdk/replay"].map(
    (name) => `export * from "./src/${name}.ts";`,
  );
  const { outputFiles } = await build({
    stdin: {
      contents: contents.join("\n"),
      resolveDir: fileURLToPath(new URL("..", import.meta.url)),
    },
    bundle: true,
    format: "esm",
    write: false,
  });
  const source = Buffer.from(outputFiles[0].contents).toString("base64");
  return await import(`data:text/javascript;base64,${source}`);
}

const { applyChunks, blankMessage, difference, parsePartialJson } = await ours();

function byUs(pieces, parts = []) {
  return shownByUs(pieces, parts).map((message) => message.parts);
}

function shownByUs(pieces, parts = [], metadata = {}) {
  let message = { ...blankMessage("a"), parts, metadata };
  return pieces.map((chunks) => {
    message = applyChunks(message, chunks);
    return message;
  });
}

/** As JSON has it; half surrogates, which cannot be sent, become U+FFFD. */
function plain(value) {
  if (value === undefined) return null;
  return JSON.parse(
    JSON.stringify(value, (_, inner) => (typeof inner === "string" ? inner.toWellFormed() : inner)),
  );
}

/** What an app shows of a message that is loaded rather than followed from the beginning. */
async function replayed(parts) {
  const { shown } = await bySdk([difference(null, { ...blankMessage("a"), parts })]);
  return shown[0];
}

const results = [];
for (const { pieces, checkpoints = [], whole, text } of JSON.parse(readFileSync(0, "utf8"))) {
  if (text !== undefined) {
    results.push([(await bySdkOf(text)).value, parsePartialJson(text)].map(plain));
    continue;
  }
  const sdk = await bySdk(pieces);
  results.push(
    plain({
      sdk: sdk.shown,
      errors: sdk.errors,
      ours: byUs(pieces),
      metadata: {
        sdk: sdk.metadata,
        ours: shownByUs(pieces).map((message) => message.metadata),
      },
      resumed: checkpoints.map((parts, at) => byUs(pieces.slice(at + 1), parts).at(-1) ?? parts),
      ...(whole && { replayed: await replayed(whole) }),
    }),
  );
}
process.stdout.write(JSON.stringify(results));
