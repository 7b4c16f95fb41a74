"use strict";
// Progressive enhancement: sortable and filterable tables, and the photo browser.
// Without JavaScript all tables and figures are shown in full.

const make = (tag, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
};

/* Tables */

const MANY = 8; // tables with at least this many rows can be sorted and filtered

// The header cell directly above each column.
function headers(table) {
  const grid = [...table.tHead.rows].map(() => []);
  [...table.tHead.rows].forEach((row, top) => {
    for (const cell of row.cells) {
      let left = 0;
      while (grid[top][left]) left++;
      for (let y = 0; y < cell.rowSpan; y++)
        for (let x = 0; x < cell.colSpan; x++) grid[top + y][left + x] = cell;
    }
  });
  return grid.at(-1);
}

function keyOf(row, column, numeric) {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent.trim();
  return numeric ? parseFloat(text.replaceAll(",", "")) : text;
}

function compare(a, b, numeric, sign) {
  if (!numeric) return sign * a.localeCompare(b, "en", { numeric: true });
  if (isNaN(a) || isNaN(b)) return isNaN(a) - isNaN(b); // missing values last
  return sign * (a - b);
}

function sortable(table, rows) {
  const columns = headers(table);
  columns.forEach((header, column) => {
    if (new Set(rows.map((row) => row.cells[column].textContent)).size < 2) return;
    const numeric = header.classList.contains("number");
    const cycle = numeric ? ["descending", "ascending", null] : ["ascending", "descending", null];
    const button = make("button", { type: "button", className: "sort" }, ...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const now = cycle[(cycle.indexOf(header.getAttribute("aria-sort")) + 1) % 3];
      columns.forEach((other) => other.removeAttribute("aria-sort"));
      if (now) header.setAttribute("aria-sort", now);
      const sign = now === "descending" ? -1 : 1;
      const keys = new Map(rows.map((row) => [row, keyOf(row, column, numeric)]));
      const sorted = (a, b) => compare(keys.get(a), keys.get(b), numeric, sign);
      table.tBodies[0].append(...(now ? rows.toSorted(sorted) : rows));
    });
  });
}

function filterable(table, rows) {
  const box = make("input", { type: "search", autocomplete: "off", spellcheck: false });
  box.setAttribute("aria-controls", table.id);
  const count = make("output", {}, `${rows.length} rows`);
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = shown < rows.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
  });
  const label = make("label", {}, "Filter rows ", box);
  table.parentElement.before(make("p", { className: "controls" }, label, count));
}

for (const table of document.querySelectorAll(".scroll > table")) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < MANY || table.querySelector(".heading, .total")) continue; // the latter: groups
  sortable(table, rows);
  filterable(table, rows);
}

/* The photo browser */

const PAGE = 30; // photos per page
const LETTERS = 44; // of a path on a card
const FEW = 7; // classes whose probabilities are all given as numbers

