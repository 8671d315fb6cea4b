/** What the address names: a conversation, and perhaps a message in it that is looked for. */

export interface Place {
  /** The empty string for a new conversation. */
  readonly conversation: string;
  readonly message: string | null;
}

export function placeInAddress(): Place {
  const [conversation = "", message = null] = location.hash.slice(1).split("/");
  return { conversation, message };
}

export function addressOf(conversation: string, message?: string): string {
  return message === undefined ? `#${conversation}` : `#${conversation}/${message}`;
}

/** The message was found: to name it once more is to look for it once more. */
export function forgetMessage(): void {
  history.replaceState(history.state, "", addressOf(placeInAddress().conversation));
}
