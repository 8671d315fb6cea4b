/** Typesets formulas with KaTeX, loaded when the first formula appears. */

import type { KatexOptions } from "katex";
import { formulaOf } from "./formulas.ts";
import { isTypeset, sourceOf, typesetAs, untypeset } from "./typeset_formulas.ts";

/** Replaces a formula's source in the element; throws if it cannot. */
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

/** A node of KaTeX before it becomes a DOM node. */
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
  // not a documented function, so the version is pinned
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

/**
 * Moves style attributes to properties: the content security policy refuses the former, not the
 * latter.
 */
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

/**
 * Refuses links, images and classes in formulas; KaTeX would show what it does not trust in red.
 */
function refuse(): never {
  throw new Error("This is not taken from a formula");
}

/**
 * Milliseconds of typesetting at a time; the formulas of a long stored answer follow bit by bit.
 */
const AT_ONCE = 40;

/** Typesets the new formulas in these elements, some now and the rest soon. */
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
    // it may have been removed or typeset meanwhile
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
    // KaTeX cannot read it: show its exact source
    typesetAs(element, source, "source");
  }
}