function browse(app, data) {
  const { models, classes, photos, overlays } = data;
  const percent = (millionths) => `${Math.round(millionths / 1e4)}\u00a0%`;
  const predicted = (answer) => answer.indexOf(Math.max(...answer));
  const groups = new Map(data.groups.map((group) => [group.name, group.photos.map(known)]));
  const form = app.querySelector("form");
  const list = app.querySelector("ol");
  const more = app.querySelector(".more");
  const count = app.querySelector("output");
  const dialog = app.querySelector("dialog");
  let found = [];

  function known([place, answers]) {
    const photo = photos[place];
    const truth = classes.indexOf(photo.label);
    const given = answers.flatMap((answer, model) => {
      if (!answer) return [];
      const says = predicted(answer);
      return [{ model: models[model], answer, says, truth, right: says === truth }];
    });
    const sure = given.reduce((sum, { answer }) => sum + answer[truth], 0) / given.length;
    const split = new Set(given.map(({ says }) => says)).size > 1;
    return { ...photo, place, given, sure, split };
  }

  function fits(photo, { label, wrong, agreement }) {
    const errors = photo.given.filter(({ right }) => !right);
    if (label && photo.label !== label) return false;
    if (agreement && photo.split !== (agreement === "disagree")) return false;
    if (wrong === "*any") return errors.length > 0;
    if (wrong === "*all") return errors.length === photo.given.length;
    return !wrong || errors.some(({ model }) => model === wrong);
  }

  // With more classes than colours, only the true and the predicted class have one.
  function hue(i, says, truth) {
    if (!("many" in app.dataset)) return i;
    if (i === truth) return "truth";
    return i === says ? "wrong" : "other";
  }

  const inWords = ({ answer }) => classes.map((label, i) => `${label} ${percent(answer[i])}`).join(", ");

  function bar({ answer, says, truth }) {
    const words = inWords({ answer });
    const segments = answer.map((share, i) => {
      const segment = make("span", { className: i === says ? "says" : "" });
      segment.style.flexGrow = share;
      segment.style.setProperty("--class", `var(--class-${hue(i, says, truth)})`);
      return segment;
    });
    return make("span", { className: "bar", title: words, role: "img", ariaLabel: words }, ...segments);
  }

  const shortened = (path) => (path.length > LETTERS ? `…${path.slice(1 - LETTERS).replace(/^[^/]+(?=\/)/, "")}` : path);

  // The thumbnail, with the saliency map of the model that is chosen as an overlay, where available.
  function picture(photo, tag, attributes) {
    const saliency = form.elements.look?.value;
    const image = make("img", { src: photo.thumbnail, alt: `Photo ${photo.url}`, loading: "lazy", decoding: "async" });
    const shown = make(tag, { className: "picture", ...attributes }, image);
    const overlay = saliency && overlays[saliency][photo.place];
    if (overlay) {
      const [src, ...place] = overlay;
      const map = make("img", { src, className: "overlay", alt: `saliency map of ${saliency}` });
      ["left", "top", "width", "height"].forEach((side, i) => { map.style[side] = `${place[i]}%`; });
      shown.append(map);
    }
    return shown;
  }

  // The prediction of each model; with `words`, the probability of each class too.
  function answers(photo, words) {
    return make("ul", {}, ...photo.given.map((one) => make("li", { className: one.right ? "" : "wrong" },
      make("span", {}, ...one.model.split(/(?<=_)/).flatMap((part) => [part, make("wbr")])),
      bar(one),
      make("span", { className: "said" },
        make("span", { ariaHidden: "true" }, one.right ? "✓ " : "✗ "),
        make("span", { className: "unseen" }, one.right ? "correct: " : "wrong: "),
        classes[one.says]),
      make("span", { className: "said number" }, percent(one.answer[one.says])),
      ...(words ? [make("span", { className: "note" }, inWords(one))] : []))));
  }

  function summary({ given }) {
    const wrong = given.filter(({ right }) => !right).length;
    return wrong ? `${wrong} of ${given.length} wrong` : "all correct";
  }

  function card(photo) {
    const shown = picture(photo, "button", { type: "button", ariaLabel: `Enlarge ${photo.url}` });
    shown.addEventListener("click", () => enlarge(photo, shown.firstChild));
    return make("li", { className: "card" },
      make("div", { className: "photo" }, shown,
        make("p", {}, make("strong", {}, photo.label), make("span", { className: "note" }, summary(photo)))),
      make("p", { className: "note id", title: photo.url }, shortened(photo.url)),
      answers(photo, false));
  }

  // The photo whole, as large as the window allows, with its path and the predictions in full.
  function enlarge(photo, { naturalWidth, naturalHeight }) {
    const shown = picture(photo, "span");
    shown.style.width = shown.firstChild.style.width = `min(100%, 40rem, ${(75 * naturalWidth) / naturalHeight}vh)`;
    dialog.querySelector("h4").replaceChildren(photo.url);
    dialog.querySelector(".photo").replaceChildren(shown,
      make("div", { className: "answers" },
        make("p", {}, "Labelled ", make("strong", {}, photo.label), `; ${summary(photo)}. In the tables of results: ${photo.id}`),
        answers(photo, classes.length <= FEW)));
    dialog.showModal();
  }

  function append() {
    const shown = list.childElementCount;
    list.append(...found.slice(shown, shown + PAGE).map(card));
    const left = found.length - list.childElementCount;
    more.hidden = left === 0;
    more.textContent = `Show ${Math.min(left, PAGE)} more of ${left}`;
  }

  function update() {
    const chosen = Object.fromEntries(new FormData(form));
    const all = groups.get(chosen.group);
    found = all.filter((photo) => fits(photo, chosen)).sort((a, b) => a.sure - b.sure);
    list.replaceChildren();
    append();
    count.textContent = found.length ? `${found.length} of ${all.length} photos, the hardest first` : `None of the ${all.length} photos`;
  }

  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(update));
  more.addEventListener("click", () => {
    const next = list.childElementCount;
    append();
    list.children[next].querySelector("button").focus();
  });
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  app.hidden = false;
  update();
}

const app = document.getElementById("browser-app");
if (app) browse(app, JSON.parse(document.getElementById("browser-data").textContent));

/* Navigation: closed by a choice, with the section in view marked. */

const nav = document.getElementById("sections");
nav.addEventListener("click", () => nav.hidePopover?.());
const links = new Map([...nav.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
const inView = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes)
    links.get(target.id || target.getAttribute("aria-labelledby"))?.toggleAttribute("aria-current", isIntersecting);
}, { rootMargin: "-20% 0px -79% 0px" }); // one line, in the upper part of the window
document.querySelectorAll("main > section, .part").forEach((section) => inView.observe(section));

/* A link opens what it leads to, and what that is in. */

function reveal() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (!target) return;
  for (let part = target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", reveal);
document.addEventListener("click", ({ target }) => {
  const link = target.closest("a[href^='#']");
  if (link && link.hash === location.hash) reveal(); // no change, so no event
});
reveal();

/* Print shows all. */

let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const part of closed) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of closed) part.open = false;
});
