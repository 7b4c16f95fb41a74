// A file as an upright photo in sRGB over white, as predict.py reads it. The browser decodes it and
// turns it by its EXIF orientation.

import { converterOf } from "./colours.mjs";
import { Unreadable, apart, isJpeg, isPng, text } from "./containers.mjs";

export { Unreadable };

// Formats that predict.py reads and browsers may not: what the first bytes say.
const UNUSUAL = [
  ["TIFF", (bytes) => ["II*\0", "MM\0*"].includes(text(bytes, 0, 4))],
  ["JPEG 2000", (bytes) => text(bytes, 4, 8) === "jP  "],
  ["HEIC", (bytes) => ["ftyphei", "ftypmif"].includes(text(bytes, 4, 11))],
  ["AVIF", (bytes) => text(bytes, 4, 12) === "ftypavif"],
];

function reasonFor(bytes) {
  const known = UNUSUAL.find(([, matches]) => matches(bytes));
  if (known) return `this browser does not read ${known[0]}; predict.py may`;
  const usual = isJpeg(bytes) || isPng(bytes) || /^(GIF8|BM|RIFF)/.test(text(bytes, 0, 4));
  return usual ? "damaged image" : "not an image in a format that this browser reads";
}

async function contentOf(file) {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Unreadable("the file cannot be read"); // deleted or changed since it was chosen
  }
}

// What is decoded, and how its colours are converted afterwards, if not by the browser.
async function prepared(bytes) {
  const { parts, profile, coloured } = await apart(bytes);
  if (!profile || !coloured) return { parts, convert: null };
  try {
    const convert = converterOf(profile);
    return convert === undefined ? { parts: [bytes], convert: null } : { parts, convert };
  } catch {
    return { parts, convert: null }; // an unreadable profile
  }
}

/* The photo of a file on a canvas, and its pixels, {width, height, data}. Throws Unreadable. */
export async function decoded(file) {
  const bytes = await contentOf(file);
  if (!bytes.length) throw new Unreadable("an empty file");
  const { parts, convert } = await prepared(bytes);
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob(parts));
  } catch {
    throw new Unreadable(reasonFor(bytes));
  }
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  try {
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    const photo = context.getImageData(0, 0, width, height);
    if (convert) {
      convert(photo.data);
      context.putImageData(photo, 0, 0);
    }
    return { canvas, photo };
  } catch {
    throw new Unreadable(`${width} × ${height} pixels are too many for this browser`);
  } finally {
    bitmap.close();
  }
}
