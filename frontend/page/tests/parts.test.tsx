// @vitest-environment jsdom
import {
  CallError,
  type ChatClient,
  type Conversation,
  type FilePart,
  type Message,
  type Part,
  type Status,
  type ToolPart,
} from "centrifugo-llm";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, describe, expect, test, vi } from "vitest";
import { FilesView, OtherPart, Sources } from "../src/part_views.tsx";
import { FilesOf } from "../src/stored_files.ts";

const root = document.createElement("div");
document.body.append(root);
vi.stubGlobal("matchMedia", () => ({ matches: false }));
afterEach(() => render(null, root));

function message(parts: readonly Part[], status: Status = "streaming"): Message {
  return { id: "m", role: "assistant", parts, metadata: { status } };
}

/** Shows the parts, and gives what stands there. */
async function show(parts: readonly Part[], status?: Status, conversation?: Conversation) {
  const of = message(parts, status);
  await act(() =>
    render(
      <>
        {parts.map((part, at) => (
          <OtherPart key={`${at}`} part={part} message={of} conversation={conversation ?? null} />
        ))}
        <Sources message={of} />
      </>,
      root,
    ),
  );
  return root;
}

async function unfold() {
  const details = root.querySelector("details");
  if (details === null) throw new Error("nothing is folded");
  await act(async () => {
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
  });
}

const boxes = () => [...root.querySelectorAll("pre")].map(({ textContent }) => textContent);
const press = (name: string) =>
  act(async () => {
    const buttons = [...root.querySelectorAll("button")];
    buttons.find(({ textContent }) => textContent === name)?.click();
  });

function tool(state: ToolPart["state"], more: Partial<ToolPart> = {}): ToolPart {
  return { type: "tool-search", toolCallId: "c", state, ...more };
}

describe("a tool", () => {
  const asked = { approval: { id: "a" } };
  test.each<[Partial<ToolPart> & Pick<ToolPart, "state">, Status, string]>([
    [{ state: "input-streaming" }, "streaming", "Writing input…"],
    [{ state: "input-streaming" }, "stopped", "Not finished"],
    [{ state: "input-available" }, "streaming", "Running…"],
    [{ state: "input-available" }, "waiting", "Waiting for its result"],
    [{ state: "input-available" }, "interrupted", "Not finished"],
    [{ state: "approval-requested", ...asked }, "complete", "Not decided"],
    [{ state: "approval-responded", approval: { id: "a", approved: true } }, "waiting", "Approved"],
    [{ state: "approval-responded", approval: { id: "a", approved: false } }, "waiting", "Denied"],
    [{ state: "output-available", output: 1, preliminary: true }, "streaming", "Running…"],
    [{ state: "output-available", output: 1 }, "streaming", "Done"],
    [{ state: "output-error", errorText: "no" }, "complete", "Failed"],
    [{ state: "output-denied" }, "complete", "Denied"],
  ])("in %j of an answer that is %s says %s", async (part, status, said) => {
    const shown = await show([tool(part.state, part)], status);
    expect(shown.querySelector(".tool-name")?.textContent).toBe("search");
    expect(shown.querySelector(".tool-state")?.textContent).toBe(said);
  });

  test("has the name it is given: of its type, by a field, or a title", async () => {
    const dynamic = { ...tool("input-available"), type: "dynamic-tool", toolName: "mcp" } as const;
    const titled = tool("input-available", { title: "Look it up" });
    await show([tool("input-available"), dynamic, titled]);
    const names = [...root.querySelectorAll(".tool-name")].map(({ textContent }) => textContent);
    expect(names).toEqual(["search", "mcp", "Look it up"]);
  });

  test("draws nothing of its input and output before it is unfolded", async () => {
    const input = { query: "<b>bold</b>" };
    await show([tool("output-available", { input, output: "<img src=x>" })]);
    expect(boxes()).toEqual([]);
    await unfold();
    expect(boxes()).toEqual(['{\n  "query": "<b>bold</b>"\n}', "<img src=x>"]);
    expect(root.querySelector("pre *")).toBeNull();
    const [box] = root.querySelectorAll("pre");
    expect([box?.tabIndex, box?.getAttribute("aria-label")]).toEqual([0, "Input of search"]);
  });

  test("shows its input as it is written, and stays open", async () => {
    await show([tool("input-streaming")]);
    await unfold();
    expect(root.textContent).toContain("No input yet.");
    await show([tool("input-streaming", { rawInput: '{"que', input: {} })]);
    expect(boxes()).toEqual(['{"que']);
    await show([tool("input-available", { input: { query: 1 } })]);
    expect(boxes()).toEqual(['{\n  "query": 1\n}']);
  });

  test("shows why it failed, and the input that could not be read", async () => {
    await show([tool("output-error", { rawInput: "{nonsense", errorText: "No JSON" })]);
    await unfold();
    expect(boxes()).toEqual(["{nonsense", "No JSON"]);
  });

  test("draws a part of what is long, and more on demand", async () => {
    await show([tool("output-available", { input: {}, output: "a".repeat(20_000) })]);
    await unfold();
    const lengths = [];
    for (let times = 0; times < 3; times++) {
      lengths.push(boxes()[1]?.length);
      await press("Show more");
    }
    expect(lengths).toEqual([8_001, 16_001, 20_000]);
    expect(root.textContent).not.toContain("Show more");
  });
});

