/** Which formulas in the page are typeset, and from which source. */

const sources = new WeakMap<Node, string>();

/** The formula's source, whatever it looks like now. */
export function sourceOf(formula: Node): string {
  return sources.get(formula) ?? formula.textContent ?? "";
}

export function isFormula(node: Node): node is HTMLElement {
  return node instanceof HTMLElement && node.classList.contains("formula");
}

export function typesetAs(element: HTMLElement, source: string, state: "set" | "source"): void {
  sources.set(element, source);
  element.classList.add(state);
}

export function isTypeset(formula: Node): boolean {
  return sources.has(formula);
}

export function untypeset(within: HTMLElement): HTMLElement[] {
  return [...within.querySelectorAll<HTMLElement>(".formula:not(.set, .source)")];
}

/** Whether the formula shown is the wanted one, typeset or not. */
export function sameFormula(shown: Node, wanted: Node): boolean {
  if (!isFormula(shown) || !isFormula(wanted)) return false;
  const sameKind = shown.classList.contains("display") === wanted.classList.contains("display");
  return sameKind && sourceOf(shown) === sourceOf(wanted);
}
