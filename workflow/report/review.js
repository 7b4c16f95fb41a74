"use strict";
// The page of photos to check: one photo at a time; decisions are saved as a CSV.

const { classes, photos } = JSON.parse(document.getElementById("data").textContent);
const KEYS = 9; // classes that have a key
const STORE = `stillact review ${photos.map(({ id, label }) => `${id} ${label}`).join(" ")}`;
const by = (id) => document.getElementById(id);
const make = (tag, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
};

// Of a photo by its place: its label, as decided; "" to drop it. In the order of the decisions.
let decided = new Map();
let undone = []; // what was before each decision: [place, label or undefined]
let place = 0;
let unsaved = false;

// A browser may refuse storage to pages opened from a file: then decisions last until it is closed.
function stored(value) {
  try {
    if (value === undefined) return JSON.parse(localStorage.getItem(STORE) ?? "[]");
    localStorage.setItem(STORE, JSON.stringify(value));
  } catch {
    return [];
  }
}

const changes = () => [...decided].filter(([at, label]) => label !== photos[at].label);
const most = ({ percent }) => classes.map((_, i) => i).sort((a, b) => percent[b] - percent[a]);

function decide(label) {
  undone.push([place, decided.get(place)]);
  decided.delete(place);
  decided.set(place, label);
  changed();
  const open = photos.findIndex((_, at) => at > place && !decided.has(at));
  go(open < 0 ? Math.min(place + 1, photos.length - 1) : open);
}

function undo() {
  if (!undone.length) return;
  const [at, before] = undone.pop();
  if (before === undefined) decided.delete(at);
  else decided.set(at, before);
  changed();
  go(at);
}

function changed() {
  unsaved = true;
  by("saved").textContent = "";
  stored([...decided]);
}

function go(to) {
  place = Math.min(Math.max(to, 0), photos.length - 1);
  show();
}

function show() {
  const photo = photos[place];
  const image = by("photo").querySelector("img");
  image.src = photo.image;
  image.alt = `Photo ${photo.name}`;
  by("photo").querySelector("figcaption").textContent = `${place + 1}. ${photo.name}`;
  by("said").replaceChildren("Its label is ", make("strong", {}, photo.label), `. ${agreement(photo)}`);
  const now = decided.get(place);
  const within = by("classes").contains(document.activeElement);
  by("classes").replaceChildren(...most(photo).map((at, rank) => choice(photo, at, rank, now)));
  if (within) by("classes").querySelector("button").focus(); // the one pressed is gone
  by("keep").setAttribute("aria-pressed", now === photo.label);
  by("drop").setAttribute("aria-pressed", now === "");
  by("undo").disabled = !undone.length;
  by("back").disabled = place === 0;
  by("next").disabled = place === photos.length - 1;
  list();
}

function agreement({ disagree, models }) {
  if (models === 1) return disagree ? "The model predicts another class." : "The model predicts it.";
  return disagree ? `${disagree} of ${models} models predict another class.` : `All ${models} models predict it.`;
}

function choice(photo, at, rank, now) {
  const label = classes[at];
  const share = make("span");
  share.style.width = `${photo.percent[at]}%`;
  const button = make(
    "button",
    { type: "button", className: label === photo.label ? "given" : "" },
    make("kbd", {}, rank < KEYS ? rank + 1 : ""),
    make("span", { className: "name" }, label),
    make("span", { className: "said" }, `${Math.round(photo.percent[at])}\u00a0%`),
    make("span", { className: "share" }, share),
  );
  button.setAttribute("aria-pressed", now === label);
  button.addEventListener("click", () => decide(label));
  return make("li", {}, button);
}

function list() {
  const rows = changes();
  by("progress").value = decided.size / photos.length;
  by("count").textContent = `${decided.size} of ${photos.length} checked, ${rows.length} changed`;
  by("changed").hidden = !rows.length;
  by("changed").querySelector("tbody").replaceChildren(
    ...rows.map(([at, label]) => {
      const open = make("button", { type: "button" }, photos[at].name);
      open.addEventListener("click", () => go(at));
      const what = label === "" ? "dropped" : label;
      return make("tr", {}, ...[open, photos[at].label, what].map((cell) => make("td", {}, cell)));
    }),
  );
}

const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function csv() {
  const rows = changes().map(([at, label]) => {
    const { id, name, label: was } = photos[at];
    return [id, name, was, label === "" ? "drop" : "relabel", label];
  });
  const header = ["id", "photo", "label", "action", "new_label"];
  return [header, ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
}

function save() {
  if (!changes().length) return;
  const url = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  make("a", { href: url, download: "corrections.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
  unsaved = false;
  by("saved").textContent = `${changes().length} saved`;
}

const ACTIONS = {
  k: () => decide(photos[place].label),
  d: () => decide(""),
  u: undo,
  s: save,
  ArrowLeft: () => go(place - 1),
  ArrowRight: () => go(place + 1),
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const number = Number(event.key);
  const label = classes[most(photos[place])[number - 1]];
  const action = number >= 1 && number <= KEYS && label ? () => decide(label) : ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

if (photos.length) {
  decided = new Map(stored());
  const first = photos.findIndex((_, at) => !decided.has(at));
  place = Math.max(first, 0);
  const buttons = { keep: "k", drop: "d", undo: "u", save: "s", back: "ArrowLeft", next: "ArrowRight" };
  for (const [id, key] of Object.entries(buttons)) by(id).addEventListener("click", ACTIONS[key]);
  document.addEventListener("keydown", pressed);
  addEventListener("beforeunload", (event) => {
    if (unsaved && changes().length) event.preventDefault();
  });
  by("app").hidden = false;
  show();
}
