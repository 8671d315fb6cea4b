// @vitest-environment jsdom
import { Cell } from "centrifugo-llm";
import { render } from "preact";
import { act } from "preact/test-utils";
import { expect, test } from "vitest";
import { AttachmentList } from "../src/attachment_list.tsx";
import type { Attachment, Attachments } from "../src/attachments.ts";

const file = (id: string, more: Partial<Attachment> = {}): Attachment => ({
  id,
  name: `${id}.txt`,
  progress: 0,
  part: null,
  error: null,
  ...more,
});
const part = { type: "file", mediaType: "text/plain", url: "upload:a" } as const;
const failed = { error: "Too busy.", temporary: true };

test.each<[string, Attachment[]]>([
  ["", []],
  ["1 file added", [file("a", { part })]],
  ["2 files added", [file("a", { part }), file("b", { part })]],
  ["Uploading 1 of 2 files", [file("a"), file("b", { part })]],
  ["1 file failed to upload", [file("a", failed), file("b", { part })]],
  ["2 files failed to upload", [file("a", failed), file("b", failed)]],
])("says %j of the files", async (said, files) => {
  const root = document.createElement("div");
  const attachments = { files: new Cell(files), refusal: new Cell("") } as unknown as Attachments;
  await act(() => render(<AttachmentList attachments={attachments} />, root));
  expect(root.querySelector("[role=status]")?.textContent).toBe(said);
  render(null, root);
});
