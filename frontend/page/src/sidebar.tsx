/** The user's conversations; a drawer on narrow screens. */

import type { ChatClient, ConversationList, Summary } from "centrifugo-llm";
import type { TargetedMouseEvent } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { ConfirmDialog } from "./confirm_dialog.tsx";
import { showConversation, useLoaded, useNarrow, useObservable } from "./hooks.ts";
import {
  ArchiveIcon,
  CloseIcon,
  DeleteIcon,
  NewIcon,
  RenameIcon,
  UnarchiveIcon,
} from "./icons.tsx";
import { isComposing } from "./keys.ts";
import { NoticeSwitch } from "./notice_switch.tsx";
import type { Notices } from "./notices.ts";
import { report } from "./problems.tsx";
import { SearchField } from "./search.tsx";

const loadResults = () => import("./results.tsx");

interface SidebarProps {
  client: ChatClient;
  list: ConversationList;
  notices: Notices;
  current: string;
  open: boolean;
  onClose: () => void;
}

export function Sidebar({ client, list, notices, current, open, onClose }: SidebarProps) {
  const [archived, setArchived] = useState(false);
  const [query, setQuery] = useState("");
  const { conversations, next } = useObservable(archived ? list.archived : list.state);
  const unread = useObservable(notices.unread);
  const searching = query.trim() !== "";
  const results = useLoaded(searching, loadResults);
  const [renaming, setRenaming] = useState<string | null>(null);
  const [deleting, setDeleting] = useState<Summary | null>(null);
  const nav = useRef<HTMLElement>(null);
  const renamed = useRef<Element | null>(null);
  const first = useRef<HTMLButtonElement>(null);
  const close = useRef<HTMLButtonElement>(null);
  const narrow = useNarrow();
  const hidden = narrow && !open;

  // before the content behind it becomes inert and loses the focus
  useLayoutEffect(() => {
    if (!open) return;
    const before = document.activeElement;
    close.current?.focus();
    const closeOnEscape = (event: KeyboardEvent) => {
      const inDialog = event.target instanceof Element && event.target.closest("dialog") !== null;
      if (event.key !== "Escape" || inDialog || isComposing(event)) return;
      event.preventDefault();
      onClose();
    };
    addEventListener("keydown", closeOnEscape, { capture: true });
    return () => {
      removeEventListener("keydown", closeOnEscape, { capture: true });
      const isInside = nav.current?.contains(document.activeElement);
      if (isInside && before instanceof HTMLElement) before.focus();
    };
  }, [open, onClose]);

  useLayoutEffect(() => {
    const isLost = document.activeElement === document.body;
    if (renaming === null && isLost) focusRename(renamed.current);
  }, [renaming]);

  const begin = () => {
    onClose();
    showConversation("");
  };
  const rename = (id: string, title: string) => {
    setRenaming(null);
    if (title.trim() !== "") report(list.rename(id, title.trim()));
  };
  const remove = ({ id }: Summary) => {
    setDeleting(null);
    // the focused row disappears; a new conversation's prompt field takes the focus itself
    if (id === current) showConversation("");
    else first.current?.focus();
    report(list.delete(id));
  };
  const archive = ({ id }: Summary) => {
    first.current?.focus();
    report(list.archive(id, !archived));
  };
  const toggleArchive = () => {
    setArchived(!archived);
    if (!archived) report(list.openArchive());
  };

  return (
    <>
      <nav id="conversations" aria-label="Conversations" inert={hidden} ref={nav}>
        <div class="nav-head">
          <button type="button" class="new" ref={first} onClick={begin}>
            <NewIcon /> New conversation
          </button>
          <button
            type="button"
            class="icon narrow"
            aria-label="Close"
            ref={close}
            onClick={onClose}
          >
            <CloseIcon />
          </button>
        </div>
        <SearchField query={query} onInput={setQuery} />
        {results && searching && (
          <results.Results client={client} query={query} onChoose={onClose} />
        )}
        <ul hidden={searching} aria-label={archived ? "Archived" : undefined}>
          {archived && conversations.length === 0 && (
            <li class="none">No archived conversations.</li>
          )}
          {conversations.map((summary) => (
            <li key={summary.id} data-current={summary.id === current}>
              {renaming === summary.id ? (
                <RenameField
                  title={summary.title}
                  onDone={(title) => rename(summary.id, title)}
                  onCancel={() => setRenaming(null)}
                />
              ) : (
                <Row
                  summary={summary}
                  current={summary.id === current}
                  onChoose={onClose}
                  onRename={({ currentTarget }) => {
                    renamed.current = currentTarget.closest("li");
                    setRenaming(summary.id);
                  }}
                  onDelete={() => setDeleting(summary)}
                  onArchive={() => archive(summary)}
                  unread={unread.has(summary.id)}
                />
              )}
            </li>
          ))}
        </ul>
        {next !== null && !searching && (
          <button type="button" class="plain" onClick={() => report(list.loadMore({ archived }))}>
            Show more
          </button>
        )}
        <div class="nav-foot">
          <button type="button" class="plain" aria-pressed={archived} onClick={toggleArchive}>
            Archived
          </button>
          <NoticeSwitch notices={notices} />
        </div>
      </nav>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: a second way beside the close button and Esc */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: a second way beside the close button and Esc */}
      <div class="veil" onClick={onClose} />
      {deleting !== null && (
        <ConfirmDialog
          question="Delete this conversation?"
          action="Delete"
          onConfirm={() => remove(deleting)}
          onCancel={() => setDeleting(null)}
        >
          “{deleting.title}” will be deleted for good, on all your devices.
        </ConfirmDialog>
      )}
    </>
  );
}

