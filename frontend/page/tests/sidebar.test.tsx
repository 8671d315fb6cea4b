// @vitest-environment jsdom
import { Cell, type ChatClient, type ConversationList, type Summary } from "centrifugo-llm";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Notices } from "../src/notices.ts";
import { SearchField } from "../src/search.tsx";
import { Sidebar } from "../src/sidebar.tsx";

const root = document.createElement("div");
document.body.append(root);
vi.stubGlobal("matchMedia", () => ({
  matches: false,
  addEventListener: () => {},
  removeEventListener: () => {},
}));
afterEach(() => render(null, root));

const summary = (id: string, more: Partial<Summary> = {}): Summary => ({
  id,
  title: `About ${id}`,
  updated_at: 1,
  status: "complete",
  ...more,
});

function listOf(...conversations: Summary[]) {
  const state = new Cell<{ conversations: readonly Summary[]; next: string | null }>({
    conversations,
    next: null,
  });
  const rename = vi.fn(async () => {});
  const list = { state, archived: new Cell({ conversations: [], next: null }), rename };
  return {
    list: list as unknown as ConversationList,
    rename,
    show: (...changed: Summary[]) => state.set({ conversations: changed, next: null }),
  };
}

async function show(list: ConversationList, notices = new Notices(list)) {
  const props = { client: {} as ChatClient, list, notices, current: "", open: false };
  await act(() => render(<Sidebar {...props} onClose={() => {}} />, root));
  return notices;
}

/** All ways in which browsers say that a key belongs to text composition. */
const COMPOSING = [{ isComposing: true }, { keyCode: 229 }];

const press = (field: Element | null, key: string, more: KeyboardEventInit = {}) =>
  act(() => {
    field?.dispatchEvent(
      new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }),
    );
  });

describe("the field for a title", () => {
  async function renaming() {
    const { list, rename } = listOf(summary("a"));
    await show(list);
    await act(() => root.querySelector<HTMLElement>("[aria-label^=Rename]")?.click());
    const field = () => root.querySelector<HTMLInputElement>("input[aria-label=Title]");
    return { rename, field };
  }

  test.each(COMPOSING)("takes no key that ends the choice of a word: %j", async (composing) => {
    const { rename, field } = await renaming();
    await press(field(), "Enter", composing);
    await press(field(), "Escape", composing);
    expect(field()).not.toBeNull();
    expect(rename).not.toHaveBeenCalled();
    await press(field(), "Enter");
    expect(rename).toHaveBeenCalledExactlyOnceWith("a", "About a");
  });
});

test.each(COMPOSING)("a search is not emptied by the choice of a word: %j", async (composing) => {
  const onInput = vi.fn();
  await act(() => render(<SearchField query="日本" onInput={onInput} />, root));
  const field = root.querySelector("input");
  await press(field, "Escape", composing);
  expect(onInput).not.toHaveBeenCalled();
  await press(field, "Escape");
  expect(onInput).toHaveBeenCalledExactlyOnceWith("");
});

describe("an answer that ended unseen", () => {
  const working = summary("a", { status: "streaming" });

  async function unread(ended: Summary) {
    const { list, show: change } = listOf();
    const notices = await show(list);
    change(working);
    change(ended);
    await show(list, notices);
    return { notices, change };
  }

  test.each<[Summary["status"], string]>([
    ["complete", ", answered"],
    ["failed", ", answered"],
    ["waiting", ", needs your decision"],
  ])("and is %s is announced as %j", async (status, said) => {
    const { notices } = await unread(summary("a", { status }));
    expect([...notices.unread.value]).toEqual(["a"]);
    expect(root.querySelector(".unread")?.textContent).toBe(said);
  });

  test("is forgotten with its conversation", async () => {
    const { notices, change } = await unread(summary("a"));
    change(summary("b"), summary("a"));
    expect([...notices.unread.value]).toEqual(["a"]);
    change(summary("b"));
    expect([...notices.unread.value]).toEqual([]);
  });
});
