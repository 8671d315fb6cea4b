// @vitest-environment jsdom
import type { ChatClient, Message, Part } from "centrifugo-llm";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { asMarkdown } from "../src/export.ts";
import { ExportDialog } from "../src/export_dialog.tsx";

function answer(...parts: Part[]): Message {
  return { id: "m", role: "assistant", parts, metadata: { status: "complete" } };
}

describe("as Markdown", () => {
  const source = (url: string) => ({ type: "source-url", sourceId: url, url, title: "A" }) as const;
  const file = (url: string) => ({ type: "file", mediaType: "text/plain", url }) as const;

  test.each(["javascript:alert(1)", "data:text/html,<script>", "file:///etc/passwd", "upload:abc"])(
    "no link leads to %s",
    (url) => {
      const text = asMarkdown("T", [answer(source(url), file(url))]);
      expect(text).not.toContain(url);
      expect(text).toContain("*text/plain*");
    },
  );

  test.each([
    ["https://a.example/b?c=d&e#f", "https://a.example/b?c=d&e#f"],
    ["https://a.example/> <b>\n\\>", "https://a.example/%3E%20%3Cb%3E%0A%5C%3E"],
  ])("the address %j ends where it ends", (url, written) => {
    expect(asMarkdown("T", [answer(source(url))])).toContain(`- [A](<${written}>)\n`);
    expect(asMarkdown("T", [answer(file(url))])).toContain(`[text/plain](<${written}>)\n`);
  });
});

describe("the dialog", () => {
  const root = document.createElement("div");
  document.body.append(root);
  afterEach(() => render(null, root));
  const saved = vi.fn(() => "blob:saved");
  beforeEach(() => {
    saved.mockClear();
    URL.createObjectURL = saved;
    URL.revokeObjectURL = () => {};
    HTMLAnchorElement.prototype.click = () => {};
    // jsdom lacks these
    Object.assign(HTMLDialogElement.prototype, {
      showModal(this: HTMLDialogElement) {
        this.open = true;
      },
      close(this: HTMLDialogElement) {
        this.open = false;
        this.dispatchEvent(new Event("close"));
      },
    });
  });

  async function open() {
    let arrive = (_: readonly Message[]) => {};
    const whole = vi.fn(() => new Promise<readonly Message[]>((done) => (arrive = done)));
    const client = { whole } as unknown as ChatClient;
    const onClose = vi.fn(() => render(null, root));
    await act(() =>
      render(<ExportDialog client={client} id="c" title="T" onClose={onClose} />, root),
    );
    const press = (name: string) =>
      act(async () => {
        const buttons = [...root.querySelectorAll("button")];
        buttons.find(({ textContent }) => textContent === name)?.click();
      });
    return { press, whole, onClose, arrive: () => act(async () => arrive([])) };
  }

  test("saves one file, whatever else is pressed while it is loading", async () => {
    const { press, whole, onClose, arrive } = await open();
    await press("Markdown");
    await press("JSON");
    await arrive();
    expect([whole.mock.calls.length, saved.mock.calls.length]).toEqual([1, 1]);
    expect(onClose).toHaveBeenCalledOnce();
  });

  test("that is cancelled saves nothing later", async () => {
    const { press, whole, arrive } = await open();
    await press("Markdown");
    await press("Cancel");
    await arrive();
    expect([whole.mock.calls.length, saved.mock.calls.length]).toEqual([1, 0]);
  });
});
