/** Addresses that may be followed from what somebody else wrote. */

export function isPage(url: string): boolean {
  return /^https?:/i.test(url);
}
