/**
 * A line that tells when the connection is lost, after a delay: usually it is back before anyone
 * could read it.
 */

import type { ChatClient } from "centrifugo-llm";
import { useRef } from "preact/hooks";
import { useObservable, useSettled } from "./hooks.ts";

export function ConnectionNotice({ client }: { client: ChatClient }) {
  const state = useObservable(client.state);
  const settled = useSettled(state, 800);
  const known = useRef(false);
  if (state === "connected") known.current = true;
  const shown = state === "connected" ? "connected" : settled;
  return (
    <div class="connection" role="status" aria-label="Connection">
      {shown === "connecting" && <p>{known.current ? "Reconnecting…" : "Connecting…"}</p>}
      {shown === "offline" && (
        <p>
          You are disconnected.{" "}
          <button type="button" class="plain" onClick={() => client.connect()}>
            Reconnect
          </button>
        </p>
      )}
    </div>
  );
}
