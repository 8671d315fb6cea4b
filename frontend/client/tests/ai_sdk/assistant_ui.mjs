/**
 * assistant-ui's own runtime over the adapter and the hook, in a jsdom page, against a real server.
 */

import { JSDOM } from "jsdom";
import * as app from "./app.mjs";
import { until } from "./app.mjs";

const { window } = new JSDOM("<!doctype html><body></body>");
Object.assign(globalThis, { window, document: window.document });
Object.defineProperty(globalThis, "navigator", { value: window.navigator, configurable: true });
const { createContext, createElement, useContext } = await import("react");
const { createRoot } = await import("react-dom/client");
const { AssistantRuntimeProvider, useRemoteThreadListRuntime } = await import(
  "@assistant-ui/core/react"
);
const { useAISDKRuntime } = await import("@assistant-ui/ai-sdk");
const { useAuiState } = await import("@assistant-ui/store");
const { threadList } = await import("centrifugo-llm/assistant-ui");
const { useCentrifugoChat } = await import("centrifugo-llm/react");

const Transport = createContext(null);

function useRuntime() {
  const id = useAuiState(({ threadListItem }) => threadListItem.id);
  return useAISDKRuntime(useCentrifugoChat({ id, transport: useContext(Transport) }));
}

function App({ seen, adapter }) {
  seen.runtime = useRemoteThreadListRuntime({ adapter, runtimeHook: useRuntime });
  return createElement(AssistantRuntimeProvider, { runtime: seen.runtime });
}

async function tab(origin, token) {
  const opened = await app.tab(origin, { token });
  const { transport } = opened;
  const seen = {};
  const root = createRoot(document.createElement("div"));
  const adapter = threadList(transport);
  const drawing = createElement(App, { seen, adapter });
  root.render(createElement(Transport, { value: transport }, drawing));
  await until(() => seen.runtime !== undefined && !seen.runtime.threads.getState().isLoading);
  return { ...opened, adapter, runtime: () => seen.runtime };
}

function shown(runtime) {
  return runtime.thread
    .getState()
    .messages.map(({ role, content }) => [role, content.map(({ text }) => text ?? "").join("")]);
}

/** A thread begun, found again in another tab, renamed and deleted there. */
async function threads({ origin }) {
  const one = await tab(origin);
  one.runtime().thread.append("/tokens 20");
  const done = (runtime) =>
    !runtime.thread.getState().isRunning && shown(runtime)[1]?.[1].split(" ").length > 10;
  await until(() => done(one.runtime()));
  const begun = shown(one.runtime());
  const titleOf = (runtime) => runtime.threads.mainItem.getState().title;
  await until(() => titleOf(one.runtime()) !== undefined);
  const other = await tab(origin, one.token);
  const { threadIds } = other.runtime().threads.getState();
  await other.runtime().threads.switchToThread(threadIds[0]);
  await until(() => done(other.runtime()));
  const found = shown(other.runtime());
  const title = titleOf(other.runtime());
  await other.runtime().threads.mainItem.rename("A new title");
  const renamed = (await other.adapter.fetch(threadIds[0])).title;
  const statuses = [];
  for (const step of ["archive", "unarchive"]) {
    await other.runtime().threads.getItemById(threadIds[0])[step]();
    const listed = (await other.adapter.list()).threads.map(({ status }) => status);
    statuses.push([(await other.adapter.fetch(threadIds[0])).status, ...listed]);
  }
  await other.runtime().threads.getItemById(threadIds[0]).delete();
  const { threads: left } = await other.adapter.list();
  return {
    begun,
    found,
    titles: [titleOf(one.runtime()), title, renamed],
    statuses,
    left: left.length,
  };
}

await app.main({ threads });
