/** Where the focus goes when the pressed element disappears. */

export function focusPrompt(): void {
  document.getElementById("prompt")?.focus();
}

/** Focuses the prompt field, but not on a touch screen, where the keyboard would cover the text. */
export function returnToPrompt(): void {
  if (matchMedia("(pointer: fine)").matches) focusPrompt();
}
