/** Scrolls to the message that the address names, on whatever page of the conversation it is. */

import type { Conversation, Message } from "centrifugo-llm";
import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { forgetMessage, placeInAddress } from "./address.ts";
import { report } from "./problems.tsx";

export function useSoughtMessage(
  content: RefObject<HTMLElement | null>,
  conversation: Conversation | null,
  messages: readonly Message[],
  onFound: () => void,
): void {
  const [sought, setSought] = useState(placeInAddress);
  useEffect(() => {
    const look = () => setSought(placeInAddress());
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, []);
  const wanted = sought.conversation === conversation?.id ? sought.message : null;
  const first = messages[0]?.id;

  useEffect(() => {
    if (wanted === null || conversation === null || first === undefined) return;
    const found = content.current?.querySelector<HTMLElement>(
      `[data-message="${CSS.escape(wanted)}"]`,
    );
    if (found) {
      forgetMessage();
      setSought(placeInAddress());
      onFound();
      show(found);
    } else if (conversation.hasEarlier) report(conversation.loadEarlier());
    else forgetMessage();
    // runs again with each page of earlier messages
  }, [wanted, conversation, first, content, onFound]);
}

/** Moves the focus there, so that a screen reader reads it. */
function show(message: HTMLElement): void {
  message.tabIndex = -1;
  message.classList.add("sought");
  message.focus({ preventScroll: true });
  message.scrollIntoView({ block: "start" });
  message.addEventListener("blur", () => message.classList.remove("sought"), { once: true });
}
