"use strict";
// Progressive enhancement: sortable and filterable tables, and the photo browser.
// Without JavaScript all tables and figures are shown in full.

const make = (tag, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
};

/* Tables */

const MANY = 8; // tables with at least this many rows have a filter

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

const bodyRows = (body) => [...body.rows].filter((row) => !row.matches(".heading, .total"));

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

function sortable(table) {
  const order = new Map([...table.rows].map((row, place) => [row, place]));
  const columns = headers(table);
  columns.forEach((header, column) => {
    const numeric = header.classList.contains("number");
    const cycle = numeric ? ["descending", "ascending", null] : ["ascending", "descending", null];
    const button = make("button", { type: "button", className: "sort" }, ...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const now = cycle[(cycle.indexOf(header.getAttribute("aria-sort")) + 1) % 3];
      columns.forEach((other) => other.removeAttribute("aria-sort"));
      if (now) header.setAttribute("aria-sort", now);
      const sign = now === "descending" ? -1 : 1;
      for (const body of table.tBodies) {
        const rows = bodyRows(body);
        const after = rows.at(-1)?.nextSibling ?? null;
        const keys = new Map(rows.map((row) => [row, keyOf(row, column, numeric)]));
        rows.sort((a, b) => order.get(a) - order.get(b));
        if (now) rows.sort((a, b) => compare(keys.get(a), keys.get(b), numeric, sign));
        rows.forEach((row) => body.insertBefore(row, after));
      }
    });
  });
}

function filterable(table) {
  const rows = [...table.tBodies].flatMap(bodyRows);
  if (rows.length < MANY) return;
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
  if ([...table.tBodies].some((body) => bodyRows(body).length > 1)) sortable(table);
  filterable(table);
}

/* The photo browser */

const PAGE = 30; // photos per page

function browse(app, data) {
  const { models, classes, photos, overlays } = data;
  const percent = (millionths) => `${Math.round(millionths / 1e4)} %`;
  const predicted = (answer) => answer.indexOf(Math.max(...answer));
  const groups = new Map(data.groups.map((group) => [group.name, group.photos.map(known)]));
  const form = app.querySelector("form");
  const list = app.querySelector("ol");
  const more = app.querySelector(".more");
  const count = app.querySelector("output");
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

  function bar({ answer, says, truth }) {
    const words = classes.map((label, i) => `${label} ${percent(answer[i])}`).join(", ");
    const segments = answer.map((share, i) => {
      const segment = make("span", { className: i === says ? "says" : "" });
      segment.style.flexGrow = share;
      segment.style.setProperty("--class", `var(--class-${hue(i, says, truth)})`);
      return segment;
    });
    return make("span", { className: "bar", title: words, role: "img", ariaLabel: words }, ...segments);
  }

  // The thumbnail, with the saliency map of the model `saliency` as an overlay, where available.
  function picture(photo, saliency) {
    const image = make("img", { src: photo.thumbnail, alt: `Photo ${photo.id}`, loading: "lazy", decoding: "async" });
    const shown = make("span", { className: "picture" }, image);
    const overlay = saliency && overlays[saliency][photo.place];
    if (overlay) {
      const [src, ...place] = overlay;
      const map = make("img", { src, className: "overlay", alt: `saliency map of ${saliency}` });
      ["left", "top", "width", "height"].forEach((side, i) => { map.style[side] = `${place[i]}%`; });
      shown.append(map);
    }
    return shown;
  }

  function card(photo) {
    const rows = photo.given.map((one) => make("li", { className: one.right ? "" : "wrong" },
      make("span", { title: one.model }, one.model),
      bar(one),
      make("span", { className: "said", title: classes[one.says] },
        make("span", { ariaHidden: "true" }, one.right ? "✓ " : "✗ "),
        make("span", { className: "unseen" }, one.right ? "correct: " : "wrong: "),
        classes[one.says]),
      make("span", { className: "said number" }, percent(one.answer[one.says]))));
    const wrong = photo.given.filter(({ right }) => !right).length;
    const summary = wrong ? `${wrong} of ${photo.given.length} wrong` : "all correct";
    return make("li", { className: "card", tabIndex: -1 },
      make("div", { className: "photo" }, picture(photo, form.elements.look?.value),
        make("p", {}, make("strong", {}, photo.label), make("span", { className: "note" }, summary),
          make("span", { className: "note id" }, photo.id))),
      make("ul", {}, ...rows));
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
    list.children[next].focus();
  });
  app.hidden = false;
  update();
}

const app = document.getElementById("browser-app");
if (app) browse(app, JSON.parse(document.getElementById("browser-data").textContent));

/* A link into the config opens it, also in browsers that do not do so automatically. */

function reveal() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const closed = target && target.closest("details:not([open])");
  if (closed) {
    closed.open = true;
    target.scrollIntoView();
  }
}
addEventListener("hashchange", reveal);
reveal();
