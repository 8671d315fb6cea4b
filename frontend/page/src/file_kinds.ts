/** Which files are sent to a model, and with which media type. */

import { NotTaken } from "./not_taken.ts";
import { smaller } from "./pictures.ts";

const SNIFFED_BYTES = 8_192;

/** The file as it will be sent, with a media type that the server accepts. */
export async function prepared(file: File): Promise<File> {
  if (file.size === 0) throw new NotTaken(`${file.name} is empty.`);
  if (file.type.startsWith("image/") && file.type !== "image/svg+xml") {
    const picture = await smaller(file);
    if (picture === null) throw new NotTaken(`${file.name} could not be read as an image.`);
    return picture;
  }
  if (file.type === "application/pdf" || file.type === "application/json") return file;
  if (await isText(file)) {
    const type = file.type.startsWith("text/") ? file.type : "text/plain";
    return new File([file], file.name, { type });
  }
  throw new NotTaken(`${file.name} cannot be added: only images, PDFs and text files can.`);
}

/** Checks the content: browsers do not know the media types of most source code. */
async function isText(file: File): Promise<boolean> {
  const bytes = new Uint8Array(await file.slice(0, SNIFFED_BYTES).arrayBuffer());
  if (bytes.includes(0)) return false;
  try {
    // a character may be cut at the end
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return file.type.startsWith("text/");
  }
}
