/** Keys as they are meant. */

/** Whether a key belongs to the choice of a word; Safari says so by this code alone for the one that ends it. */
export function isComposing({ isComposing, keyCode }: KeyboardEvent): boolean {
  return isComposing || keyCode === 229;
}
