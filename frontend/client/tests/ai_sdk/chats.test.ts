/** Which transports share a client and its subscriptions. */

import { expect, test } from "vitest";
import { centrifugoChat } from "../../src/ai_sdk.ts";
import { Service } from "../service.ts";

test("transports on one connection share a client", () => {
  const { centrifuge } = new Service();
  const { client } = centrifugoChat(centrifuge);
  expect(centrifugoChat(centrifuge).client).toBe(client);
  expect(centrifugoChat(centrifuge, { rpcNamespace: "ai" }).client).toBe(client);
  expect(centrifugoChat(new Service().centrifuge).client).not.toBe(client);
});

test("a transport with another namespace calls the methods of that one", async () => {
  const service = new Service();
  service.add("1");
  await centrifugoChat(service.centrifuge)
    .client.models()
    .catch(() => {});
  const other = centrifugoChat(service.centrifuge, { rpcNamespace: "other" });
  expect((await other.load("chat")).length).toBe(2);
  expect(service.methods).toEqual(["ai:models", "other:open"]);
  expect(centrifugoChat(service.centrifuge, { rpcNamespace: "other" }).client).toBe(other.client);
});

test("a transport that is made after the client was disconnected works", async () => {
  const service = new Service();
  service.add("1");
  const left = centrifugoChat(service.centrifuge);
  await left.load("chat");
  left.client.disconnect();
  const transport = centrifugoChat(service.centrifuge);
  expect((await transport.load("chat")).length).toBe(2);
  left.client.disconnect();
  expect(centrifugoChat(service.centrifuge).client).toBe(transport.client);
});

test("a client is shared still while the app's connection is away", () => {
  const { centrifuge } = new Service();
  Object.assign(centrifuge, { state: "disconnected" });
  const { client } = centrifugoChat(centrifuge);
  expect(centrifugoChat(centrifuge).client).toBe(client);
});
