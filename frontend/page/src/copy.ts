/** Copying to the clipboard. */

import { CallError } from "centrifugo-llm";
import { report } from "./problems.tsx";

const CONFIRMED = 1_500;

/** Copies and confirms it for a moment; tells the user if the browser refuses. */
export function copy(text: string, confirm: (copied: boolean) => void): void {
  report(
    copied(text).then(() => {
      confirm(true);
      setTimeout(() => confirm(false), CONFIRMED);
    }),
  );
}

async function copied(text: string): Promise<void> {
  try {
    await write(text);
  } catch {
    throw new CallError(0, "The browser did not allow copying.", false);
  }
}

/** `navigator.clipboard` is missing in pages loaded over plain HTTP. */
async function write(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/**
 * Copies the code block whose button was clicked; blocks come from Markdown and have no handlers.
 */
export function copyCode({ target }: Event): void {
  const button = target instanceof Element ? target.closest("button.copy") : null;
  const code = button?.closest(".code")?.querySelector("code");
  if (!button || !code) return;
  copy(code.textContent ?? "", (copied) => {
    button.textContent = copied ? "Copied" : "Copy";
    // the label hides the text from screen readers
    button.setAttribute("aria-label", copied ? "Copied" : "Copy code");
  });
}
