/** Colors for code, loaded when the first code block appears. */

import type { Highlight } from "./markdown.ts";

let loading: Promise<Highlight> | null = null;

export function loadHighlight(): Promise<Highlight> {
  loading ??= load().catch((error) => {
    // the next code block tries again
    loading = null;
    throw error;
  });
  return loading;
}

async function load(): Promise<Highlight> {
  const { default: highlighter } = await import("highlight.js/lib/common");
  return (code, language) =>
    highlighter.getLanguage(language) === undefined
      ? null
      : highlighter.highlight(code, { language, ignoreIllegals: true }).value;
}
