// The last run: what became of the nodes, when each was worked on, what took long, what was saved.

function showRun() {
  const run = data.run;
  const inside = element("div", { class: "inside" });
  byId("run").replaceChildren(inside);
  if (!run) {
    inside.append(element("h2", {}, "No run yet"), element("p", {}, "Bring the project up to date, then draw this page again:"),
      element("pre", {}, "fftcas build\nfftcas report"), runsOver() || "");
    return;
  }
  inside.append(
    element("h2", {}, run.exit_code === 0 ? "The last run" : `The last run ended with exit code ${run.exit_code}`),
    element("p", { class: "sub" }, `${run.command} · ${dayText(run.started_at)} UTC · ${run.run_id}`),
    cards(run), statusPanel(run),
    ...failures(),
    timeline(run), ...[budgets(run)].filter(Boolean),
    element("div", { class: "columns" }, [slowest(run), runsOver()].filter(Boolean)));
}

function panel(title, note, ...children) {
  return element("div", { class: "panel" }, element("h3", {}, title, note ? element("small", {}, note) : null), ...children);
}

function cards(run) {
  const counts = run.summary;
  const hits = counts.fresh + counts.restored;
  const ran = hits + counts.built + counts.failed;
  const seconds = (Date.parse(run.finished_at) - Date.parse(run.started_at)) / 1000;
  const card = (name, value, note) => element("div", { class: "tile" }, element("small", {}, name), element("b", {}, value), element("small", {}, note));
  const saved = run.saved;
  return element("div", { class: "cards" },
    card("took", durationText(seconds), `${countText(counts.built, "node")} built`),
    card("hits", ran ? `${Math.round((100 * hits) / ran)} %` : "–", `${hits} of ${countText(ran, "node")}`),
    card("time saved", durationText(saved.seconds || 0), "what the hits once took"),
    card("not made again", bytesText(saved.bytes || 0), countText(saved.rows || 0, "row")));
}

function statusPanel(run) {
  const present = STATUSES.filter((status) => run.summary[status]);
  return element("div", { class: "panel" },
    element("div", { class: "share" }, present.map((status) => element("span", { class: status, style: { flexGrow: run.summary[status] } }))),
    element("div", { class: "key" }, present.map((status) => element("span", {}, dot(status), `${run.summary[status]} ${status}`))));
}

// The first failures in full, the others by name.
function failures() {
  const failed = nodes.map((node, i) => i).filter((i) => nodes[i].error);
  const links = (some) => element("div", { class: "links" }, some.map((i) => nodeButton(i)));
  const panels = failed.slice(0, 4).map((i) => panel(links([i]), "", element("pre", { class: "error" }, nodes[i].error)));
  if (failed.length > 4) panels.push(panel(`${failed.length - 4} more failed`, "", links(failed.slice(4))));
  return panels;
}

function timeline(run) {
  if (!run.spans.length) return panel("Timeline", "", element("p", { class: "soft" }, "Nothing had to be worked on: everything was there already."));
  const end = Math.max(...run.spans.map((span) => span[2]));
  const critical = new Set(run.critical);
  const lanes = [];
  for (const [i, from, to, worker] of run.spans) {
    while (lanes.length <= worker) lanes.push(element("div", { class: "lane" }));
    const wide = (to - from) / end > 0.06;
    const kind = `${nodes[i].status} ${critical.has(i) ? "critical" : ""} ${wide ? "padded" : ""}`;
    lanes[worker].append(element("button", { class: kind, title: `${nodes[i].label}\n${durationText(to - from)}, ${nodes[i].status}`, "aria-label": nodes[i].label,
      style: { left: `${(100 * from) / end}%`, width: `${(100 * (to - from)) / end}%` }, onclick: () => select(i) }, wide ? nodes[i].name : ""));
  }
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => element("span", { style: { left: `${100 * part}%` } }, durationText(end * part)));
  const long = run.spans.filter((span) => critical.has(span[0])).reduce((sum, span) => sum + span[2] - span[1], 0);
  const path = run.critical.flatMap((i, at) => [at ? element("span", {}, "→") : null, element("button", { onclick: () => select(i) }, nodes[i].name)]);
  return panel("Timeline", `${countText(lanes.length, "worker")}; outlined: the critical path, ${durationText(long)}`,
    element("div", { class: "lanes" }, lanes), element("div", { class: "axis" }, ticks), element("div", { class: "path" }, path));
}

function budgets(run) {
  const all = [];
  const add = (scope, metrics) => Object.entries(metrics).forEach(([metric, facts]) => all.push([scope, metric, facts]));
  add("total", run.budgets.total || {});
  Object.entries(run.budgets.models || {}).forEach(([label, metrics]) => add(label, metrics));
  Object.entries(run.budgets.tags || {}).forEach(([tag, metrics]) => add(`tag ${tag}`, metrics));
  if (!all.length) return null;
  const amount = (metric, value) => (metric === "bytes_scanned" ? bytesText(value) : metric === "rows" ? countText(value, "row") : durationText(value / 1000));
  return panel("Budgets", "", table(["of", "metric", "spent", "warns above", "stops above", ""], all.map(([scope, metric, facts]) => {
    const most = facts.error || facts.warn;
    const meter = element("div", { class: "meter", style: { width: "120px" } }, element("span", { class: facts.status, style: { width: most ? `${Math.min(100, (100 * facts.value) / most)}%` : "0" } }));
    return [scope, metric.replaceAll("_", " ").replace(" ms", ""), amount(metric, facts.value), facts.warn ? amount(metric, facts.warn) : "", facts.error ? amount(metric, facts.error) : "", meter];
  }), [2, 3, 4]));
}

function slowest(run) {
  const rows = [...run.spans].sort((a, b) => b[2] - b[1] - (a[2] - a[1])).slice(0, 10);
  if (!rows.length) return null;
  return panel("What took longest", "", table(["node", "took", "rows"], rows.map(([i, from, to]) => [
    element("span", { class: "links" }, nodeButton(i)), durationText(to - from), nodes[i].rows === null || nodes[i].rows === undefined ? "" : nodes[i].rows.toLocaleString("en")]), [1, 2]));
}

function runsOver() {
  if (!data.runs.length) return null;
  const runs = [...data.runs].reverse();
  const saved = runs.reduce((sum, run) => sum + run.saved, 0);
  const bars = runs.map((run) => {
    const title = `${dayText(run.started)} ${run.branch || ""}\n${Object.entries(run.summary).filter((e) => e[1]).map(([status, n]) => `${n} ${status}`).join(", ")}\nsaved ${durationText(run.saved)}`;
    return element("div", { title, style: { height: "100%" } }, ["fresh", "restored", "built", "skipped", "failed"].map((status) => element("span", { class: status, style: { flexGrow: run.summary[status] || 0 } })));
  });
  const rows = data.runs.slice(0, 8).map((run) => [dayText(run.started), run.branch || "", String(run.summary.built || 0), String((run.summary.fresh || 0) + (run.summary.restored || 0)), durationText(run.saved)]);
  return panel("Runs", `the last ${runs.length} saved ${durationText(saved)}`, element("div", { class: "month" }, bars),
    element("div", { style: { marginTop: "12px" } }, table(["started", "branch", "built", "hits", "saved"], rows, [2, 3, 4])));
}
