"use strict";

// Sections: the one that the address names is shown, at first the first; without a script all of them are.
const sections = [...document.querySelectorAll("main > section")];
const menu = document.getElementById("menu");
const narrow = matchMedia("(max-width: 62rem)");
const fold = () => { menu.open = !narrow.matches; };
const go = () => {
  const target = document.getElementById(location.hash.slice(1));
  const section = target?.closest("main > section") ?? sections[0];
  for (const one of sections) one.classList.toggle("shown", one === section);
  for (const link of menu.querySelectorAll("a")) {
    if (link.hash === `#${section.id}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  document.body.classList.toggle("first", section === sections[0]);
  if (target?.tagName === "DETAILS") target.open = true;
  if (target === section) scrollTo(0, 0);
  else target?.scrollIntoView();
  fold();
};
document.body.classList.add("one");
addEventListener("hashchange", go);
addEventListener("load", go);  // after the browser's own leap to what the address names
narrow.addEventListener("change", fold);
go();

// Tables: a header sorts up, down, then as it was; missing values come last; groups are never mixed.
const compare = (one, other) => {
  const [a, b] = [Number(one), Number(other)];
  return Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other, "en") : a - b;
};

const sortBy = (table, column, direction) => {
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("heading"));
    const value = (row) => row.cells[column].dataset.order;
    rows.sort((one, other) => {
      if (direction === "none") return one.dataset.place - other.dataset.place;
      const [a, b] = [value(one), value(other)];
      if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
      return direction === "ascending" ? compare(a, b) : compare(b, a);
    });
    body.append(...rows);
  }
};

const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
for (const table of document.querySelectorAll("table.grid")) {
  for (const body of table.tBodies) [...body.rows].forEach((row, place) => { row.dataset.place = place; });
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const direction = NEXT[head.getAttribute("aria-sort")];
    for (const other of heads) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", direction);
    sortBy(table, column, direction);
  }));
}

// Provenance: a number opens what the page tells of its sources; without a script it is a link to them.
const dialog = document.getElementById("behind");
const add = (parent, tag, text) => {
  const made = document.createElement(tag);
  made.textContent = text;
  parent.append(made);
  return made;
};

const open = (link) => {
  const cell = link.closest("th, td");
  const head = cell.closest("table").tHead.rows[0].cells[cell.cellIndex];
  const row = cell.parentElement.cells[0];
  const parts = [row.textContent, head.textContent, link.textContent].map((text) => text.trim());
  document.getElementById("behind-title").textContent = (cell === row ? parts.slice(0, 1) : parts).join(" · ");
  const content = document.getElementById("behind-content");
  content.replaceChildren();
  const facts = JSON.parse(link.dataset.facts);
  if (facts.length) {
    const list = add(content, "dl", "");
    for (const [name, value] of facts) {
      add(list, "dt", name);
      add(list, "dd", value);
    }
  }
  for (const key of link.dataset.sources.split(" ").filter(Boolean)) {
    const source = document.getElementById(`source-${key}`);
    add(content, "h3", source.querySelector("summary").textContent);
    content.append(source.querySelector("dl").cloneNode(true));
  }
  dialog.showModal();
};

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.number");
  if (link && dialog.showModal) {
    event.preventDefault();
    open(link);
  } else if (event.target === dialog) {
    dialog.close();
  }
});

// Light and dark: as the system has it until one is chosen, which this browser remembers where it may.
const button = document.getElementById("theme");
const THEMES = { system: "light", light: "dark", dark: "system" };
const remember = (theme) => { try { localStorage.setItem("theme", theme); } catch { /* not kept */ } };
const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
const show = (theme) => {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  button.querySelector("span").textContent = theme;
};
let theme = remembered() in THEMES ? remembered() : "system";
show(theme);
button.hidden = false;
button.addEventListener("click", () => {
  theme = THEMES[theme];
  show(theme);
  remember(theme);
});
