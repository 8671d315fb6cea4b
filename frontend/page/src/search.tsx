/** The field to search all of the user's conversations. */

import { useEffect, useRef } from "preact/hooks";
import { isComposing } from "./keys.ts";

interface SearchFieldProps {
  query: string;
  onInput: (query: string) => void;
}

export function SearchField({ query, onInput }: SearchFieldProps) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const begin = (event: KeyboardEvent) => {
      if (event.key !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      field.current?.focus();
      field.current?.select();
    };
    addEventListener("keydown", begin);
    return () => removeEventListener("keydown", begin);
  }, []);
  return (
    <input
      ref={field}
      type="search"
      class="search"
      dir="auto"
      value={query}
      placeholder="Search"
      aria-label="Search conversations"
      aria-keyshortcuts="Control+K"
      maxLength={200}
      onInput={({ currentTarget }) => onInput(currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || query === "" || isComposing(event)) return;
        // otherwise the key would also stop the answer
        event.preventDefault();
        onInput("");
      }}
    />
  );
}
