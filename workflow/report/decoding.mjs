// A file as an upright photo in sRGB over white, as predict.py reads it. Browsers turn photos by
// their EXIF orientation and convert their colours; what they do otherwise than Pillow is here.

const JPEG = [0xff, 0xd8, 0xff];
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const begins = (bytes, start) => start.every((byte, place) => bytes[place] === byte);
const text = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));

// Formats that predict.py reads and browsers may not: what the first bytes say.
const UNUSUAL = [
  ["TIFF", (bytes) => ["II*\0", "MM\0*"].includes(text(bytes, 0, 4))],
  ["JPEG 2000", (bytes) => text(bytes, 4, 8) === "jP  "],
  ["HEIC", (bytes) => ["ftyphei", "ftypmif"].includes(text(bytes, 4, 11))],
  ["AVIF", (bytes) => text(bytes, 4, 12) === "ftypavif"],
];

/* Why a photo cannot be read; shown as it is. */
export class Unreadable extends Error {}

/* The number of colour components of a JPEG; null if it has no end marker. */
function componentsOf(bytes) {
  let components = 0;
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at += 1; // padding
      continue;
    }
    // SOF0 to SOF15, but for DHT, JPG and DAC
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      components = bytes[at + 9];
    const start = at + 2 + bytes[at + 2] * 256 + bytes[at + 3];
    if (marker === 0xda) {
      let end = bytes.lastIndexOf(0xd9);
      while (end > start && bytes[end - 1] !== 0xff) end = bytes.lastIndexOf(0xd9, end - 1);
      return end > start ? components : null;
    }
    at = start;
  }
  return null;
}

/* Whether predict.py converts the colours of a photo by its profile: not those of grey and CMYK. */
function convertsColours(bytes) {
  if (begins(bytes, JPEG)) {
    const components = componentsOf(bytes);
    if (components === null) throw new Unreadable("image file is truncated");
    return components === 3;
  }
  return !begins(bytes, PNG) || [2, 3, 6].includes(bytes[25]); // the colour type
}

/* The EXIF orientation of a WebP, which browsers ignore; 1 is upright. */
function orientationOfWebp(bytes) {
  const view = new DataView(bytes.buffer);
  for (let at = 12; at + 8 < bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    if (text(bytes, at, at + 4) === "EXIF") return orientationOfExif(bytes.slice(at + 8, at + 8 + size));
    at += 8 + size + (size % 2);
  }
  return 1;
}

function orientationOfExif(bytes) {
  const start = text(bytes, 0, 6) === "Exif\0\0" ? 6 : 0;
  const view = new DataView(bytes.buffer, start);
  const little = text(bytes, start, start + 2) === "II";
  const table = view.getUint32(4, little);
  for (let entry = 0; entry < view.getUint16(table, little); entry++) {
    const at = table + 2 + 12 * entry;
    if (view.getUint16(at, little) === 0x0112) return view.getUint16(at + 8, little);
  }
  return 1;
}

function turnedWebp(bytes) {
  if (text(bytes, 0, 4) !== "RIFF" || text(bytes, 8, 12) !== "WEBP") return false;
  try {
    return orientationOfWebp(bytes) > 1;
  } catch {
    return false; // a cut EXIF block, which Pillow ignores too
  }
}

function reasonFor(bytes) {
  const known = UNUSUAL.find(([, matches]) => matches(bytes));
  if (known) return `this browser does not read ${known[0]}; predict.py may`;
  const usual = begins(bytes, JPEG) || begins(bytes, PNG) || /^(GIF8|BM|RIFF)/.test(text(bytes, 0, 4));
  return usual ? "damaged image" : "not an image in a format that this browser reads";
}

/* A photo as an ImageBitmap. Throws Unreadable. */
export async function decoded(file) {
  let bytes;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Unreadable("the file cannot be read"); // deleted or changed since it was chosen
  }
  if (!bytes.length) throw new Unreadable("an empty file");
  if (turnedWebp(bytes))
    throw new Unreadable("a WebP that its EXIF turns, which browsers ignore; predict.py reads it");
  const colorSpaceConversion = convertsColours(bytes) ? "default" : "none";
  try {
    return await createImageBitmap(new Blob([bytes]), { colorSpaceConversion });
  } catch {
    throw new Unreadable(reasonFor(bytes));
  }
}

/* Its pixels: {width, height, data}. Throws Unreadable. */
export function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  try {
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, width, height);
  } catch {
    throw new Unreadable(`${width} × ${height} pixels are too many for this browser`);
  }
}
