/** Where the keyboard goes when what was pressed is no longer there. */

export function focusPrompt(): void {
  document.getElementById("prompt")?.focus();
}

/** The same, but not on a touch screen, whose keyboard would cover what is being read. */
export function returnToPrompt(): void {
  if (matchMedia("(pointer: fine)").matches) focusPrompt();
}
