import type { Message } from "../src/messages.ts";
import type { Publication, Session } from "../src/protocol.ts";

export function session(messages: Message[], generation: Session["generation"] = null): Session {
  return {
    conversation: "c",
    channel: "ai:c",
    title: "",
    messages,
    since: { offset: 0, epoch: "" },
    generation,
  };
}

export function whole(shown: Session) {
  return { type: "session" as const, session: shown, whole: true };
}

export function reply(shown: Session) {
  return { type: "session" as const, session: shown, whole: false };
}

export const piece = (seq: number, delta: string): Publication => ({
  type: "chunks",
  message: "a",
  seq,
  chunks: [{ type: "text-delta", id: "1", delta }],
});
export const first: Publication = {
  type: "chunks",
  message: "a",
  seq: 1,
  chunks: [
    { type: "start", messageId: "a" },
    { type: "text-start", id: "1" },
  ],
};
