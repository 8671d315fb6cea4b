/** The chats of Vue and Svelte over the transport, two tabs in step, against a real server. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepInStep } from "centrifugo-llm/in-step";
import { build } from "esbuild";
import { compileModule } from "svelte/compiler";
import * as app from "./app.mjs";
import { begun, shown, until } from "./app.mjs";

const chats = { vue: async () => (await import("@ai-sdk/vue")).Chat, svelte: svelteChat };

await app.main({ inStep });

/** Compiles the published package with Svelte's compiler, as an app's bundler would. */
async function svelteChat() {
  const folder = await mkdtemp(join(tmpdir(), "svelte-"));
  const outfile = join(folder, "chat.mjs");
  const compiled = {
    name: "svelte",
    setup: ({ onLoad }) =>
      onLoad({ filter: /\.svelte\.js$/ }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        return { contents: compileModule(source, { filename: path, generate: "client" }).js.code };
      }),
  };
  await build({
    stdin: { contents: 'export { Chat } from "@ai-sdk/svelte";', resolveDir: import.meta.dirname },
    bundle: true,
    format: "esm",
    conditions: ["svelte", "browser"],
    plugins: [compiled],
    outfile,
  });
  const { Chat } = await import(outfile);
  await rm(folder, { recursive: true });
  return Chat;
}

async function inStep({ origin, framework }) {
  const Chat = await chats[framework]();
  const id = crypto.randomUUID();
  const tab = async (token) => {
    const opened = await app.tab(origin, { token });
    const chat = new Chat({ id, transport: opened.transport });
    return { ...opened, chat, step: keepInStep(chat, opened.transport) };
  };
  const one = await tab();
  const running = one.chat.sendMessage({ text: "/tokens 40 rate=40" });
  await begun(one.chat);
  const other = await tab(one.token);
  await until(() => other.step.standing.value.answering === "streaming");
  await running;
  const rest = (count) =>
    until(() =>
      [one, other].every(
        ({ chat, step }) =>
          chat.status === "ready" &&
          chat.messages.length === count &&
          step.standing.value.answering === undefined,
      ),
    );
  await rest(2);
  await other.chat.sendMessage({ text: "/tokens 6" });
  await rest(4);
  await one.chat.regenerate();
  await rest(4);
  const seen = [shown(one.chat), shown(other.chat)];
  const stopped = one.chat.sendMessage({ text: "/tokens 400 rate=20" });
  await begun(one.chat);
  await one.chat.stop();
  await stopped;
  await until(() => other.chat.messages.at(-1)?.metadata.status === "stopped");
  other.step.close();
  return seen;
}
