/** The user's conversations; a drawer where the screen is narrow. */

import type { ConversationList, Summary } from "centrifugo-llm";
import type { TargetedMouseEvent } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { ConfirmDialog } from "./confirm_dialog.tsx";
import { showConversation, useNarrow, useObservable } from "./hooks.ts";
import { CloseIcon, DeleteIcon, NewIcon, RenameIcon } from "./icons.tsx";
import { report } from "./problems.tsx";

interface SidebarProps {
  list: ConversationList;
  current: string;
  open: boolean;
  onClose: () => void;
}

export function Sidebar({ list, current, open, onClose }: SidebarProps) {
  const { conversations, next } = useObservable(list.state);
  const [renaming, setRenaming] = useState<string | null>(null);
  const [deleting, setDeleting] = useState<Summary | null>(null);
  const nav = useRef<HTMLElement>(null);
  const renamed = useRef<Element | null>(null);
  const first = useRef<HTMLButtonElement>(null);
  const close = useRef<HTMLButtonElement>(null);
  const narrow = useNarrow();
  const hidden = narrow && !open;

  // before what is behind it becomes inert, and loses the focus
  useLayoutEffect(() => {
    if (!open) return;
    const before = document.activeElement;
    close.current?.focus();
    const closeOnEscape = (event: KeyboardEvent) => {
      const inDialog = event.target instanceof Element && event.target.closest("dialog") !== null;
      if (event.key !== "Escape" || inDialog) return;
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
    if (renaming === null && isLost) renamed.current?.querySelector("button")?.focus();
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
    // the row that had the focus goes; a new conversation's prompt takes it by itself
    if (id === current) showConversation("");
    else first.current?.focus();
    report(list.delete(id));
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
        <ul>
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
                />
              )}
            </li>
          ))}
        </ul>
        {next !== null && (
          <button type="button" class="plain" onClick={() => report(list.loadMore())}>
            Show more
          </button>
        )}
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
          “{deleting.title}” goes for good, on all your devices.
        </ConfirmDialog>
      )}
    </>
  );
}

interface RowProps {
  summary: Summary;
  current: boolean;
  onChoose: () => void;
  onRename: (event: TargetedMouseEvent<HTMLButtonElement>) => void;
  onDelete: () => void;
}

function Row({ summary, current, onChoose, onRename, onDelete }: RowProps) {
  const { id, title, status } = summary;
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
      </a>
      <span class="row-actions">
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
  // a field that is taken away loses the focus too, which is no second answer
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
        const { key, currentTarget } = event;
        if (key !== "Enter" && key !== "Escape") return;
        // the key would go on to the button that has the focus next, or stop the answer
        event.preventDefault();
        end(key === "Enter" ? () => onDone(currentTarget.value) : onCancel);
      }}
    />
  );
}
