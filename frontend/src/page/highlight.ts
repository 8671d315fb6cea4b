/** Colours for code, fetched when the first code block appears. */

import type { Highlight } from "./markdown.ts";

let loading: Promise<Highlight> | null = null;

export function loadHighlight(): Promise<Highlight> {
  loading ??= import("highlight.js/lib/common").then(
    ({ default: highlighter }) =>
      (code, language) =>
        highlighter.getLanguage(language) === undefined
          ? null
          : highlighter.highlight(code, { language, ignoreIllegals: true }).value,
  );
  return loading;
}
