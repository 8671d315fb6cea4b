/** Message sizes: Centrifugo closes the whole connection after a message that is too large. */

export const DEFAULT_MESSAGE_SIZE_LIMIT = 65_536;
const ENVELOPE_BYTES = 512;
/** Name, type and numbers of a file piece, with the envelope. */
const ABOUT_FILE_BYTES = 2_048;
const encoder = new TextEncoder();

/** The size of a call as sent; `emulated`: over HTTP. */
export function callBytes(method: string, request: object, emulated: boolean): number {
  const encoded = JSON.stringify({ rpc: { method, data: request } });
  // HTTP transports carry the command as a string inside JSON
  const carried = emulated ? JSON.stringify(encoded) : encoded;
  return encoder.encode(carried).length + ENVELOPE_BYTES;
}

/** How many bytes of a file fit one command as base64. */
export function pieceBytes(limit: number): number {
  return Math.floor(Math.max(limit - ABOUT_FILE_BYTES, ABOUT_FILE_BYTES) / 4) * 3;
}
