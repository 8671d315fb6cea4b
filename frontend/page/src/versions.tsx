/** ‹ 2/3 › at a message with several versions: which one is in view, and buttons to the others. */

import type { Conversation, Message } from "centrifugo-llm";
import { useState } from "preact/hooks";
import { EarlierIcon, LaterIcon } from "./icons.tsx";
import { report } from "./problems.tsx";

interface VersionsProps {
  message: Message;
  conversation: Conversation | null;
  /** Whether an answer is being made: versions cannot be chosen meanwhile. */
  busy: boolean;
}

/** The same for all versions of a message, so that the focus stays when one replaces another. */
export function placeOf({ id, metadata }: Message): string {
  return metadata.versions?.[0] ?? id;
}

export function Versions({ message, conversation, busy }: VersionsProps) {
  const [choosing, setChoosing] = useState(false);
  const { versions = [] } = message.metadata;
  const at = versions.indexOf(message.id);
  if (versions.length < 2 || at < 0) return null;
  const held = busy || choosing;
  const choose = (version: string | undefined) => {
    if (held || version === undefined) return;
    setChoosing(true);
    report(conversation?.choose(version).finally(() => setChoosing(false)));
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for what a form sends
    <div class="versions" role="group" aria-label="Versions">
      <button
        type="button"
        aria-label="Earlier version"
        // not disabled, which would lose the focus
        aria-disabled={held || at === 0}
        onClick={() => choose(versions[at - 1])}
      >
        <EarlierIcon />
      </button>
      <span aria-hidden="true">
        {at + 1}/{versions.length}
      </span>
      <span class="unseen" role="status" aria-label="Version">
        Version {at + 1} of {versions.length}
      </span>
      <button
        type="button"
        aria-label="Later version"
        aria-disabled={held || at === versions.length - 1}
        onClick={() => choose(versions[at + 1])}
      >
        <LaterIcon />
      </button>
    </div>
  );
}
