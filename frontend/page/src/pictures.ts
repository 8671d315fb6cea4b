/**
 * Reduces images before upload: by pixel count, so that the words in a tall screenshot stay sharp.
 */

/** More than models look at; a screen of 2560 × 1600 is kept as it is. */
const MOST_PIXELS = 4_200_000;
const MOST_SIDE = 8_000;
/** Smaller files are sent as they are. */
const SMALL_BYTES = 700_000;
const QUALITY = 0.9;
/** The types that models accept. */
const TAKEN = ["image/png", "image/jpeg", "image/webp", "image/gif"];

/** The image as it will be sent; null if the browser cannot read it. */
export async function smaller(file: File): Promise<File | null> {
  const taken = TAKEN.includes(file.type);
  // a conversion would lose the animation
  if (file.type === "image/gif") return file;
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return null;
  }
  try {
    const { width, height } = picture;
    const scale = Math.min(
      1,
      Math.sqrt(MOST_PIXELS / (width * height)),
      MOST_SIDE / Math.max(width, height),
    );
    if (taken && scale === 1 && file.size <= SMALL_BYTES) return file;
    const drawn = await redrawn(picture, scale, file.type);
    if (drawn === null || (taken && scale === 1 && drawn.size >= file.size)) {
      return taken ? file : null;
    }
    return new File([drawn], renamed(file.name, drawn.type), { type: drawn.type });
  } finally {
    picture.close();
  }
}

async function redrawn(picture: ImageBitmap, scale: number, kind: string): Promise<Blob | null> {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = canvas.getContext("2d");
  if (context === null) return null;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  // WebP keeps transparency; browsers that cannot write it write PNG
  const wanted = kind === "image/jpeg" ? kind : "image/webp";
  return new Promise((resolve) => canvas.toBlob(resolve, wanted, QUALITY));
}

function renamed(name: string, type: string): string {
  const ending = { "image/jpeg": "jpg", "image/webp": "webp" }[type] ?? "png";
  return `${name.replace(/\.[^.]*$/, "")}.${ending}`;
}
