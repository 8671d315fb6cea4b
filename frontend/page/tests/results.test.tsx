// @vitest-environment jsdom
import type { ChatClient, Hit } from "centrifugo-llm";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, expect, test, vi } from "vitest";
import { Results } from "../src/results.tsx";

const root = document.createElement("div");
document.body.append(root);
afterEach(() => render(null, root));

const hit: Hit = { conversation: "c", title: "Found", excerpt: "Found", marks: [], at: 1 };

/** A search whose hits come after that many empty pages, if any. */
function search(empty: number, hits: readonly Hit[]) {
  return vi.fn(async (_query: string, { before = "0" }: { before?: string } = {}) => {
    const at = Number(before);
    return at < empty ? { hits: [], next: `${at + 1}` } : { hits };
  });
}

async function show(found: ReturnType<typeof search>, query: string) {
  const client = { search: found } as unknown as ChatClient;
  await act(() => render(<Results client={client} query={query} onChoose={() => {}} />, root));
}

const said = () => root.querySelector("[role=status]")?.textContent;
const more = () => root.querySelector("button");

test("goes on behind empty pages, as often as its reader wishes", async () => {
  await show(search(12, [hit]), "a");
  await vi.waitFor(() => expect(said()).toBe("Nothing found so far"));
  await vi.waitFor(async () => {
    await act(async () => more()?.click());
    expect(said()).toBe("1 found");
  });
  expect(more()).toBeNull();
});

test("takes a page once that was asked for twice", async () => {
  await show(search(5, [hit]), "b");
  await vi.waitFor(() => expect(more()).not.toBeNull());
  await act(async () => {
    more()?.click();
    more()?.click();
  });
  await vi.waitFor(() => expect(said()).toBe("1 found"));
});

test("says that nothing is found where no page is left", async () => {
  await show(search(2, []), "c");
  await vi.waitFor(() => expect(said()).toBe("Nothing found"));
  expect(more()).toBeNull();
});
