/** Changes nodes into others in place, so that a selection or the focus inside them survives. */

import { isFormula, sameFormula } from "./typeset_formulas.ts";

/** Gives `target` the children of `source` from index `from` on, reusing what it has. */
export function morph(target: Node, source: Node, from = 0): void {
  const wanted = [...source.childNodes];
  // read once: in browsers, finding a child by index takes longer the more there are
  const known = [...target.childNodes].slice(from);
  for (const [index, node] of wanted.entries()) {
    const present = known[index];
    if (present === undefined) target.appendChild(node);
    else if (!adapt(present, node)) target.replaceChild(node, present);
  }
  for (const node of known.slice(wanted.length)) node.remove();
}

function adapt(present: ChildNode, wanted: ChildNode): boolean {
  if (present.nodeName !== wanted.nodeName) return false;
  // the content of a typeset formula comes from its source
  if (isFormula(present) || isFormula(wanted)) return sameFormula(present, wanted);
  if (present instanceof CharacterData && wanted instanceof CharacterData) {
    extend(present, wanted.data);
  }
  if (present instanceof Element && wanted instanceof Element) {
    for (const { name } of [...present.attributes]) {
      if (!wanted.hasAttribute(name)) present.removeAttribute(name);
    }
    for (const { name, value } of wanted.attributes) {
      if (present.getAttribute(name) !== value) present.setAttribute(name, value);
    }
    morph(present, wanted);
  }
  return true;
}

/** Appending keeps a selection at the end of the text; replacing would not. */
function extend(present: CharacterData, data: string): void {
  if (data === present.data) return;
  if (data.startsWith(present.data)) present.appendData(data.slice(present.length));
  else present.data = data;
}
