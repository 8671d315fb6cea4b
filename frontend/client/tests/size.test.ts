/** What the package costs an app: minified and gzipped, without what the app has itself. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

const folder = new URL("..", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));

async function bytes(...entries: string[]): Promise<number> {
  const contents = entries.map((entry) => `export * from "./src/${entry}.ts";`).join("\n");
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: fileURLToPath(folder) },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2023",
    write: false,
    external: Object.keys(manifest.peerDependencies),
  });
  return gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length;
}

test("the client takes 12 KB at most", async () => {
  expect(await bytes("client")).toBeLessThanOrEqual(12 * 1024);
});

test("the AI SDK's transport takes 4 KB more at most", async () => {
  const more = (await bytes("client", "ai_sdk")) - (await bytes("client"));
  expect(more).toBeLessThanOrEqual(4 * 1024);
});
