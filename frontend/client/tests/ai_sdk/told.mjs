/**
 * Tabs of apps with `useChat`, driven line by line; the chaos program is their user. A line is
 * `{"call": 1, "does": "send", "tab": "a", …}`, and its reply `{"call": 1, "gives": …}`. Whenever
 * the state of a tab changes, it also prints `{"tab": "a", "stands": …}`.
 */

import { createInterface } from "node:readline";
import { Tab } from "./told_tab.mjs";

const STANDING_MS = 50;

const [origin, how] = process.argv.slice(2);
const tabs = new Map();
const told = new Map();

async function perform({ does, tab, ...options }) {
  if (does === "open") {
    const opened = new Tab(origin, { ...options, careless: how === "careless" });
    const token = await opened.open();
    tabs.set(tab, opened);
    return token;
  }
  const found = tabs.get(tab);
  if (does === "close") {
    tabs.delete(tab);
    told.delete(tab);
  }
  return (await found[does](options)) ?? null;
}

function tellStanding() {
  for (const [tab, found] of tabs) {
    const line = JSON.stringify({ tab, stands: found.stands() });
    if (told.get(tab) === line) continue;
    told.set(tab, line);
    process.stdout.write(`${line}\n`);
  }
}

setInterval(tellStanding, STANDING_MS);
for await (const line of createInterface({ input: process.stdin })) {
  const { call, ...asked } = JSON.parse(line);
  // a failure here is a bug of this program: it ends and says why
  perform(asked).then((gives) => process.stdout.write(`${JSON.stringify({ call, gives })}\n`));
}
process.exit(0);
