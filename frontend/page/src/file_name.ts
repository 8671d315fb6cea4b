/** The display name of a message's file. */

import type { FilePart } from "centrifugo-llm";
import { visible } from "./json_text.ts";

export type FileProps = Pick<FilePart, "url" | "mediaType" | "filename">;

const LONGEST_NAME = 120;

export function nameOf({ filename, mediaType }: FileProps): string {
  return visible((filename || mediaType || "File").slice(0, LONGEST_NAME));
}
