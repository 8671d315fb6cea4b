/** A conversation as a file: Markdown to read, or JSON with all its data. */

import type { ChatClient, Message, Part } from "centrifugo-llm";
import { isPage } from "./links.ts";

export type Format = "md" | "json";

const TYPES: Record<Format, string> = {
  md: "text/markdown;charset=utf-8",
  json: "application/json",
};

/** All of its messages, including those not loaded here. */
export async function exported(
  client: ChatClient,
  id: string,
  title: string,
  format: Format,
): Promise<File> {
  const messages = await client.whole(id);
  const text = format === "md" ? asMarkdown(title, messages) : asJson(id, title, messages);
  return new File([text], `${fileName(title)}.${format}`, { type: TYPES[format] });
}

export function save(file: File): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = file.name;
  link.click();
  // the browser reads it later
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export function asJson(conversation: string, title: string, messages: readonly Message[]): string {
  return `${JSON.stringify({ conversation, title, messages }, null, 2)}\n`;
}

export function asMarkdown(title: string, messages: readonly Message[]): string {
  const pieces = messages.map(({ role, parts, metadata }) => {
    const by = role === "user" ? "You" : (metadata.model ?? "Answer");
    const heading = `## ${escaped(by)}${dateOf(metadata.created_at)}`;
    const sources = parts.flatMap((part) =>
      part.type === "source-url" && isPage(part.url) ? [`- ${linkTo(part)}`] : [],
    );
    return [heading, ...parts.flatMap(textsOf), ...(sources.length > 0 ? [sources.join("\n")] : [])]
      .filter((text) => text !== "")
      .join("\n\n");
  });
  return `${[`# ${escaped(title)}`, ...pieces].join("\n\n")}\n`;
}

function textsOf(part: Part): string[] {
  if (part.type === "text") return [part.text.trim()];
  if (part.type === "reasoning") return [quoted(part.text.trim())];
  if (part.type !== "file") return [];
  const title = part.filename ?? part.mediaType;
  // an inlined image would dominate the file, and links cannot reach files that the server keeps
  return [isPage(part.url) ? linkTo({ url: part.url, title }) : `*${escaped(title)}*`];
}

function linkTo({ url, title }: { url: string; title?: string }): string {
  // characters that would end the address, or be read as an escape
  const address = url.replace(/[<>\\\s]/g, encodeURIComponent);
  return `[${escaped(title ?? url)}](<${address}>)`;
}

const quoted = (text: string) => text.replace(/^/gm, "> ");

const escaped = (text: string) => text.replace(/[\\`*_[\]<>#]/g, "\\$&").replace(/\s+/g, " ");

function dateOf(seconds: number | undefined): string {
  return seconds === undefined ? "" : `, ${new Date(seconds * 1000).toISOString().slice(0, 16)}Z`;
}

function fileName(title: string): string {
  // only characters that every file system accepts
  const name = title.replace(/[^\p{L}\p{M}\p{N}]+/gu, " ").trim();
  return name.slice(0, 60).trim() || "conversation";
}
