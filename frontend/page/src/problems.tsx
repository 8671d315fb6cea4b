/** Errors of calls that the page cannot report in a better place. */

import { CallError, Cell } from "centrifugo-llm";
import { useEffect } from "preact/hooks";
import { useObservable } from "./hooks.ts";

const SHOWN = 8_000;
const problem = new Cell("");

/** Shows the user why the call failed, if it does. */
export function report(call: Promise<unknown> | undefined): void {
  problem.set("");
  call?.catch((error) => {
    if (!(error instanceof CallError)) throw error;
    problem.set(error.message);
  });
}

export function Problems() {
  const shown = useObservable(problem);
  useEffect(() => {
    if (shown === "") return;
    const timer = setTimeout(() => problem.set(""), SHOWN);
    return () => clearTimeout(timer);
  }, [shown]);
  return (
    <div class="problem" role="alert">
      {shown !== "" && <p>{shown}</p>}
    </div>
  );
}
