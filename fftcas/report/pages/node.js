// The panel that tells all about one node.

function showNode() {
  const panel = byId("node");
  panel.hidden = state.selected === null;
  if (panel.hidden) return;
  const node = nodes[state.selected];
  panel.replaceChildren(...[
    element("button", { class: "close", "aria-label": "Close", title: "Close (Esc)", onclick: () => select(null) }, "×"),
    element("h2", {}, node.name),
    element("p", { class: "sub mono" }, node.label),
    element("div", { class: "pills" },
      element("span", { class: `pill status ${node.status}` }, statusWord(node.status)),
      element("span", { class: "pill" }, node.kind),
      node.materialized && node.kind !== "source" ? element("span", { class: "pill" }, node.materialized) : null,
      node.tags.map((tag) => element("span", { class: "pill tag" }, tag))),
    node.description ? element("p", {}, node.description) : null,
    why(node), codeOf(node), neighbours(node), columnsOf(node), sampleOf(node), keyOf(node), historyOf(node),
  ].filter(Boolean));
  panel.scrollTop = 0;
}

function section(title, note, ...children) {
  return element("section", {}, element("h3", {}, title, note ? element("small", {}, note) : null), ...children);
}

function why(node) {
  const facts = [["file", node.path], ["relation", node.relation]];
  if (node.status !== "none") {
    facts.unshift(["why", node.status === "failed" ? "" : node.reason]);
    if (node.source) facts.push(["from", node.source === "remote" ? "the remote directory" : "the store on this machine"]);
    if (node.status === "built") facts.push(["took", `${durationText(node.duration_ms / 1000)}, its own code ${durationText(node.query_duration_ms / 1000)}`]);
    if (node.bytes_scanned) facts.push(["scanned", bytesText(node.bytes_scanned)]);
    if (node.rows !== null) facts.push(["holds", `${countText(node.rows, "row")}, ${bytesText(node.bytes)}`]);
    if (node.http) facts.push(["HTTP", `${countText(node.http.requests, "request")}, ${node.http.cache_hits} from the store${node.http.used_offline ? ", offline" : ""}`]);
  }
  const grid = element("dl", { class: "facts-grid" }, facts.filter((f) => f[1]).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  return section("In the last run", "", grid, node.error ? element("pre", { class: "error", style: { marginTop: "10px" } }, node.error) : null);
}

function codeOf(node) {
  if (!node.code && !node.rendered) return null;
  const place = element("div");
  const texts = [["rendered", node.rendered], ["file", node.code]].filter((text) => text[1]);
  const switches = texts.map(([name, text]) => element("button", { onclick: () => show(name, text) }, name));
  function show(name, text) {
    switches.forEach((button) => button.setAttribute("aria-pressed", button.textContent === name));
    place.replaceChildren(highlighted(text.trim(), node.kind));
  }
  show(...texts[texts.length - 1]);
  const title = element("h3", {}, node.kind === "sql" ? "SQL" : "Python", element("span", { class: "switch" }, texts.length > 1 ? switches : null));
  return element("section", {}, title, place);
}

function neighbours(node) {
  const part = (title, some) => (some.length ? section(title, String(some.length), element("div", { class: "links" }, some.map((i) => nodeButton(i)))) : null);
  const both = [part("Reads", node.inputs), part("Is read by", node.readers)].filter(Boolean);
  return both.length ? element("div", {}, both) : null;
}

function table(heads, rows, numbers = []) {
  const kind = (i) => (numbers.includes(i) ? "number" : "");
  return element("div", { class: "scroll", tabindex: "0" }, element("table", {},
    element("thead", {}, element("tr", {}, heads.map((head, i) => element("th", { class: kind(i), scope: "col" }, head)))),
    element("tbody", {}, rows.map((row) => element("tr", {}, row.map((value, i) => element("td", { class: kind(i) }, value)))))));
}

function columnsOf(node) {
  if (!node.columns.length) return null;
  const rows = node.columns.map(([name, type, size]) => [element("span", { class: "mono" }, name), element("span", { class: "soft mono" }, type), bytesText(size)]);
  return section("Columns", String(rows.length), table(["name", "type", "size"], rows, [2]));
}

function sampleOf(node) {
  if (!node.sample.length) return null;
  const note = node.rows > node.sample.length ? `the first ${node.sample.length}` : "all of them";
  return section("Rows", note, table(node.columns.map((column) => column[0]), node.sample));
}

function keyOf(node) {
  if (!node.ingredients.length) return null;
  const rows = node.ingredients.map(([name, value]) => [element("span", { class: "mono" }, name), element("span", { class: "mono soft" }, value)]);
  const reads = node.reads.map(([label, columns, output]) => [
    byLabel.has(label) ? element("span", { class: "links" }, nodeButton(byLabel.get(label))) : label,
    element("span", { class: "mono soft" }, columns.length ? short(columns.join(", "), 60) : "all columns"), element("span", { class: "mono soft" }, output.slice(0, 12))]);
  return section("What its key is made of", node.derivation ? node.derivation.slice(0, 16) : "", table(["ingredient", "value"], rows),
    reads.length ? element("div", { style: { marginTop: "10px" } }, table(["input", "columns read", "output"], reads)) : null);
}

function historyOf(node) {
  if (!node.history.length) return null;
  const longest = Math.max(...node.history.map((build) => build[4]), 0.001);
  const chart = drawing("svg", { class: "bars", viewBox: `0 0 ${node.history.length * 22} 56`, preserveAspectRatio: "xMinYMax meet", role: "img", "aria-label": "duration of each build, oldest first" });
  [...node.history].reverse().forEach((build, i) => {
    const height = Math.max(2, (52 * build[4]) / longest);
    chart.append(drawing("rect", { x: i * 22, y: 56 - height, width: 17, height, rx: 3 }, drawing("title")));
    chart.lastChild.firstChild.textContent = `${dayText(build[0])}: ${durationText(build[4])}`;
  });
  const rows = node.history.map(([at, output, count, size, seconds, , now]) => [dayText(at), element("span", { class: "mono" }, output.slice(0, 12), now ? " ✓" : ""),
    count === null ? "" : count.toLocaleString("en"), count === null ? "" : bytesText(size), durationText(seconds)]);
  return section("What it was built into", "✓ is in place now", node.history.length > 1 ? chart : null, table(["built", "output", "rows", "size", "took"], rows, [2, 3, 4]));
}
