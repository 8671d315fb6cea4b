// @vitest-environment jsdom
import type { Conversation, Status, ToolPart } from "centrifugo-llm";
import { act } from "preact/test-utils";
import { describe, expect, test, vi } from "vitest";
import { boxes, press, root, show, tool, unfold } from "./shown.tsx";

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
    // what a browser does on Enter in a field
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
