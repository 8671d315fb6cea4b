// @vitest-environment jsdom
import type { ChatClient, FilePart, Part } from "centrifugo-llm";
import { beforeEach, describe, expect, test } from "vitest";
import { Attachments } from "../src/attachments.ts";
import { withText } from "../src/prompt.tsx";

const file = (url: string): FilePart => ({ type: "file", mediaType: "image/png", url });
const text = (said: string): Part => ({ type: "text", text: said });

describe("an edited prompt", () => {
  const [one, two] = [file("upload:1"), file("upload:2")];
  test.each<[string, Part[], Part[]]>([
    ["files first", [one, two, text("old")], [one, two, text("new")]],
    ["text first", [text("old"), one, two], [text("new"), one, two]],
    ["several texts", [one, text("a"), two, text("b")], [one, text("new"), two]],
    ["no text", [one, two], [one, two, text("new")]],
    ["text alone", [text("old")], [text("new")]],
  ])("keeps the order of its parts: %s", (_, parts, expected) =>
    expect(withText(parts, "new")).toEqual(expected),
  );
});

describe("files beside a new conversation's field", () => {
  beforeEach(() => sessionStorage.clear());
  const client = {} as ChatClient;
  const urls = (conversation: string) =>
    new Attachments(client, conversation).files.value.map(({ part }) => part?.url);

  test("go along once it has its id, and those that come later too", () => {
    const attachments = new Attachments(client, "");
    attachments.restore([file("upload:1")]);
    attachments.moveTo("c");
    expect([urls(""), urls("c")]).toEqual([[], ["upload:1"]]);
    attachments.restore([file("upload:2")]);
    expect([urls(""), urls("c")]).toEqual([[], ["upload:1", "upload:2"]]);
    attachments.take();
    expect(urls("c")).toEqual([]);
  });
});
