/** The whole page: the list of conversations beside the one that the address names. */

import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import type { ChatClient, Conversation } from "../client/client.ts";
import { Announcer } from "./announcer.tsx";
import { Chat } from "./chat.tsx";
import { ConnectionNotice } from "./connection_notice.tsx";
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
  const outbox = useMemo(() => new Outbox(client, showBegun), [client]);
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
        <Chat key={id} id={id} conversation={conversation} outbox={outbox} />
        <ConnectionNotice client={client} />
        <Problems />
      </main>
      {conversation !== null && <Announcer key={id} conversation={conversation} />}
    </div>
  );
}

/** Goes to a conversation that has just begun, unless its visitor is elsewhere by now. */
function showBegun(conversation: Conversation): void {
  if (location.hash.length <= 1) showConversation(conversation.id);
  else conversation.close();
}

function focusPrompt(): void {
  document.getElementById("prompt")?.focus();
}
