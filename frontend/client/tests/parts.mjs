/**
 * What the AI SDK itself, and this package, make of chunks: a list of cases as JSON comes in, and what each came to
 * show goes out.
 *
 * A case is publications (`pieces`, lists of chunks). `sdk` has the parts after each of them; `ours` those of our own
 * reducer; `resumed` what ours shows at the end when it begins with the parts that the case gives for each of them.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readUIMessageStream } from "ai";
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
  for await (const message of stream) {
    const at = message.metadata?.[AT];
    if (at !== undefined) shown[at] ??= structuredClone(message.parts);
  }
  return { shown, errors };
}

async function reducer() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("../src/chunks.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    write: false,
  });
  return await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`
  );
}

const { applyChunks, blankMessage } = await reducer();

function byUs(pieces, parts = []) {
  const shown = [];
  let message = { ...blankMessage("a"), parts };
  for (const chunks of pieces) {
    message = applyChunks(message, chunks);
    shown.push(message.parts);
  }
  return shown;
}

/** As JSON has it; half a surrogate, which it cannot send, becomes U+FFFD. */
function plain(value) {
  return JSON.parse(
    JSON.stringify(value, (_, inner) => (typeof inner === "string" ? inner.toWellFormed() : inner)),
  );
}

const cases = JSON.parse(readFileSync(0, "utf8"));
const results = [];
for (const { pieces, checkpoints = [], ours = true } of cases) {
  const sdk = await bySdk(pieces);
  results.push(
    plain({
      sdk: sdk.shown,
      errors: sdk.errors,
      ...(ours && { ours: byUs(pieces) }),
      resumed: checkpoints.map((parts, at) => byUs(pieces.slice(at + 1), parts).at(-1) ?? parts),
    }),
  );
}
process.stdout.write(JSON.stringify(results));