describe("an approval", () => {
  const asking = (id: string, more: Partial<ToolPart> = {}) =>
    tool("approval-requested", { approval: { id }, input: { to: "Anna" }, ...more });

  /** A conversation whose decisions the test resolves. */
  function decided() {
    let resolve = () => {};
    const decision = new Promise<void>((done) => {
      resolve = done;
    });
    const proceed = vi.fn(() => decision);
    const conversation = { continue: proceed } as unknown as Conversation;
    return { proceed, resolve, conversation };
  }

  test("shows the whole question unfolded, and sends one decision", async () => {
    const { proceed, resolve, conversation } = decided();
    const approval = { id: "ask", requestReason: "It costs" };
    await show([asking("ask", { approval })], "waiting", conversation);
    expect(root.textContent).toContain("It costs");
    expect(boxes()).toEqual(['{\n  "to": "Anna"\n}']);
    await press("Approve");
    await press("Approve");
    await press("Deny");
    expect(proceed.mock.calls).toEqual([["m", { approvals: [{ id: "ask", approved: true }] }]]);
    expect(root.querySelector("[role=status]")?.textContent).toBe("Sending…");
    await act(async () => resolve());
    expect(root.querySelector("[role=status]")?.textContent).toBe("");
  });

  test("is denied by the other button", async () => {
    const { proceed, conversation } = decided();
    await show([asking("ask")], "waiting", conversation);
    await press("Deny");
    expect(proceed.mock.calls).toEqual([["m", { approvals: [{ id: "ask", approved: false }] }]]);
  });

  test("is denied with a reason, by the key that ends a line as well", async () => {
    const { proceed, conversation } = decided();
    await show([asking("ask")], "waiting", conversation);
    const field = root.querySelector<HTMLInputElement>(
      "input[aria-label='Reason for denying (optional)']",
    );
    if (field === null) throw new Error("there is no field");
    field.value = "  Too dear ";
    // what a browser does with Enter in a field
    await act(async () => field.form?.requestSubmit());
    const approvals = [{ id: "ask", approved: false, reason: "Too dear" }];
    expect(proceed.mock.calls).toEqual([["m", { approvals }]]);
  });

  test("hides nothing of what it asks: no mark that turns or joins words unseen", async () => {
    const input = { to: "anna\u202emoc.live\u200b", file: "a\u{e0041}", name: "می‌خواهم 👩‍💻" };
    await show([asking("ask", { input })], "waiting");
    const [shown] = boxes();
    expect(shown).toContain('"anna\\u202emoc.live\\u200b"');
    expect(shown).toContain('"a\\udb40\\udc41"');
    expect(shown).toContain(input.name);
  });

  test("hands the keyboard to the next one, and not to its button", async () => {
    const two = [asking("one"), asking("two", { type: "tool-other", toolCallId: "d" })];
    await show(two, "waiting");
    root.querySelector("button")?.focus();
    await show([tool("approval-responded", { approval: { id: "one" } }), ...two.slice(1)]);
    expect(document.activeElement?.getAttribute("aria-label")).toBe("Approval: other");
  });

  test("cannot be decided any more where the answer is closed", async () => {
    await show([asking("ask")], "stopped");
    expect(root.querySelector("button")).toBeNull();
  });
});

/** All is in view. */
class Near {
  readonly #seen: IntersectionObserverCallback;
  constructor(seen: IntersectionObserverCallback) {
    this.#seen = seen;
  }
  observe() {
    this.#seen([{ isIntersecting: true } as IntersectionObserverEntry], this as never);
  }
  disconnect() {}
}

