import { useAuiState, useRemoteThreadListRuntime } from "@assistant-ui/react";
import { useAISDKRuntime } from "@assistant-ui/react-ai-sdk";
import { threadList } from "centrifugo-llm/assistant-ui";
import { useCentrifugoChat } from "centrifugo-llm/react";
import { useSyncExternalStore } from "react";
import { transport } from "./connection";

const adapter = threadList(transport);

function useThreadRuntime() {
  const id = useAuiState(({ threadListItem }) => threadListItem.id);
  return useAISDKRuntime(useCentrifugoChat({ id, transport }));
}

/** The thread on the screen is the one in the address, so that a reload or another tab finds it. */
export function useRuntime() {
  const hash = useSyncExternalStore(followHash, () => location.hash.slice(1));
  return useRemoteThreadListRuntime({
    adapter,
    runtimeHook: useThreadRuntime,
    threadId: hash || undefined,
    onThreadIdChange: (threadId) => {
      location.hash = threadId ?? "";
    },
  });
}

function followHash(changed: () => void) {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
}
