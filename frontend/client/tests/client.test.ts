/** Conversations by an app's own name, through the whole client. */

import { expect, test } from "vitest";
import { ChatClient } from "../src/client.ts";
import type { Conversation } from "../src/conversation.ts";
import { Service } from "./service.ts";

function started() {
  const service = new Service();
  service.add("1");
  return { service, client: new ChatClient({ existing: service.centrifuge }) };
}

const shown = ({ state }: Conversation) => state.value.messages.map(({ id }) => id);

test("a prompt into a conversation that was there brings what stood before it", async () => {
  const { service, client } = started();
  const conversation = await client.begin("Why?", { key: "chat", id: "2" });
  await conversation.ready();
  expect(shown(conversation)).toEqual(["1", "answer-1", "2", "answer-2"]);
  expect(conversation.sync.value).toBe("live");
  expect(service.methods).toEqual(["ai:send", "ai:open"]);
});

test("a prompt into a long conversation tells that there are earlier messages", async () => {
  const { service, client } = started();
  service.page = 2;
  const conversation = await client.begin("Why?", { key: "chat", id: "2" });
  await conversation.ready();
  expect(shown(conversation)).toEqual(["2", "answer-2"]);
  expect(conversation.hasEarlier).toBe(true);
  await conversation.loadEarlier();
  expect(shown(conversation)).toEqual(service.ids);
});

test("whether there are earlier messages is known when what came before is shown", async () => {
  const { service, client } = started();
  service.add("2");
  service.page = 4;
  const conversation = await client.begin("Why?", { key: "chat", id: "3" });
  const told: boolean[] = [];
  conversation.state.subscribe(() => told.push(conversation.hasEarlier));
  await conversation.ready();
  expect(shown(conversation)).toEqual(service.ids.slice(2));
  expect(told.at(-1)).toBe(true);
});

test("a conversation that begins without a name is all there as it is", async () => {
  const service = new Service();
  const client = new ChatClient({ existing: service.centrifuge });
  const conversation = await client.begin("Why?");
  await conversation.ready();
  expect(service.methods).toEqual(["ai:send"]);
});

test("a conversation that is followed in part is whole, and in order, once it is opened by its name", async () => {
  const { service, client } = started();
  const begun = await client.begin("Why?", { key: "chat", id: "2" });
  const opened = await client.openKey("chat");
  expect(opened).toBe(begun);
  expect(shown(begun)).toEqual(service.ids);
});

test("what was missed comes in order where a followed conversation is opened by its name", async () => {
  const { service, client } = started();
  const conversation = await client.openKey("chat");
  service.messages.unshift(...service.messages.map((one) => ({ ...one, id: `0-${one.id}` })));
  await client.openKey("chat");
  expect(conversation && shown(conversation)).toEqual(service.ids);
});
