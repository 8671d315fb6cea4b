/** Formulas as they are printed: KaTeX, fetched when the first formula appears. */

import type { KatexOptions } from "katex";
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

/** A node of KaTeX before it is one of the page. */
interface VirtualNode {
  attributes?: Record<string, string>;
  children?: VirtualNode[];
  toNode(): Node;
}

async function load(): Promise<Typesetter> {
  const [{ default: katex }] = await Promise.all([
    import("katex"),
    import("katex/dist/katex.min.css"),
  ]);
  // the version is pinned, as this function is not one of its documented ones
  const { __renderToDomTree: treeOf } = katex as unknown as {
    __renderToDomTree: (tex: string, options: KatexOptions) => VirtualNode;
  };
  return (tex, element, displayMode) => {
    const tree = treeOf(tex, { ...OPTIONS, displayMode });
    withoutStyleAttributes(tree);
    element.append(tree.toNode());
  };
}

const OPTIONS: KatexOptions = {
  throwOnError: true,
  strict: "ignore",
  trust: refuse,
  maxSize: 20,
  maxExpand: 500,
};

/** Styles as attributes are refused by the content security policy; those of a node that is made are not. */
function withoutStyleAttributes(node: VirtualNode): void {
  const style = node.attributes?.style;
  if (node.attributes !== undefined && style !== undefined) {
    delete node.attributes.style;
    const toNode = node.toNode.bind(node);
    node.toNode = () => {
      const made = toNode();
      if (made instanceof HTMLElement || made instanceof SVGElement) made.style.cssText = style;
      return made;
    };
  }
  for (const child of node.children ?? []) withoutStyleAttributes(child);
}

/** Links, images and classes in formulas; KaTeX would show what it does not trust in red. */
function refuse(): never {
  throw new Error("This is not taken from a formula");
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
