// Decodes photos and runs the graphs, beside the page, which stays responsive. The page fetches all
// files; nothing is requested from here.

import { InferenceSession, Tensor, env } from "./ort.wasm.bundle.min.mjs";
import { Unreadable, decoded } from "./decoding.mjs";
import { person, planes, square } from "./preprocessing.mjs";

const THUMBNAIL = 320; // longer side, pixels: twice that of a card

env.wasm.numThreads = 1; // more need headers that a plain file server does not send

let config;
let model;
let detector = null;

async function load(given) {
  env.wasm.wasmBinary = given.wasm;
  config = given.config;
  model = await InferenceSession.create(new Uint8Array(given.model));
  if (given.detector) detector = await InferenceSession.create(new Uint8Array(given.detector));
}

const tensorOf = (photo) => new Tensor("uint8", planes(photo), [1, 3, photo.height, photo.width]);

async function boxOf(photo) {
  const settings = config.detector;
  const input = square(photo, { ...settings, region: "photo" });
  const feeds = { [settings.input]: tensorOf(input) };
  const { boxes, scores } = await detector.run(feeds, ["boxes", "scores"]);
  return person(photo, settings, boxes.data, scores.data);
}

async function probabilitiesOf(photo) {
  const box = detector && (await boxOf(photo));
  const feeds = Object.fromEntries(
    config.views.map((view) => [view.input, tensorOf(square(photo, view, box))]),
  );
  const { probabilities } = await model.run(feeds, ["probabilities"]);
  return Array.from(probabilities.data, (share) => Math.round(share * 1e8) / 1e8);
}

function thumbnailOf(photo) {
  const scale = Math.min(THUMBNAIL / Math.max(photo.width, photo.height), 1);
  const scaled = (side) => Math.max(1, Math.round(side * scale));
  const [width, height] = [scaled(photo.width), scaled(photo.height)];
  const small = new OffscreenCanvas(width, height);
  const context = small.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(photo, 0, 0, width, height);
  return small.convertToBlob({ type: "image/jpeg", quality: 0.85 });
}

async function predict({ file }) {
  try {
    const { canvas, photo } = await decoded(file);
    const probabilities = await probabilitiesOf(photo);
    return { probabilities, thumbnail: await thumbnailOf(canvas) };
  } catch (error) {
    if (error instanceof Unreadable) return { reason: error.message };
    console.error(error);
    return { reason: `not predicted: ${error.message}` };
  }
}

onmessage = async ({ data }) => {
  if (data.file) return postMessage(await predict(data));
  try {
    await load(data);
    postMessage({});
  } catch (error) {
    postMessage({ reason: error.message });
  }
};
