// Colours of a profile to sRGB as LittleCMS converts 8-bit RGB (cmsopt.c: OptimizeMatrixShaper),
// relative colorimetric: per channel a table to linear light, a matrix in fixed point, and a table
// to sRGB.

const ONE = 1 << 14; // 1 in fixed point
const fixed = (number) => Math.floor(number * ONE + 0.5);

const dot = (row, b, column) => row.reduce((sum, n, k) => sum + n * b[k][column], 0);
const times = (a, b) => a.map((row) => b[0].map((_, column) => dot(row, b, column)));
const diagonal = ([a, b, c]) => [
  [a, 0, 0],
  [0, b, 0],
  [0, 0, c],
];

function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    [(e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det],
    [(f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det],
    [(d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det],
  ];
}

// sRGB as LittleCMS makes it: the primaries of Rec. 709, adapted from D65 to D50 (Bradford).
const BRADFORD = [
  [0.8951, 0.2664, -0.1614],
  [-0.7502, 1.7135, 0.0367],
  [0.0389, -0.0685, 1.0296],
];
const PRIMARIES = [
  [0.64, 0.3, 0.15], // x of red, green, blue
  [0.33, 0.6, 0.06],
  [0.03, 0.1, 0.79],
];
const D65 = [[0.3127 / 0.329], [1], [(1 - 0.3127 - 0.329) / 0.329]];
const D50 = [[0.9642], [1], [0.8249]];

function toXyz() {
  const unadapted = times(PRIMARIES, diagonal(times(inverse(PRIMARIES), D65).flat()));
  const [from, to] = [times(BRADFORD, D65), times(BRADFORD, D50)];
  const cone = diagonal(to.map(([n], place) => n / from[place][0]));
  return times(times(inverse(BRADFORD), times(cone, BRADFORD)), unadapted);
}

function toSrgb() {
  const [gamma, a, b, c, d] = [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045];
  const limit = (a * d + b) ** gamma;
  return Uint8Array.from({ length: ONE + 1 }, (_, i) => {
    const linear = i / ONE;
    const curved = Math.fround(linear >= limit ? (linear ** (1 / gamma) - b) / a : linear / c);
    const word = Math.floor(Math.min(Math.max(curved, 0), 1) * 65535 + 0.5);
    return (word * 65281 + 8388608) / 2 ** 24;
  });
}

/* The tags of an ICC profile: offset and size of each. */
function tagsOf(view) {
  const name = (at) => String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
  const tags = {};
  for (let i = 0; i < view.getUint32(128); i++) {
    const at = 132 + 12 * i;
    tags[name(at)] = { at: view.getUint32(at + 4), size: view.getUint32(at + 8) };
  }
  for (const tag of Object.values(tags)) tag.type = name(tag.at);
  return { tags, space: name(16), pcs: name(20) };
}

const s15Fixed16 = (view, at) => view.getInt32(at) / 65536;

// A tone curve: of 0 to 1 the linear light, as float32.
function curveOf(view, { type, at }) {
  if (type === "para") {
    const kind = view.getUint16(at + 8);
    if (kind !== 0 && kind !== 3) return null;
    const number = (place) => s15Fixed16(view, at + 12 + 4 * place);
    if (kind === 0) return (x) => Math.fround(x ** number(0));
    const [g, a, b, c, d] = [0, 1, 2, 3, 4].map(number);
    return (x) => Math.fround(x >= d ? Math.max(a * x + b, 0) ** g : x * c);
  }
  if (type !== "curv") return null;
  const count = view.getUint32(at + 8);
  if (count < 2) {
    const gamma = count ? view.getUint16(at + 12) / 256 : 1;
    return (x) => Math.fround(x ** gamma);
  }
  const entry = (place) => view.getUint16(at + 12 + 2 * place);
  return (x) => {
    const word = Math.floor(x * 65535 + 0.5);
    if (word === 65535) return Math.fround(entry(count - 1) / 65535);
    const scaled = word * (count - 1);
    const place = scaled + Math.floor((scaled + 0x7fff) / 0xffff);
    const [cell, rest] = [Math.floor(place / 65536), place % 65536];
    const step = Math.floor(((entry(cell + 1) - entry(cell)) * rest + 0x8000) / 65536);
    return Math.fround((entry(cell) + step) / 65535);
  };
}

/* Whether the profile's description says sRGB, whose colours predict.py keeps. */
function isSrgb(bytes, { at, size }) {
  const text = bytes.subarray(at, at + size).filter((byte) => byte); // ASCII, or UTF-16
  return String.fromCharCode(...text).toLowerCase().includes("srgb");
}

/* A function that converts the pixels of a profile in place; null where they are kept; undefined for
   profiles other than of three primaries and curves. */
export function converterOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { tags, space, pcs } = tagsOf(view);
  if (tags.desc && isSrgb(bytes, tags.desc)) return null;
  const [colours, tones] = [["rXYZ", "gXYZ", "bXYZ"], ["rTRC", "gTRC", "bTRC"]];
  const whole = [...colours, ...tones].every((name) => tags[name]);
  if (!whole || tags.A2B0 || tags.A2B1 || space !== "RGB " || pcs !== "XYZ ") return undefined;
  const curves = tones.map((name) => curveOf(view, tags[name]));
  if (curves.includes(null)) return undefined;
  const coordinate = (name, axis) => s15Fixed16(view, tags[name].at + 8 + 4 * axis);
  const given = [0, 1, 2].map((axis) => colours.map((name) => coordinate(name, axis)));
  const matrix = times(inverse(toXyz()), given);
  const one = diagonal([1, 1, 1]);
  const same = (row, i) => row.every((n, j) => Math.abs(n - one[i][j]) < 1 / 65535);
  if (matrix.every(same)) return undefined; // sRGB's primaries: LittleCMS joins the curves instead
  const level = (curve, i) => fixed(curve(Math.fround(i / 255)));
  const linear = curves.map((curve) => Int32Array.from({ length: 256 }, (_, i) => level(curve, i)));
  return (data) => convert(data, linear, matrix.flat().map(fixed), toSrgb());
}

function convert(data, [red, green, blue], m, table) {
  const limited = (sum) => Math.min(Math.max((sum + (ONE >> 1)) >> 14, 0), ONE);
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b] = [red[data[i]], green[data[i + 1]], blue[data[i + 2]]];
    data[i] = table[limited(m[0] * r + m[1] * g + m[2] * b)];
    data[i + 1] = table[limited(m[3] * r + m[4] * g + m[5] * b)];
    data[i + 2] = table[limited(m[6] * r + m[7] * g + m[8] * b)];
  }
}
