// Pillow's resampling of 8-bit images (src/libImaging/Resample.c): antialiased, in two passes with
// coefficients in fixed point, so that a model gets the pixels that it was trained with.
//
// A photo is {width, height, data}: a Uint8ClampedArray of four bytes per pixel, the fourth unused.

const BITS = 22; // of a coefficient, after the point
const HALF = 1 << (BITS - 1);

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

// Of each filter its support and its value at a distance, in pixels of the smaller image.
const FILTERS = {
  bilinear: [1, (x) => Math.max(1 - Math.abs(x), 0)],
  bicubic: [
    2,
    (x) => {
      x = Math.abs(x);
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
    },
  ],
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

// Of each pixel along one side of the output: the first pixel of the input, and the coefficients of
// it and of those that follow.
function windows(from, to, name) {
  if (!FILTERS[name]) throw new Error(`config.json: unknown interpolation ${name}`);
  const [reach, filter] = FILTERS[name];
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = reach * stretch;
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), from);
    const inverse = 1 / stretch;
    const weights = Array.from({ length: end - start }, (_, x) =>
      filter((x + start - centre + 0.5) * inverse),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const fixed = weights.map((weight) => {
      const share = (total === 0 ? weight : weight / total) * (1 << BITS);
      return Math.trunc(share + (share < 0 ? -0.5 : 0.5));
    });
    return { start, fixed: Int32Array.from(fixed) };
  });
}

function across({ width, height, data }, to, name) {
  const found = new Uint8ClampedArray(to * height * 4);
  windows(width, to, name).forEach(({ start, fixed }, x) => {
    for (let y = 0; y < height; y++) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let i = 0, at = (y * width + start) * 4; i < fixed.length; i++, at += 4) {
        red += fixed[i] * data[at];
        green += fixed[i] * data[at + 1];
        blue += fixed[i] * data[at + 2];
      }
      const at = (y * to + x) * 4;
      found[at] = red >> BITS; // the array clips to 0 to 255
      found[at + 1] = green >> BITS;
      found[at + 2] = blue >> BITS;
    }
  });
  return { width: to, height, data: found };
}

function down({ width, height, data }, to, name) {
  const found = new Uint8ClampedArray(width * to * 4);
  const sums = new Int32Array(width * 4);
  windows(height, to, name).forEach(({ start, fixed }, y) => {
    sums.fill(HALF);
    fixed.forEach((weight, row) => {
      for (let i = 0, at = (start + row) * width * 4; i < sums.length; i++, at++)
        sums[i] += weight * data[at];
    });
    for (let i = 0, at = y * width * 4; i < sums.length; i++, at++) found[at] = sums[i] >> BITS;
  });
  return { width, height: to, data: found };
}

/* Image.resize of Pillow 13, which begins with the pass that leaves less to the other one.
   `interpolation` is the name of a filter. */
export function resize(photo, width, height, interpolation) {
  const wide = (given) => (given.width === width ? given : across(given, width, interpolation));
  const high = (given) => (given.height === height ? given : down(given, height, interpolation));
  const downFirst = photo.height - height > Math.max(2 * (photo.width - width), 0);
  return downFirst ? wide(high(photo)) : high(wide(photo));
}
