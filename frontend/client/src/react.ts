/**
 * The AI SDK's `useChat` over Centrifugo, in step with other tabs and devices: the entry
 * `centrifugo-llm/react`.
 */

import { Chat, type UseChatHelpers, useChat } from "@ai-sdk/react";
import type { ChatInit, UIMessage } from "ai";
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { CentrifugoChatTransport } from "./ai_sdk/transport.ts";
import { ChatClient } from "./client.ts";
import type { ConversationList, ListState } from "./conversation_list.ts";
import { type InStep, keepInStep, type Standing, UNKNOWN } from "./in_step.ts";

export interface CentrifugoChatOptions<M extends UIMessage = UIMessage>
  extends Omit<ChatInit<M>, "id" | "messages" | "transport"> {
  /** The app's name for the conversation. */
  id: string;
  /** Create it once, outside of components. */
  transport: CentrifugoChatTransport<M>;
  /**
   * Whether to read an answer that is already running as if it had been requested here, so that
   * client tools are called.
   */
  resume?: boolean;
  /** Minimum milliseconds between two renderings. */
  throttle?: number;
}

export interface CentrifugoChatHelpers<M extends UIMessage = UIMessage> extends UseChatHelpers<M> {
  /** False until it is known whether the conversation exists. */
  loaded: boolean;
  title: string | null;
  hasEarlier: boolean;
  loadEarlier: () => Promise<void>;
}

/**
 * `useChat`, in step with other tabs and devices: their turns appear live, `status` covers their
 * answers too, and `stop` stops any running answer.
 */
export function useCentrifugoChat<M extends UIMessage = UIMessage>(
  options: CentrifugoChatOptions<M>,
): CentrifugoChatHelpers<M> {
  const { id, transport, resume = false, throttle } = options;
  const chat = useAppsChat(options);
  const drawing = throttle === undefined ? {} : { throttle, experimental_throttle: throttle };
  const helpers = useChat<M>({ chat, resume, ...drawing });
  const [step, setStep] = useState<InStep | null>(null);
  useEffect(() => {
    const kept = keepInStep(chat, transport);
    setStep(kept);
    return () => kept.close();
  }, [chat, transport]);
  const standing = useStanding(step);

  const stop = useCallback(async () => {
    await chat.stop();
    await transport.stop(id);
  }, [chat, transport, id]);
  const loadEarlier = useCallback(async () => step?.loadEarlier(), [step]);

  const { loaded, title, hasEarlier, answering } = standing;
  return {
    ...helpers,
    status: helpers.status === "ready" ? (answering ?? "ready") : helpers.status,
    error: helpers.error ?? standing.error ?? undefined,
    stop,
    loaded,
    title,
    hasEarlier,
    loadEarlier,
  };
}

/**
 * Updated together with the messages: as component state, `status` would lag behind them for a
 * moment.
 */
function useStanding(step: InStep | null): Standing {
  const subscribe = useCallback(
    (changed: () => void) => step?.standing.subscribe(changed) ?? (() => {}),
    [step],
  );
  const value = () => step?.standing.value ?? UNKNOWN;
  return useSyncExternalStore(subscribe, value, value);
}

/** One chat per id; it calls the callbacks of the latest rendering. */
function useAppsChat<M extends UIMessage>(options: CentrifugoChatOptions<M>): Chat<M> {
  const latest = useRef(options);
  latest.current = options;
  const { id, transport } = options;
  return useMemo(() => {
    const { generateId, messageMetadataSchema, dataPartSchemas } = latest.current;
    return new Chat<M>({
      id,
      transport,
      ...(generateId !== undefined && { generateId }),
      ...(messageMetadataSchema !== undefined && { messageMetadataSchema }),
      ...(dataPartSchemas !== undefined && { dataPartSchemas }),
      onToolCall: (call) => latest.current.onToolCall?.(call),
      onData: (part) => latest.current.onData?.(part),
      onFinish: (end) => latest.current.onFinish?.(end),
      onError: (error) => latest.current.onError?.(error),
      sendAutomaticallyWhen: (now) => latest.current.sendAutomaticallyWhen?.(now) ?? false,
    });
  }, [id, transport]);
}

export interface Conversations extends ListState {
  loadMore: () => Promise<void>;
  rename: (conversation: string, title: string) => Promise<void>;
  remove: (conversation: string) => Promise<void>;
}

const NONE: ListState = { conversations: [], next: null };

/** The user's conversations, newest first, the same in all tabs. */
export function useConversations(source: ChatClient | { client: ChatClient }): Conversations {
  const client = source instanceof ChatClient ? source : source.client;
  const list = useRef<ConversationList | null>(null);
  const [state, setState] = useState(NONE);
  useEffect(() => {
    const followed = client.list();
    list.current = followed;
    setState(followed.state.value);
    return followed.state.subscribe(setState);
  }, [client]);
  return {
    ...state,
    loadMore: useCallback(async () => list.current?.loadMore(), []),
    rename: useCallback(async (id, title) => list.current?.rename(id, title), []),
    remove: useCallback(async (id) => list.current?.delete(id), []),
  };
}
