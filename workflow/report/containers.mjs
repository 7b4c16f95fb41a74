// JPEG, PNG and WebP files apart into what a browser decodes and the colour profile, so that the
// profile is applied as predict.py does (colours.mjs), and not where it does not.

/* Why a photo cannot be read; shown as it is. */
export class Unreadable extends Error {}

const JPEG = [0xff, 0xd8, 0xff];
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const begins = (bytes, start) => start.every((byte, place) => bytes[place] === byte);
const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const text = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));
export const isJpeg = (bytes) => begins(bytes, JPEG);
export const isPng = (bytes) => begins(bytes, PNG);
export const isWebp = (bytes) => text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 12) === "WEBP";

/* A file apart: {parts, profile, coloured}. parts: without the profile. profile: null if there is
   none. coloured: whether predict.py converts colours: not those of grey and CMYK. */
export async function apart(bytes) {
  if (isJpeg(bytes)) return ofJpeg(bytes);
  if (isPng(bytes)) return ofPng(bytes);
  return isWebp(bytes) ? ofWebp(bytes) : { parts: [bytes], profile: null, coloured: true };
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

// SOF0 to SOF15, but for DHT, JPG and DAC
const isFrame = (marker) => marker >> 4 === 0xc && ![0xc4, 0xc8, 0xcc].includes(marker);

function ofJpeg(bytes) {
  const parts = [bytes.subarray(0, 2)];
  const chunks = []; // of the profile, each with its number
  let components = 0;
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at += 1; // padding
      continue;
    }
    const next = at + 2 + bytes[at + 2] * 256 + bytes[at + 3];
    if (isFrame(marker)) components = bytes[at + 9];
    if (marker === 0xda) {
      if (!ends(bytes, next)) break;
      parts.push(bytes.subarray(at));
      chunks.sort(([a], [b]) => a - b);
      const profile = chunks.length ? joined(chunks.map(([, chunk]) => chunk)) : null;
      return { parts, profile, coloured: components === 3 };
    }
    if (marker === 0xe2 && text(bytes, at + 4, at + 16) === "ICC_PROFILE\0")
      chunks.push([bytes[at + 16], bytes.subarray(at + 18, next)]);
    else parts.push(bytes.subarray(at, next));
    at = next;
  }
  throw new Unreadable("image file is truncated");
}

// Whether a JPEG has an end marker after the start of its pixels.
function ends(bytes, start) {
  let end = bytes.lastIndexOf(0xd9);
  while (end > start && bytes[end - 1] !== 0xff) end = bytes.lastIndexOf(0xd9, end - 1);
  return end > start;
}

const OF_COLOUR = ["iCCP", "gAMA", "cHRM", "sRGB", "cICP"]; // Pillow uses iCCP alone

async function ofPng(bytes) {
  const view = viewOf(bytes);
  const parts = [bytes.subarray(0, 8)];
  let packed = null;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const next = at + 12 + view.getUint32(at);
    const name = text(bytes, at + 4, at + 8);
    if (name === "iCCP") packed = bytes.subarray(bytes.indexOf(0, at + 8) + 2, next - 4);
    if (!OF_COLOUR.includes(name)) parts.push(bytes.subarray(at, next));
    at = next;
  }
  const coloured = [2, 3, 6].includes(bytes[25]); // the colour type
  return { parts, profile: packed && (await inflated(packed)), coloured };
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    return null; // an unreadable profile
  }
}

function ofWebp(bytes) {
  const view = viewOf(bytes);
  const whole = bytes.slice();
  let profile = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    const name = text(bytes, at, at + 4);
    const content = bytes.subarray(at + 8, at + 8 + size);
    if (name === "EXIF" && orientationOf(content) > 1)
      throw new Unreadable("a WebP turned by its EXIF, which browsers ignore; predict.py reads it");
    if (name === "ICCP") {
      profile = content;
      whole.set([0x58, 0x58, 0x58, 0x58], at); // a chunk that decoders skip
      whole[20] &= ~0x20; // of VP8X: there is a profile
    }
    at += 8 + size + (size % 2);
  }
  return { parts: [whole], profile, coloured: true };
}

/* The orientation in an EXIF block; 1 is upright. */
function orientationOf(block) {
  const bytes = text(block, 0, 6) === "Exif\0\0" ? block.subarray(6) : block;
  const little = text(bytes, 0, 2) === "II";
  const view = viewOf(bytes);
  try {
    const table = view.getUint32(4, little);
    for (let entry = 0; entry < view.getUint16(table, little); entry++) {
      const at = table + 2 + 12 * entry;
      if (view.getUint16(at, little) === 0x0112) return view.getUint16(at + 8, little);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // a cut block, which Pillow ignores too
  }
  return 1;
}
