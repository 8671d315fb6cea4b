/** The whole page: the list of conversations, and the one that the address names. */

import { Cell, type ChatClient, type Conversation, emptyConversation } from "centrifugo-llm";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { placeInAddress } from "./address.ts";
import { Announcer } from "./announcer.tsx";
import { Chat } from "./chat.tsx";
import { ConnectionNotice } from "./connection_notice.tsx";
import { keepDraft } from "./drafts.ts";
import { ExportButton } from "./export_button.tsx";
import { focusPrompt } from "./focus.ts";
import { showConversation, useConversationId, useNarrow, useObservable } from "./hooks.ts";
import { MenuIcon, NewIcon } from "./icons.tsx";
import { useModels } from "./models.ts";
import { Notices } from "./notices.ts";
import { Outbox } from "./outbox.ts";
import { Problems } from "./problems.tsx";
import { Sidebar } from "./sidebar.tsx";
import { FilesOf } from "./stored_files.ts";

const nothing = new Cell(emptyConversation);

export function App({ client }: { client: ChatClient }) {
  const id = useConversationId();
  const list = useMemo(() => client.list(), [client]);
  const notices = useMemo(() => new Notices(list), [list]);
  const unread = useObservable(notices.unread).size;
  const { conversations } = useObservable(list.state);
  const conversation = useMemo(() => (id === "" ? null : client.open(id)), [client, id]);
  useEffect(() => () => conversation?.close(), [conversation]);
  const begun = useRef("");
  const outbox = useMemo(() => {
    return new Outbox(client, (conversation) => {
      if (goesThere(conversation)) begun.current = conversation.id;
    });
  }, [client]);
  const chat = useChatKey(id, begun.current);
  // valid once: when the visitor comes back later, the conversation has not just begun
  useEffect(() => {
    begun.current = "";
  }, [id]);
  const models = useModels(client);
  const [drawer, setDrawer] = useState(false);
  const narrow = useNarrow();
  const closeDrawer = useCallback(() => setDrawer(false), []);
  const { title: ownTitle } = useObservable(conversation?.state ?? nothing);
  const listed = conversations.find((summary) => summary.id === id)?.title;
  const title = ownTitle ?? listed ?? "";
  const heading = title || (id === "" ? "New conversation" : "Conversation");

  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) ${heading}` : heading;
  }, [heading, unread]);
  useEffect(closeDrawer, [id, closeDrawer]);

  return (
    <FilesOf.Provider value={client}>
      <div class="page" data-drawer={drawer ? "open" : "closed"}>
        <button type="button" class="skip" onClick={focusPrompt}>
          Skip to the prompt
        </button>
        <Sidebar
          client={client}
          list={list}
          notices={notices}
          current={id}
          open={drawer}
          onClose={closeDrawer}
        />
        <main inert={drawer && narrow}>
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
            <h1 dir="auto">{heading}</h1>
            {id !== "" && <ExportButton client={client} id={id} title={heading} />}
            <button
              type="button"
              class="icon narrow"
              aria-label="New conversation"
              onClick={() => showConversation("")}
            >
              <NewIcon />
            </button>
          </header>
          <Chat
            key={chat}
            id={id}
            conversation={conversation}
            outbox={outbox}
            client={client}
            models={models}
          />
          <ConnectionNotice client={client} />
          <Problems />
        </main>
        {conversation !== null && <Announcer key={id} conversation={conversation} />}
      </div>
    </FilesOf.Provider>
  );
}

/**
 * Shows a conversation that has just begun, unless the visitor has moved on; returns whether it
 * did.
 */
function goesThere(conversation: Conversation): boolean {
  const shown = placeInAddress().conversation;
  if (shown === "") {
    // keeps what is being typed meanwhile
    keepDraft("", "");
    showConversation(conversation.id);
    return true;
  }
  // the visitor may have opened it from the list before the reply came
  if (shown !== conversation.id) conversation.close();
  return false;
}

/** Changes with the conversation, but not when a new one gets its id: the visitor may be typing. */
function useChatKey(id: string, begun: string): number {
  const chat = useRef({ id, key: 0 });
  if (chat.current.id !== id) {
    const goesOn = chat.current.id === "" && id === begun;
    chat.current = { id, key: chat.current.key + (goesOn ? 0 : 1) };
  }
  return chat.current.key;
}
