/** The intent of key presses. */

/**
 * Whether a key belongs to text composition; for the key that ends it, Safari only sets this code.
 */
export function isComposing({ isComposing, keyCode }: KeyboardEvent): boolean {
  return isComposing || keyCode === 229;
}
