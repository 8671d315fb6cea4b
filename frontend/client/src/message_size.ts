/** What fits one message: Centrifugo drops the connection for a larger one, and everything else with it. */

export const DEFAULT_MESSAGE_SIZE_LIMIT = 65_536;
const ENVELOPE_BYTES = 512;
/** Name, kind and numbers of a piece of a file, with the envelope. */
const ABOUT_FILE_BYTES = 2_048;
const encoder = new TextEncoder();

/** How large a call is on its way; `emulated`: over HTTP. */
export function callBytes(method: string, request: object, emulated: boolean): number {
  const encoded = JSON.stringify({ rpc: { method, data: request } });
  // HTTP transports carry the command as a string inside JSON
  const carried = emulated ? JSON.stringify(encoded) : encoded;
  return encoder.encode(carried).length + ENVELOPE_BYTES;
}

/** Of a file, that fit one command as base64. */
export function pieceBytes(limit: number): number {
  return Math.floor(Math.max(limit - ABOUT_FILE_BYTES, ABOUT_FILE_BYTES) / 4) * 3;
}
