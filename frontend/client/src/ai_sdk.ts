/** The AI SDK over Centrifugo: the entry `centrifugo-llm/ai-sdk`. */

export {
  CentrifugoChatTransport,
  centrifugoChat,
  type PreparedRequest,
  type PromptOptions,
  type TransportEvent,
  type TransportOptions,
} from "./ai_sdk/transport.ts";
export { CallError } from "./errors.ts";
