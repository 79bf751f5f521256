// Search, filters, the list of nodes, keys, and what is shown at first.

const FILTERS = { status: "status", kind: "kind", tag: "tag", package: "package" };
const haystack = nodes.map((node) => [node.label, node.path, node.description, ...node.tags, ...node.columns.map((c) => c[0]), node.rendered || node.code || ""].join("\n").toLowerCase());
const items = [];

function select(i) {
  state.selected = i;
  history.replaceState(null, "", i === null ? location.pathname + location.search : `#${encodeURI(nodes[i].label)}`);
  showNode();
  markSelection();
  items.forEach((item) => item.button.setAttribute("aria-current", item.node === i));
  if (i !== null && state.view === "graph") {
    reveal(i);
    items.find((item) => item.node === i)?.button.scrollIntoView({ block: "nearest" });
  }
}

function matches(node, i) {
  return (!state.status || node.status === state.status) && (!state.kind || node.kind === state.kind) && (!state.tag || node.tags.includes(state.tag))
    && (!state.package || node.package === state.package || node.package.startsWith(`${state.package}/`))
    && state.search.toLowerCase().split(/\s+/).every((word) => haystack[i].includes(word));
}

function filter() {
  const found = nodes.map(matches);
  const count = found.filter(Boolean).length;
  const all = count === nodes.length;
  byId("count").textContent = all ? countText(count, "node") : `${count.toLocaleString("en")} of ${countText(nodes.length, "node")}`;
  world.classList.toggle("filtered", !all);
  boxes.forEach((box, i) => box.classList.toggle("dim", !found[i]));
  items.forEach((item) => { item.row.hidden = item.node === null ? !item.of.some((i) => found[i]) : !found[item.node]; });
  document.querySelectorAll("#legend button").forEach((button) => button.setAttribute("aria-pressed", button.dataset.status === state.status));
  for (const name of Object.keys(FILTERS)) { const chosen = byId(`filter-${name}`); chosen.value = state[name]; chosen.classList.toggle("on", Boolean(state[name])); }
  return found;
}

function filterAndFit() {
  const found = filter();
  if (state.view === "graph" && (state.search || Object.keys(FILTERS).some((name) => state[name]))) fit(nodes.filter((_, i) => found[i]));
}

function buildSide() {
  const values = { status: STATUSES.filter((s) => nodes.some((n) => n.status === s)), kind: [...new Set(nodes.map((n) => n.kind))].sort(),
    tag: [...new Set(nodes.flatMap((n) => n.tags))].sort(), package: [...new Set(nodes.map((n) => n.package))].sort() };
  for (const name of Object.keys(FILTERS)) {
    const options = values[name].map((value) => element("option", { value }, name === "status" ? statusWord(value) : value));
    byId("filters").append(element("select", { id: `filter-${name}`, "aria-label": name, onchange: (event) => { state[name] = event.target.value; filterAndFit(); } },
      element("option", { value: "" }, `any ${name}`), options));
  }
  for (const name of values.package) {
    const members = nodes.map((node, i) => i).filter((i) => nodes[i].package === name).sort((a, b) => (nodes[a].name < nodes[b].name ? -1 : 1));
    const head = element("li", { class: "package" }, name);
    items.push({ row: head, node: null, of: members, button: head });
    byId("list").append(head);
    for (const i of members) {
      const button = element("button", { title: nodes[i].label, onclick: () => select(i) }, dot(nodes[i].status), element("span", {}, nodes[i].name), element("small", {}, KINDS[nodes[i].kind] || nodes[i].kind));
      const row = element("li", {}, button);
      items.push({ row, node: i, button });
      byId("list").append(row);
    }
  }
  for (const status of values.status) {
    const count = nodes.filter((node) => node.status === status).length;
    byId("legend").append(element("button", { "data-status": status, onclick: () => { state.status = state.status === status ? "" : status; filterAndFit(); } },
      dot(status), statusWord(status), element("b", {}, String(count))));
  }
}

function show(name) {
  state.view = name;
  document.body.dataset.view = name;
  document.querySelectorAll("nav button").forEach((tab) => tab.setAttribute("aria-selected", tab.dataset.view === name));
  if (name === "graph") { fit(); if (state.selected !== null) reveal(state.selected); }
}

// Arrows follow the edges to the left and right, and go up and down among the nodes nearby.
function step(key) {
  if (state.selected === null) { select(0); return; }
  const here = nodes[state.selected];
  const side = { ArrowLeft: here.inputs, ArrowRight: here.readers }[key];
  const some = side || nodes.map((_, i) => i).filter((i) => nodes[i].x === here.x && (key === "ArrowUp" ? nodes[i].y < here.y : nodes[i].y > here.y));
  const near = [...some].sort((a, b) => Math.abs(nodes[a].y - here.y) - Math.abs(nodes[b].y - here.y))[0];
  if (near !== undefined) select(near);
}

function onKey(event) {
  document.body.classList.add("keys");
  const writing = ["INPUT", "SELECT"].includes(event.target.tagName);
  if (event.key === "Escape") {
    if (writing && state.search) { byId("search").value = ""; state.search = ""; filter(); } else if (writing) event.target.blur(); else select(null);
    return;
  }
  if (writing && event.key === "Enter" && event.target.id === "search") {
    const found = nodes.findIndex((node, i) => matches(node, i) && node.name.toLowerCase().includes(state.search.toLowerCase()));
    const first = found >= 0 ? found : nodes.findIndex(matches);
    if (first >= 0) { select(first); event.target.blur(); canvas.focus({ preventScroll: true }); }
    return;
  }
  if (writing || event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const actions = { "/": () => byId("search").focus(), t: toggleTheme, f: () => fit(), "+": () => zoom(1.35), "-": () => zoom(1 / 1.35), g: () => show("graph"), r: () => show("run"), "?": () => byId("help").showModal() };
  if (actions[event.key]) { event.preventDefault(); actions[event.key](); } else if (event.key.startsWith("Arrow") && state.view === "graph" && (event.target === canvas || event.target === document.body)) { event.preventDefault(); step(event.key); }
}

function main() {
  byId("project").textContent = data.project;
  byId("profile").textContent = `${data.profile} · ${data.engine}`;
  drawGraph();
  buildSide();
  showRun();
  filter();
  const keys = [["/", "search; Enter opens the first that is found"], ["← →", "along the edges"], ["↑ ↓", "within the column"], ["f", "show everything"], ["+ −", "zoom"], ["g", "graph"], ["r", "last run"], ["t", "light or dark"], ["Esc", "close"]];
  byId("help").append(element("h2", { style: { margin: "0", fontSize: "16px" } }, "Keys"), element("dl", {}, keys.flatMap(([key, word]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, word)])),
    element("form", { method: "dialog", style: { marginTop: "16px", textAlign: "right" } }, element("button", { class: "pill" }, "Close")));
  byId("search").addEventListener("input", (event) => { state.search = event.target.value.trim(); filterAndFit(); });
  byId("theme").addEventListener("click", toggleTheme);
  byId("help-button").addEventListener("click", () => byId("help").showModal());
  document.querySelectorAll("nav button").forEach((tab) => tab.addEventListener("click", () => show(tab.dataset.view)));
  document.addEventListener("keydown", onKey);
  document.addEventListener("pointerdown", () => document.body.classList.remove("keys"));
  let label = "";
  try { label = decodeURI(location.hash.slice(1)); } catch { /* a link that someone has cut */ }
  show(state.view);
  if (byLabel.has(label)) select(byLabel.get(label));
  document.documentElement.dataset.drawn = String(Math.round(performance.now()));
}

main();