function focusRename(row: Element | null): void {
  row?.querySelector<HTMLElement>("[aria-label^=Rename]")?.focus();
}

interface RowProps {
  summary: Summary;
  current: boolean;
  onChoose: () => void;
  onRename: (event: TargetedMouseEvent<HTMLButtonElement>) => void;
  onDelete: () => void;
  onArchive: () => void;
  /** Whether an answer ended or waits that nobody has seen. */
  unread: boolean;
}

function Row(props: RowProps) {
  const { summary, current, onChoose, onRename, onDelete, onArchive, unread } = props;
  const { id, title, status, archived } = summary;
  const inWork = status === "streaming" || status === "queued";
  return (
    <>
      <a href={`#${id}`} aria-current={current ? "page" : undefined} onClick={onChoose}>
        <span class="title" dir="auto">
          {title || "Untitled"}
        </span>
        {inWork && (
          <span class="in-work">
            <span class="unseen">, being answered</span>
          </span>
        )}
        {unread && (
          <span class="unread">
            <span class="unseen">
              {status === "waiting" ? ", needs your decision" : ", answered"}
            </span>
          </span>
        )}
      </a>
      <span class="row-actions">
        <button
          type="button"
          class="icon"
          aria-label={`${archived ? "Unarchive" : "Archive"} ${title}`}
          onClick={onArchive}
        >
          {archived ? <UnarchiveIcon /> : <ArchiveIcon />}
        </button>
        <button type="button" class="icon" aria-label={`Rename ${title}`} onClick={onRename}>
          <RenameIcon />
        </button>
        <button type="button" class="icon" aria-label={`Delete ${title}`} onClick={onDelete}>
          <DeleteIcon />
        </button>
      </span>
    </>
  );
}

interface RenameProps {
  title: string;
  onDone: (title: string) => void;
  onCancel: () => void;
}

function RenameField({ title, onDone, onCancel }: RenameProps) {
  const field = useRef<HTMLInputElement>(null);
  // removing the field also blurs it, which is not a second answer
  const ended = useRef(false);
  useLayoutEffect(() => field.current?.select(), []);
  const end = (answer: () => void) => {
    if (!ended.current) answer();
    ended.current = true;
  };
  return (
    <input
      ref={field}
      defaultValue={title}
      maxLength={200}
      aria-label="Title"
      onBlur={({ currentTarget }) => end(() => onDone(currentTarget.value))}
      onKeyDown={(event) => {
        // the key belongs to the text composition
        if (isComposing(event)) return;
        const { key, currentTarget } = event;
        if (key !== "Enter" && key !== "Escape") return;
        // otherwise the key would also press the next focused button, or stop the answer
        event.preventDefault();
        end(key === "Enter" ? () => onDone(currentTarget.value) : onCancel);
      }}
    />
  );
}
