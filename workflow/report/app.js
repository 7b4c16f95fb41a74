"use strict";
// Takes photos, hands them to the worker one at a time, and shows its predictions.

const $ = (id) => document.getElementById(id);
const make = (tag, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
};
const percent = (share) => `${(100 * share).toFixed(0)}\u00a0%`;
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
const photos = (count) => `${count} photo${count === 1 ? "" : "s"}`;
const say = (text) => ($("status").textContent = text);

const IMAGES = /\.(avif|bmp|gif|heic|heif|jfif|jp2|jpe?g|png|tiff?|webp)$/i; // in folders
const { colours, likeliest } = JSON.parse(document.body.dataset.style);

let config;
let worker;
let busy = false;
let stopped = false;
let queue = []; // of {path, file}
let records = []; // in the order of predict.py's columns

/* The model */

// A file beside the page; `progress` is called with the bytes of each part that arrives.
async function fetched(path, progress) {
  const response = await fetch(path, { cache: "no-cache" }); // a new export has the same names
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  const parts = [];
  for (let reader = response.body.getReader(), part; !(part = await reader.read()).done; ) {
    parts.push(part.value);
    progress(part.value.length);
  }
  return new Blob(parts).arrayBuffer();
}

// The worker answers each message with one message.
function ask(message, transferred = []) {
  return new Promise((answered, failed) => {
    worker.onmessage = ({ data }) => answered(data);
    worker.onerror = (event) => failed(new Error(event.message ?? "the worker did not start"));
    worker.postMessage(message, transferred);
  });
}

async function load() {
  const response = await fetch("config.json", { cache: "no-cache" });
  if (!response.ok) throw new Error(`config.json: ${response.status} ${response.statusText}`);
  config = await response.json();
  const total = Number(document.body.dataset.bytes);
  let loaded = 0;
  const progress = (bytes) => {
    loaded += bytes;
    say(`Loading the model (${megabytes(total)}): ${percent(Math.min(loaded / total, 1))}`);
    $("progress").value = loaded / total;
  };
  const [wasm, model, detector] = await Promise.all([
    fetched("app/ort-wasm-simd-threaded.wasm", progress),
    fetched("model.onnx", progress),
    config.detector && fetched(config.detector.file, progress),
  ]);
  say("Preparing the model");
  $("progress").removeAttribute("value");
  worker = new Worker("app/worker.mjs", { type: "module" });
  const buffers = [wasm, model, ...(detector ? [detector] : [])];
  const { reason } = await ask({ config, wasm, model, detector }, buffers);
  if (reason) throw new Error(reason);
}

function describe() {
  const { threshold } = config;
  $("threshold").textContent =
    threshold > 1
      ? "No confidence is shown to be high enough, so all predictions are marked “unsure”."
      : `Predictions with a confidence below ${percent(threshold)} are marked “unsure”.`;
}

/* Prediction */

function recordOf(path, { probabilities, reason }) {
  const columns = config.classes.map((name) => `prob_${name}`);
  if (!probabilities) {
    const none = ["predicted", ...columns, "confidence", "abstain"].map((name) => [name, ""]);
    return { path, status: "unreadable", reason, ...Object.fromEntries(none) };
  }
  const confidence = Math.max(...probabilities);
  return {
    path,
    status: "ok",
    reason: "",
    predicted: config.classes[probabilities.indexOf(confidence)],
    ...Object.fromEntries(columns.map((name, place) => [name, probabilities[place]])),
    confidence,
    abstain: confidence < config.threshold ? "yes" : "no",
  };
}

function add(found) {
  queue.push(...found);
  if (found.length && !busy) predict();
  else if (!found.length && !busy) say("No photos there.");
}

async function predict() {
  busy = true;
  stopped = false;
  $("stop").hidden = false;
  $("clear").disabled = true;
  let done = 0;
  while (queue.length && !stopped) {
    say(`Predicting: ${done + 1} of ${done + queue.length}`);
    $("progress").hidden = false;
    $("progress").value = done / (done + queue.length);
    const { path, file } = queue.shift();
    const answer = await ask({ file }).catch((error) => ({ reason: error.message }));
    const record = recordOf(path, answer);
    records.push(record);
    show(record, answer);
    done += 1;
  }
  const left = queue.length;
  queue = [];
  busy = false;
  $("clear").disabled = false;
  $("stop").hidden = $("progress").hidden = true;
  say(`${left ? `Stopped; ${photos(left)} not predicted. ` : ""}${summary()}`);
}

function summary() {
  const count = (column, value) => records.filter((record) => record[column] === value).length;
  const [ok, unsure] = [count("status", "ok"), count("abstain", "yes")];
  const unread = records.length - ok;
  const parts = [`${photos(ok)} predicted`];
  if (unsure) parts.push(`${unsure} of them unsure`);
  if (unread) parts.push(`${unread} cannot be read`);
  return `${parts.join(", ")}.`;
}

