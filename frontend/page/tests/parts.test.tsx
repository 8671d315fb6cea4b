// @vitest-environment jsdom
import type { Part } from "centrifugo-llm";
import { expect, test } from "vitest";
import { boxes, root, show, unfold } from "./shown.tsx";

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
