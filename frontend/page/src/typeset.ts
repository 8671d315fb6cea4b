/** Formulas as they are printed: KaTeX, fetched when the first formula appears. */

import { formulaOf } from "./formulas.ts";
import { isTypeset, sourceOf, typesetAs, untypeset } from "./typeset_formulas.ts";

/** Replaces a formula's source in the element; throws where it cannot. */
export type Typesetter = (tex: string, element: HTMLElement, display: boolean) => void;

let loading: Promise<Typesetter> | null = null;

export function loadTypesetter(): Promise<Typesetter> {
  loading ??= load().catch((error) => {
    // the next formula tries again
    loading = null;
    throw error;
  });
  return loading;
}

async function load(): Promise<Typesetter> {
  const [{ default: katex }] = await Promise.all([
    import("katex"),
    import("katex/dist/katex.min.css"),
  ]);
  // it makes nodes: as HTML, its styles would be refused by the content security policy
  return (tex, element, displayMode) =>
    katex.render(tex, element, {
      displayMode,
      throwOnError: true,
      strict: "ignore",
      trust: false,
      maxSize: 20,
      maxExpand: 500,
    });
}

/** Milliseconds that formulas take at once; those of a long stored answer come one after another. */
const AT_ONCE = 40;

/** Typesets the formulas in elements that are not yet, some now and the rest soon. */
export function typeset(within: readonly HTMLElement[], typesetter: Typesetter): void {
  typesetNext(within.flatMap(untypeset), typesetter);
}

function typesetNext(formulas: readonly HTMLElement[], typesetter: Typesetter): void {
  const began = performance.now();
  for (const [index, formula] of formulas.entries()) {
    if (performance.now() - began > AT_ONCE) {
      setTimeout(() => typesetNext(formulas.slice(index), typesetter));
      return;
    }
    // it may have gone, or been typeset, since
    if (formula.isConnected && !isTypeset(formula)) set(formula, typesetter);
  }
}

function set(element: HTMLElement, typesetter: Typesetter): void {
  const source = sourceOf(element);
  const formula = formulaOf(source.trim());
  try {
    if (formula === null) throw new Error("This is no formula");
    const printed = document.createElement("span");
    typesetter(formula.tex, printed, formula.display);
    typesetAs(element, source, "set");
    element.replaceChildren(printed);
  } catch {
    // KaTeX does not know it: its exact source says it
    typesetAs(element, source, "source");
  }
}
