/** Copying to the clipboard. */

const CONFIRMED = 1_500;

/** Copies; `navigator.clipboard` is missing in pages that came over plain HTTP. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Copies the code block in whose button was clicked; the blocks come from Markdown and have no handlers. */
export async function copyCode({ target }: Event): Promise<void> {
  const button = target instanceof Element ? target.closest("button.copy") : null;
  const code = button?.closest(".code")?.querySelector("code");
  if (!button || !code) return;
  await copyText(code.textContent ?? "");
  button.textContent = "Copied";
  setTimeout(() => {
    button.textContent = "Copy";
  }, CONFIRMED);
}