describe("a file", () => {
  const picture = "data:image/png;base64,iVBORw0KGgo=";

  test("that is a picture within the answer is shown; one that cannot be is a link", async () => {
    await show([{ type: "file", mediaType: "image/png", url: picture, filename: "cat.png" }]);
    const image = root.querySelector("img");
    expect([image?.alt, image?.getAttribute("src")]).toEqual(["cat.png", picture]);
    await act(async () => {
      image?.dispatchEvent(new Event("error"));
    });
    expect(root.querySelector("img")).toBeNull();
    expect(root.querySelector("a")?.download).toBe("cat.png");
  });

  test.each([
    ["https://example.com/a.png", "image/png", "https://example.com/a.png"],
    [
      "data:text/html,<script>alert(1)</script>",
      "text/html",
      "data:text/html,<script>alert(1)</script>",
    ],
    ["javascript:alert(1)", "image/png", undefined],
    [" javascript:alert(1)", "text/plain", undefined],
    ["upload:abc", "text/plain", undefined],
  ])("at %s is a link at most", async (url, mediaType, href) => {
    await show([{ type: "file", mediaType, url }]);
    expect(root.querySelector("img")).toBeNull();
    expect(root.textContent).toBe(mediaType);
    const link = root.querySelector("a");
    expect(link?.getAttribute("href") ?? undefined).toBe(href);
    // what is data is never opened, but kept
    expect(link?.hasAttribute("download") ?? false).toBe(url.startsWith("data:"));
  });

  test("that another client put into a prompt is shown as in an answer", async () => {
    const file = { type: "file", mediaType: "image/png", url: picture } as const;
    const text = { ...file, mediaType: "text/plain", url: "data:text/plain,a", filename: "a.txt" };
    const script = { ...file, url: "javascript:alert(1)" };
    await act(() => render(<FilesView files={[file, text, script]} />, root));
    expect(root.querySelector("img")?.getAttribute("src")).toBe(picture);
    const links = [...root.querySelectorAll("a")];
    expect(links.map(({ download, target }) => [download, target])).toEqual([["a.txt", ""]]);
  });

  test("that could not be loaded is loaded again on demand", async () => {
    vi.stubGlobal("IntersectionObserver", Near);
    URL.createObjectURL = () => "blob:cat";
    URL.revokeObjectURL = () => {};
    const download = vi.fn(async () => new File(["cat"], "cat.png", { type: "image/png" }));
    const refusal = new CallError(503, "Too busy.", true);
    download.mockRejectedValueOnce(refusal).mockRejectedValueOnce(refusal);
    const client = { download } as unknown as ChatClient;
    const file: FilePart = { type: "file", mediaType: "image/png", url: "upload:cat" };
    await act(() =>
      render(
        <FilesOf.Provider value={client}>
          <FilesView files={[{ ...file, filename: "cat.png" }]} />
        </FilesOf.Provider>,
        root,
      ),
    );
    const button = () => root.querySelector("button");
    await vi.waitFor(() => expect(root.textContent).toContain("cat.png could not be loaded."));
    button()?.focus();
    await press("Try again");
    await vi.waitFor(() => expect(button()?.getAttribute("aria-disabled")).toBe("false"));
    expect(document.activeElement).toBe(button());
    await press("Try again");
    await vi.waitFor(() => expect(root.querySelector("img")?.alt).toBe("cat.png"));
    expect(document.activeElement).toBe(root.querySelector("a.picture"));
    expect(download).toHaveBeenCalledTimes(3);
  });

  test("of the reasoning is folded with it", async () => {
    await show([{ type: "reasoning-file", mediaType: "image/png", url: picture }]);
    expect(root.querySelector("img")).toBeNull();
    await unfold();
    expect(root.querySelector("img")).not.toBeNull();
  });
});

test("sources stand at the end, each once, and no script among them", async () => {
  const page = { type: "source-url", sourceId: "1", url: "https://example.com/" } as const;
  await show([
    page,
    { ...page, sourceId: "2" },
    { ...page, sourceId: "3", url: "javascript:alert(1)" },
    { type: "source-document", sourceId: "1", mediaType: "application/pdf", title: "Report" },
    {
      type: "source-document",
      sourceId: "5",
      mediaType: "application/pdf",
      title: "Annex",
      filename: "annex.pdf",
    },
  ]);
  const items = [...root.querySelectorAll("ol li")].map(({ textContent }) => textContent);
  expect(items).toEqual(["https://example.com/", "Report application/pdf", "Annex annex.pdf"]);
  expect(root.querySelectorAll("a")).toHaveLength(1);
});

test("data and kinds of a later version are folded JSON, and steps are not shown", async () => {
  await show([{ type: "step-start" }, { type: "data-weather", id: "w", data: { sun: true } }]);
  expect(root.textContent).toBe("weather");
  await unfold();
  expect(boxes()).toEqual(['{\n  "sun": true\n}']);
  await show([{ type: "hologram", depth: 3 } as unknown as Part]);
  await unfold();
  expect(boxes()).toEqual(['{\n  "type": "hologram",\n  "depth": 3\n}']);
});
