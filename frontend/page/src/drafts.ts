/** Unsent prompts, kept across reloads; one per conversation. */

const key = (conversation: string) => `draft:${conversation}`;

export function draftOf(conversation: string): string {
  try {
    return sessionStorage.getItem(key(conversation)) ?? "";
  } catch {
    return "";
  }
}

export function keepDraft(conversation: string, text: string): void {
  try {
    if (text === "") sessionStorage.removeItem(key(conversation));
    else sessionStorage.setItem(key(conversation), text);
  } catch {
    // without storage, a draft lives as long as the page
  }
}
