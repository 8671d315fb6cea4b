/** The sources of an answer, each once: pages as links, documents by name. */

import type { Message, Part } from "centrifugo-llm";
import { visible } from "./json_text.ts";
import { isPage } from "./links.ts";

type Source = Extract<Part, { type: "source-url" | "source-document" }>;

const LONGEST_NAME = 300;

export function isSource(part: Part): part is Source {
  return part.type === "source-document" || (part.type === "source-url" && isPage(part.url));
}

export function Sources({ message }: { message: Message }) {
  const sources = new Map(message.parts.filter(isSource).map((part) => [keyOf(part), part]));
  if (sources.size === 0) return null;
  return (
    <ol class="sources" aria-label="Sources">
      {[...sources].map(([key, source]) => (
        <li key={key}>
          {source.type === "source-url" ? <PageLink {...source} /> : <Document {...source} />}
        </li>
      ))}
    </ol>
  );
}

function keyOf(source: Source): string {
  return source.type === "source-url" ? source.url : `${source.sourceId} ${source.title}`;
}

function PageLink({ url, title }: { url: string; title?: string }) {
  return (
    <a href={url} target="_blank" rel="noopener noreferrer" dir="auto">
      {named(title || url)}
    </a>
  );
}

function Document({ title, filename, mediaType }: Extract<Source, { type: "source-document" }>) {
  return (
    <>
      <span dir="auto">{named(title || filename || "Document")}</span>{" "}
      <span class="kind">{named(filename && filename !== title ? filename : mediaType)}</span>
    </>
  );
}

function named(text: string): string {
  return visible(text.slice(0, LONGEST_NAME));
}
