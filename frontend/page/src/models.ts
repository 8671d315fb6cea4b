/** The models to choose from, and the last choice. */

import type { ChatClient, Model } from "centrifugo-llm";
import { useEffect, useState } from "preact/hooks";

const KEY = "model";

/** Empty if there is no choice: only one model, or a server that does not list them. */
export function useModels(client: ChatClient): readonly Model[] {
  const [models, setModels] = useState<readonly Model[]>([]);
  useEffect(() => {
    client.models().then(
      (found) => setModels(found.length > 1 ? found : []),
      () => {}, // the default model answers
    );
  }, [client]);
  return models;
}

export function chosenModel(models: readonly Model[]): string | undefined {
  const kept = read();
  return models.some(({ id }) => id === kept) ? (kept ?? undefined) : models[0]?.id;
}

export function chooseModel(id: string): void {
  try {
    localStorage.setItem(KEY, id);
  } catch {
    // without storage, the choice lives as long as the page
  }
}

function read(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
