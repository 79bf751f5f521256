"use strict";
// What all parts share: the data, elements, words for amounts, the theme, and the state that they show.

const data = JSON.parse(document.getElementById("data").textContent);
const nodes = data.nodes;
const byLabel = new Map(nodes.map((node, i) => [node.label, i]));
const STATUSES = ["built", "restored", "fresh", "skipped", "failed", "none"];
const STATUS_WORDS = { none: "not in the last run" };
const KINDS = { sql: "SQL", python: "PY", seed: "SEED", source: "SOURCE" };
const state = { selected: null, view: document.body.dataset.view, search: "", status: "", kind: "", tag: "", package: "" };

const byId = (id) => document.getElementById(id);

// Texts become text nodes: nothing of the data is ever taken for HTML.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(made.style, value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function drawing(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function bytesText(size) {
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (size >= 1023.95 && unit < units.length - 1) { size /= 1024; unit += 1; }
  return `${unit === 0 || size >= 99.95 ? size.toFixed(0) : size.toFixed(1)} ${units[unit]}`;
}

function durationText(seconds) {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 3599.5) return `${Math.floor(seconds / 60)} min ${Math.round(seconds) % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round(seconds / 60) % 60} min`;
}

const countText = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
const dayText = (iso) => (iso || "").slice(0, 16).replace("T", " ");
const short = (text, length) => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);
const dot = (status) => element("span", { class: `dot ${status}` });
const statusWord = (status) => STATUS_WORDS[status] || status;

function nodeButton(i, text) {
  return element("button", { onclick: () => select(i), title: nodes[i].label }, dot(nodes[i].status), text || nodes[i].label);
}

function remembered(name) {
  try { return localStorage.getItem(name); } catch { return null; } // some browsers have none for files
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("fftcas-theme", theme); } catch { /* then it lasts as long as the page */ }
}

function toggleTheme() {
  setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
}

document.documentElement.dataset.theme =
  remembered("fftcas-theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
