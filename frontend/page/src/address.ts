/** The page's address: it names a conversation, and perhaps a message to find in it. */

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

/** Called once the message was found: naming it again searches for it again. */
export function forgetMessage(): void {
  history.replaceState(history.state, "", addressOf(placeInAddress().conversation));
}
