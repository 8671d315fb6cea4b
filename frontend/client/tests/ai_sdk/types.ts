/**
 * Checked by the compiler only: assistant-ui's and the AI SDK's own types must accept what the
 * package gives.
 */

import type { RemoteThreadListAdapter } from "@assistant-ui/core";
import type { ChatTransport, UIMessage } from "ai";
import type { CentrifugoChatTransport } from "../../src/ai_sdk/transport.ts";
import { threadList } from "../../src/assistant_ui.ts";
import type { ChatClient } from "../../src/client.ts";

declare const client: ChatClient;
declare const transport: CentrifugoChatTransport;

export const adapter: RemoteThreadListAdapter = threadList(client);
export const chatTransport: ChatTransport<UIMessage> = transport;
