// @vitest-environment jsdom
import { CallError, type ChatClient, type FilePart } from "centrifugo-llm";
import { render } from "preact";
import { act } from "preact/test-utils";
import { describe, expect, test, vi } from "vitest";
import { FilesView } from "../src/part_views.tsx";
import { FilesOf } from "../src/stored_files.ts";
import { press, root, show, unfold } from "./shown.tsx";

/** Reports every element as in view. */
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
    // data links are never opened, only downloaded
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
