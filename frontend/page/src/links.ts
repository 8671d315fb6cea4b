/** Addresses in others' text that are safe to follow. */

export function isPage(url: string): boolean {
  return /^https?:/i.test(url);
}