/* Results */

function bar(name, share, colour) {
  const filled = make("span");
  filled.style.width = `${100 * share}%`;
  filled.style.setProperty("--class", colour);
  return make(
    "li",
    {},
    make("span", { textContent: name, title: name }),
    make("span", { className: "share" }, filled),
    make("span", { className: "said number", textContent: percent(share) }),
  );
}

// The bars of all classes; of more classes than colours first the likeliest, the others closed.
function bars(probabilities) {
  const given = config.classes.map((name, place) => [name, probabilities[place], colours[place]]);
  const list = (rows) => {
    const element = make("ul", { className: "shares" }, ...rows.map((row) => bar(...row)));
    element.style.setProperty("--letters", Math.max(...config.classes.map((name) => name.length)));
    return element;
  };
  if (given.length <= colours.length) return [list(given)];
  const alike = given.map(([name, share]) => [name, share, colours[0]]);
  const sorted = alike.sort((a, b) => b[1] - a[1]);
  const others = sorted.slice(likeliest);
  const summary = make("summary", { textContent: `${others.length} more` });
  return [list(sorted.slice(0, likeliest)), make("details", {}, summary, list(others))];
}

function show(record, { probabilities, thumbnail }) {
  $("results").hidden = false;
  if (!probabilities) {
    $("unreadable").hidden = false;
    const cells = [record.path, record.reason].map((text) => make("td", { textContent: text }));
    cells[0].className = "url";
    $("reasons").append(make("tr", {}, ...cells));
    return;
  }
  const said = make("p", {}, make("strong", { textContent: record.predicted }));
  said.append(" ", make("span", { textContent: percent(record.confidence) }));
  if (record.abstain === "yes")
    said.append(" ", make("strong", { className: "unsure", textContent: "unsure" }));
  const image = make("img", { src: URL.createObjectURL(thumbnail), alt: `Photo ${record.path}` });
  const picture = make("span", { className: "picture" }, image);
  const photo = make("div", { className: "photo" }, picture, said);
  const name = make("p", { className: "note id", textContent: record.path, title: record.path });
  $("cards").append(make("li", { className: "card" }, photo, name, ...bars(probabilities)));
}

function clear() {
  document.querySelectorAll("#cards img").forEach((image) => URL.revokeObjectURL(image.src));
  records = [];
  $("cards").replaceChildren();
  $("reasons").replaceChildren();
  $("results").hidden = $("unreadable").hidden = true;
  say("");
}

// The columns of predict.py --csv.
function csv() {
  const cell = (value) => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  // No formula for a spreadsheet.
  const safe = (path) => (/^[=+\-@]/.test(path) ? `./${path}` : path);
  const rows = records.map((record) => Object.values({ ...record, path: safe(record.path) }));
  return [Object.keys(records[0]), ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
}

function download() {
  const url = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  make("a", { href: url, download: "predictions.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/* Photos: chosen, or dropped */

const byName = (a, b) => (a < b ? -1 : 1);
const chosen = (files) =>
  files.map((file) => ({ path: file.webkitRelativePath || file.name, file }));

// All photos of a dropped file or folder, and of its subfolders.
async function under(entry) {
  if (entry.isFile) {
    const file = await new Promise((found, failed) => entry.file(found, failed));
    return [{ path: entry.fullPath.slice(1), file }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((read, failed) => reader.readEntries(read, failed));
    if (!some.length) break; // a browser gives a hundred at a time
    found.push(...some);
  }
  found.sort((a, b) => byName(a.name, b.name));
  const inside = [];
  for (const child of found) inside.push(...(await under(child)));
  return inside.filter(({ path }) => IMAGES.test(path));
}

async function drop(event) {
  event.preventDefault();
  document.body.classList.remove("over");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry());
  const found = await Promise.all(entries.filter(Boolean).map(under));
  add(found.flat());
}

function listen() {
  for (const name of ["files", "folder"]) {
    const input = $(name);
    $(`choose-${name}`).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const found = chosen([...input.files]);
      if (name === "files") add(found);
      else
        add(found.filter(({ path }) => IMAGES.test(path)).sort((a, b) => byName(a.path, b.path)));
      input.value = ""; // the same choice again is a change
    });
  }
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("over");
  });
  addEventListener("drop", drop);
  $("stop").addEventListener("click", () => (stopped = true));
  $("clear").addEventListener("click", clear);
  $("download").addEventListener("click", download);
}

async function start() {
  if (location.protocol === "file:") return ($("from-file").hidden = false);
  $("progress").hidden = false;
  try {
    await load();
  } catch (error) {
    say(`The model cannot be loaded: ${error.message}`);
    $("status").className = "warn";
    return;
  } finally {
    $("progress").hidden = true;
  }
  describe();
  say("The model is ready.");
  listen();
  $("choose").hidden = false;
}

start();
