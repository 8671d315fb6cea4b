/**
 * The views of tools, files and sources, also of those in prompts, loaded when the first one
 * appears.
 */

import { CallError, type FilePart } from "centrifugo-llm";
import { useEffect, useState } from "preact/hooks";
import type { OtherPartProps } from "./part_views.tsx";
import { report } from "./problems.tsx";

type Views = typeof import("./part_views.tsx");

let loaded: Views | null = null;
let loading: Promise<Views> | null = null;

export function loadPartViews(): Promise<Views> {
  loading ??= import("./part_views.tsx").then(
    (views) => {
      loaded = views;
      return views;
    },
    (error) => {
      // the next part tries again
      loading = null;
      throw error;
    },
  );
  return loading;
}

function useViews(): Views | null {
  const [views, setViews] = useState(loaded);
  useEffect(() => {
    if (views === null) loadPartViews().then(setViews, reportMissing);
  }, [views]);
  return views;
}

/** For instance after a new version was deployed: what is not shown may include an approval. */
function reportMissing(): void {
  const words = "Part of the conversation could not be shown. Please reload the page.";
  report(Promise.reject(new CallError(0, words, true)));
}

export function OtherPart(props: OtherPartProps) {
  const views = useViews();
  return views && <views.OtherPart {...props} />;
}

export function Sources(props: Pick<OtherPartProps, "message">) {
  const views = useViews();
  return views && <views.Sources {...props} />;
}

export function FilesView({ files }: { files: readonly FilePart[] }) {
  return files.length === 0 ? null : <Files files={files} />;
}

function Files(props: { files: readonly FilePart[] }) {
  const views = useViews();
  return views && <views.FilesView {...props} />;
}
