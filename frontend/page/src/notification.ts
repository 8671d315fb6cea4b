/** The browser's notification for an answer that ended. */

import type { Summary } from "centrifugo-llm";
import { showConversation } from "./hooks.ts";

export function notify({ id, title, status }: Summary): void {
  try {
    // the conversation's next notification replaces it
    const body = status === "waiting" ? "An answer needs your decision." : "The answer is ready.";
    const notice = new Notification(title || "Untitled", { body, tag: id });
    notice.onclick = () => {
      window.focus();
      showConversation(id);
      notice.close();
    };
  } catch {
    // phone browsers show none without a service worker: the title says it
  }
}
