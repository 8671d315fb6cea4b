/** Asks, once, for permission to show notifications. */

import { useObservable } from "./hooks.ts";
import type { Notices } from "./notices.ts";

export function NoticeSwitch({ notices }: { notices: Notices }) {
  const permission = useObservable(notices.permission);
  if (permission !== "default") return null;
  return (
    <button type="button" class="plain" onClick={() => void notices.ask()}>
      Notify me of answers
    </button>
  );
}
