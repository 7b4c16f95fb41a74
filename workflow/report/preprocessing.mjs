// From an upright photo to the inputs of the graphs, as predict.py does it, step by step.
//
// A photo is {width, height, data}, as in resampling.mjs; a box is left, top, right, bottom.

import { resize } from "./resampling.mjs";

/* Python's round(): half to even. */
export function round(number) {
  const nearest = Math.round(number);
  return nearest - number === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

/* Python's round(number, 1). toFixed is exact too, but rounds halves away from zero. */
export function tenth(number) {
  const size = Math.abs(number);
  const half = size % 1 === 0.25; // the only halves that toFixed rounds to an odd digit
  return Math.sign(number) * (half ? Math.floor(size) + 0.2 : Number(size.toFixed(1)));
}

const clip = (number, most) => Math.min(Math.max(number, 0), most);
const within = ([left, top, right, bottom], { width, height }) => [
  clip(left, width),
  clip(top, height),
  clip(right, width),
  clip(bottom, height),
];
const area = ([left, top, right, bottom]) => Math.max(right - left, 0) * Math.max(bottom - top, 0);

/* Intersection over union. */
function overlap(a, b) {
  const both = area([
    Math.max(a[0], b[0]),
    Math.max(a[1], b[1]),
    Math.min(a[2], b[2]),
    Math.min(a[3], b[3]),
  ]);
  return both / (area(a) + area(b) - both);
}

/* In tenths of a pixel, as in the study's tables. */
function inTenths([left, top, right, bottom]) {
  const [x, y, width, height] = [left, top, right - left, bottom - top].map(tenth);
  return [x, y, x + width, y + height];
}

/* The box of the person of which most is in the photo, from the output of the detector's graph:
   boxes, four fractions of the square each, and scores; or null. */
export function person(photo, settings, boxes, scores) {
  const { size } = settings;
  const longest = Math.max(photo.width, photo.height);
  const sides = [photo.width, photo.height];
  const scaled = sides.map((side) => Math.max(1, round((side * size) / longest)));
  const corner = scaled.map((side) => round((size - side) / 2));
  const inPhoto = (index) =>
    [0, 1, 2, 3].map((edge) => {
      const inSquare = Math.fround(boxes[4 * index + edge] * size); // NumPy's float32
      return (inSquare - corner[edge % 2]) * (sides[edge % 2] / scaled[edge % 2]);
    });
  let order = [...scores.keys()].filter((index) => scores[index] >= settings.min_score);
  order.sort((a, b) => scores[b] - scores[a]);
  const found = [];
  while (order.length && found.length < settings.most) {
    const best = inPhoto(order[0]);
    found.push(best);
    order = order.slice(1).filter((index) => overlap(best, inPhoto(index)) <= settings.overlap);
  }
  const people = found.map(inTenths);
  const visible = people.map((box) => area(within(box, photo)));
  const most = Math.max(0, ...visible);
  return most > 0 ? people[visible.indexOf(most)] : null;
}

/* Image.crop of Pillow: black beyond the photo. */
function crop({ width, height, data }, left, top, right, bottom) {
  const part = new Uint8ClampedArray((right - left) * (bottom - top) * 4);
  const [from, to] = [Math.max(left, 0), Math.min(right, width)];
  for (let y = Math.max(top, 0); y < Math.min(bottom, height) && from < to; y++) {
    const row = data.subarray((y * width + from) * 4, (y * width + to) * 4);
    part.set(row, ((y - top) * (right - left) + from - left) * 4);
  }
  return { width: right - left, height: bottom - top, data: part };
}

/* The part of an upright photo that a view shows, and the geometry of the view. */
function region(photo, view, box) {
  if (view.region === "photo") return [photo, view];
  const shown = { ...view, geometry: "letterbox", crop: 1 };
  if (!box) return [photo, view.region === "around" ? shown : view];
  if (view.region === "around") {
    const [left, top, right, bottom] = box;
    const side = Math.max(round(1.3 * Math.max(right - left, bottom - top)), 1);
    const [x, y] = [round((left + right - side) / 2), round((top + bottom - side) / 2)];
    return [crop(photo, x, y, x + side, y + side), shown];
  }
  const [left, top, right, bottom] = within(box, photo);
  const [wider, higher] = [0.15 * (right - left), 0.15 * (bottom - top)];
  const part = crop(
    photo,
    Math.max(Math.floor(left - wider), 0),
    Math.max(Math.floor(top - higher), 0),
    Math.min(Math.ceil(right + wider), photo.width),
    Math.min(Math.ceil(bottom + higher), photo.height),
  );
  return [part, shown];
}

function letterboxed(photo, side, interpolation) {
  const scale = side / Math.max(photo.width, photo.height);
  const width = Math.max(1, round(photo.width * scale));
  const height = Math.max(1, round(photo.height * scale));
  const small = resize(photo, width, height, interpolation);
  const data = new Uint8ClampedArray(side * side * 4).fill(127);
  const [left, top] = [round((side - width) / 2), round((side - height) / 2)];
  for (let y = 0; y < height; y++) {
    const row = small.data.subarray(y * width * 4, (y + 1) * width * 4);
    data.set(row, ((y + top) * side + left) * 4);
  }
  return { width: side, height: side, data };
}

/* An upright photo as a square, preprocessed as in training; `box` is that of its person. */
export function square(upright, given, box = null) {
  const [photo, view] = region(upright, given, box);
  const { size, geometry, interpolation } = view;
  const side = Math.floor(size / view.crop);
  let scaled;
  if (geometry === "letterbox") scaled = letterboxed(photo, side, interpolation);
  else if (geometry === "squash") scaled = resize(photo, side, side, interpolation);
  else {
    const short = Math.min(photo.width, photo.height);
    const [width, height] = [photo.width, photo.height].map((n) => Math.floor((side * n) / short));
    scaled = resize(photo, width, height, interpolation);
  }
  const [left, top] = [round((scaled.width - size) / 2), round((scaled.height - size) / 2)];
  return crop(scaled, left, top, left + size, top + size);
}

/* Its pixels as the graphs take them: one plane per colour. */
export function planes({ width, height, data }) {
  const pixels = width * height;
  const found = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++)
    for (let colour = 0; colour < 3; colour++) found[colour * pixels + i] = data[4 * i + colour];
  return found;
}
