/** Search results in the user's conversations. */

import type { ChatClient, Hit } from "centrifugo-llm";
import { useEffect, useRef, useState } from "preact/hooks";
import { addressOf } from "./address.ts";
import { useSettled } from "./hooks.ts";
import { report } from "./problems.tsx";
import "./styles/results.css";

/** Milliseconds to wait for more typing. */
const PAUSE = 150;
const PAGE = 30;
/** A page may be empty although the next one is not. */
const MOST_EMPTY_PAGES = 5;

export interface Found {
  readonly hits: readonly Hit[];
  readonly next: string | null;
  /** The query of these results. */
  readonly query: string;
}

interface ResultsProps {
  client: ChatClient;
  query: string;
  onChoose: () => void;
}

export function Results({ client, query, onChoose }: ResultsProps) {
  const { found, failed, more } = useSearch(client, query);
  const { hits, next } = found;
  const said =
    failed ??
    (found.query !== query.trim()
      ? ""
      : hits.length === 0
        ? next === null
          ? "Nothing found"
          : "Nothing found so far"
        : `${hits.length}${next === null ? "" : " or more"} found`);
  return (
    <>
      <p class="found" role="status" aria-label="Search">
        {said}
      </p>
      <ul aria-label="Search results">
        {hits.map((hit) => (
          <li key={`${hit.conversation}/${hit.message}`}>
            <a href={addressOf(hit.conversation, hit.message)} onClick={onChoose}>
              <span class="hit">
                <span class="title" dir="auto">
                  {hit.message === undefined ? <Marked hit={hit} /> : hit.title || "Untitled"}
                </span>
                {hit.message !== undefined && (
                  <span class="excerpt" dir="auto">
                    <Marked hit={hit} />
                  </span>
                )}
                <time dateTime={new Date(hit.at * 1000).toISOString()}>
                  {new Date(hit.at * 1000).toLocaleDateString()}
                  {hit.archived && ", archived"}
                </time>
              </span>
            </a>
          </li>
        ))}
      </ul>
      {next !== null && (
        <button type="button" class="plain" onClick={more}>
          Show more
        </button>
      )}
    </>
  );
}

/** The excerpt with its matches marked. */
function Marked({ hit: { excerpt, marks } }: { hit: Hit }) {
  let end = 0;
  const pieces = marks.flatMap(([from, to]) => {
    const before = excerpt.slice(end, from);
    end = to;
    return [before, <mark key={from}>{excerpt.slice(from, to)}</mark>];
  });
  return (
    <>
      {pieces}
      {excerpt.slice(end)}
    </>
  );
}

const NOTHING: Found = { hits: [], next: null, query: "" };

function useSearch(client: ChatClient, typed: string) {
  const settled = useSettled(typed.trim(), PAUSE) ?? "";
  const [found, setFound] = useState<Found>(NOTHING);
  const [failed, setFailed] = useState<string | null>(null);
  const latest = useRef("");
  latest.current = settled;

  useEffect(() => {
    setFailed(null);
    if (settled === "") return setFound(NOTHING);
    look(client, settled).then(
      (first) => {
        if (latest.current === settled) setFound(first);
      },
      (error: Error) => {
        if (latest.current === settled) setFailed(error.message);
      },
    );
  }, [client, settled]);

  const more = () => {
    if (found.next === null) return;
    report(
      look(client, found.query, found.next).then((page) => {
        // another search has begun, or this page has arrived already
        setFound((now) => (now === found ? { ...page, hits: [...found.hits, ...page.hits] } : now));
      }),
    );
  };
  return { found, failed, more };
}

async function look(client: ChatClient, query: string, before?: string): Promise<Found> {
  let next = before;
  for (let pages = 0; pages < MOST_EMPTY_PAGES; pages++) {
    const page = await client.search(query, {
      limit: PAGE,
      ...(next !== undefined && { before: next }),
    });
    next = page.next;
    if (page.hits.length > 0 || next === undefined) {
      return { hits: page.hits, next: next ?? null, query };
    }
  }
  return { hits: [], next: next ?? null, query };
}
