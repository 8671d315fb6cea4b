/** The whole page: the list of conversations beside the one that the address names. */

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ChatClient, Conversation } from "../client/client.ts";
import { Announcer } from "./announcer.tsx";
import { Chat } from "./chat.tsx";
import { ConnectionNotice } from "./connection_notice.tsx";
import { keepDraft } from "./drafts.ts";
import { focusPrompt } from "./focus.ts";
import { showConversation, useConversationId, useObservable } from "./hooks.ts";
import { MenuIcon, NewIcon } from "./icons.tsx";
import { Outbox } from "./outbox.ts";
import { Problems } from "./problems.tsx";
import { Sidebar } from "./sidebar.tsx";

export function App({ client }: { client: ChatClient }) {
  const id = useConversationId();
  const list = useMemo(() => client.list(), [client]);
  const { conversations } = useObservable(list.state);
  const conversation = useMemo(() => (id === "" ? null : client.open(id)), [client, id]);
  useEffect(() => () => conversation?.close(), [conversation]);
  const begun = useRef("");
  const outbox = useMemo(() => {
    return new Outbox(client, (conversation) => {
      begun.current = conversation.id;
      showBegun(conversation);
    });
  }, [client]);
  const chat = useChatKey(id, begun.current);
  const [drawer, setDrawer] = useState(false);
  const closeDrawer = useCallback(() => setDrawer(false), []);
  const title = conversations.find((summary) => summary.id === id)?.title ?? "";

  useEffect(() => {
    document.title = title || "New conversation";
  }, [title]);
  useEffect(closeDrawer, [id, closeDrawer]);

  return (
    <div class="page" data-drawer={drawer ? "open" : "closed"}>
      <button type="button" class="skip" onClick={focusPrompt}>
        To the prompt
      </button>
      <Sidebar list={list} current={id} open={drawer} onClose={closeDrawer} />
      <main>
        <header>
          <button
            type="button"
            class="icon narrow"
            aria-label="Conversations"
            aria-expanded={drawer}
            aria-controls="conversations"
            onClick={() => setDrawer(true)}
          >
            <MenuIcon />
          </button>
          <h1>{title || "New conversation"}</h1>
          <button
            type="button"
            class="icon narrow"
            aria-label="New conversation"
            onClick={() => showConversation("")}
          >
            <NewIcon />
          </button>
        </header>
        <Chat key={chat} id={id} conversation={conversation} outbox={outbox} />
        <ConnectionNotice client={client} />
        <Problems />
      </main>
      {conversation !== null && <Announcer key={id} conversation={conversation} />}
    </div>
  );
}

/** Goes to a conversation that has just begun, unless its visitor is elsewhere by now. */
function showBegun(conversation: Conversation): void {
  if (location.hash.length > 1) {
    conversation.close();
    return;
  }
  // what is being typed by now goes along
  keepDraft("", "");
  showConversation(conversation.id);
}

/** Changes with the conversation, but not when a new one gets its id: its visitor may be typing. */
function useChatKey(id: string, begun: string): number {
  const chat = useRef({ id, key: 0 });
  if (chat.current.id !== id) {
    const goesOn = chat.current.id === "" && id === begun;
    chat.current = { id, key: chat.current.key + (goesOn ? 0 : 1) };
  }
  return chat.current.key;
}
