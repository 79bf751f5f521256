// The graph: boxes and edges in one SVG, moved and scaled as a whole.

const canvas = byId("canvas");
const world = drawing("g");
const [BOX_WIDTH, BOX_HEIGHT] = data.box;
const view = { x: 0, y: 0, scale: 1 };
const boxes = [];
const lines = [];

function drawGraph() {
  for (const [from, to, points] of data.edges) {
    const line = drawing("path", { class: "edge", d: curve(points) });
    lines.push({ from, to, line });
    world.append(line);
  }
  nodes.forEach((node, i) => {
    const box = drawing("g", { class: `box ${node.status}`, transform: `translate(${node.x} ${node.y})`, "data-node": i },
      drawing("title"),
      drawing("rect", { class: "card", width: BOX_WIDTH, height: BOX_HEIGHT, rx: 9 }),
      drawing("rect", { class: "tint", width: BOX_WIDTH, height: BOX_HEIGHT, rx: 9 }),
      drawing("path", { class: "band", d: `M9 0H5V${BOX_HEIGHT}H9A9 9 0 0 1 0 ${BOX_HEIGHT - 9}V9A9 9 0 0 1 9 0Z` }),
      drawing("text", { class: "name", x: 15, y: 20 }, short(node.name, 22)),
      drawing("text", { class: "facts", x: 15, y: 36 }, boxFacts(node)),
      drawing("text", { class: "kind", x: BOX_WIDTH - 9, y: 36 }, node.http ? "HTTP" : KINDS[node.kind] || node.kind));
    box.firstChild.textContent = `${node.label}\n${statusWord(node.status)}${node.reason ? `: ${node.reason}` : ""}`;
    boxes.push(box);
    world.append(box);
  });
  canvas.append(world);
  if (!nodes.length) byId("graph").append(element("p", { class: "empty" }, "This project has no nodes yet: put a model under models/."));
  listen();
}

function curve(points) {
  let path = `M${points[0][0]} ${points[0][1]}`;
  for (let i = 1; i < points.length; i += 1) {
    const [ax, ay] = points[i - 1];
    const [bx, by] = points[i];
    const middle = (ax + bx) / 2;
    path += ay === by ? `L${bx} ${by}` : `C${middle} ${ay} ${middle} ${by} ${bx} ${by}`;
  }
  return path;
}

function boxFacts(node) {
  const words = [];
  if (node.rows !== null && node.rows !== undefined) words.push(countText(node.rows, "row"));
  else if (node.materialized !== "table" && node.kind === "sql") words.push(node.materialized);
  if (node.status === "built" || node.status === "restored") words.push(durationText(node.duration_ms / 1000));
  if (!words.length && node.materialized) words.push(node.materialized);
  if (!words.length) words.push(node.kind);
  return words.join(" · ");
}

function move() {
  world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
  canvas.style.backgroundPosition = `${view.x}px ${view.y}px`;
  world.classList.toggle("far", view.scale < 0.62);
  world.classList.toggle("farther", view.scale < 0.3);
}

function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const scale = Math.min(2.5, Math.max(0.03, view.scale * factor));
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  move();
}

// Show a part of the graph whole; without a part, all of it.
function fit(some = nodes) {
  if (!some.length) return;
  const left = Math.min(...some.map((n) => n.x)), right = Math.max(...some.map((n) => n.x + BOX_WIDTH));
  const top = Math.min(...some.map((n) => n.y)), bottom = Math.max(...some.map((n) => n.y + BOX_HEIGHT));
  const width = canvas.clientWidth, height = canvas.clientHeight - 60;
  view.scale = Math.min(1.25, Math.max(0.03, Math.min((width - 90) / (right - left), (height - 60) / (bottom - top))));
  view.x = (width - (left + right) * view.scale) / 2;
  view.y = (height - (top + bottom) * view.scale) / 2 + 8;
  move();
}

// Bring a node and what it touches into sight, in a size that can be read.
function reveal(i) {
  const around = [i, ...nodes[i].inputs, ...nodes[i].readers].map((j) => nodes[j]);
  const inside = (n) => {
    const x = n.x * view.scale + view.x, y = n.y * view.scale + view.y;
    return x > 10 && y > 10 && x + BOX_WIDTH * view.scale < canvas.clientWidth - 10 && y + BOX_HEIGHT * view.scale < canvas.clientHeight - 60;
  };
  if (view.scale >= 0.5 && around.every(inside)) return;
  const scale = view.scale;
  fit();
  if (view.scale >= 0.7) return; // all of it can be read
  fit(around);
  const readable = Math.max(0.62, Math.min(view.scale, Math.max(scale, 0.9)));
  zoom(readable / view.scale);
  if (inside(nodes[i])) return;
  view.x = canvas.clientWidth / 2 - (nodes[i].x + BOX_WIDTH / 2) * view.scale;
  view.y = canvas.clientHeight / 2 - (nodes[i].y + BOX_HEIGHT / 2) * view.scale;
  move();
}

function reach(start, next) {
  const seen = new Set([start]);
  for (const i of seen) for (const j of nodes[i][next]) seen.add(j);
  return seen;
}

function markSelection() {
  const chosen = state.selected;
  world.classList.toggle("focused", chosen !== null);
  const above = chosen === null ? new Set() : reach(chosen, "inputs");
  const below = chosen === null ? new Set() : reach(chosen, "readers");
  boxes.forEach((box, i) => {
    box.classList.toggle("selected", i === chosen);
    box.classList.toggle("near", above.has(i) || below.has(i));
  });
  for (const { from, to, line } of lines) {
    line.classList.toggle("near", (above.has(from) && above.has(to)) || (below.has(from) && below.has(to)));
  }
}

function listen() {
  let grip = null;
  canvas.addEventListener("pointerdown", (event) => {
    grip = { x: event.clientX - view.x, y: event.clientY - view.y, startX: event.clientX, startY: event.clientY, moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!grip) return;
    if (!grip.moved && Math.hypot(event.clientX - grip.startX, event.clientY - grip.startY) < 4) return;
    if (!grip.moved) canvas.setPointerCapture(event.pointerId);
    grip.moved = true;
    canvas.classList.add("dragging");
    view.x = event.clientX - grip.x;
    view.y = event.clientY - grip.y;
    move();
  });
  canvas.addEventListener("pointerup", (event) => {
    const moved = grip && grip.moved;
    grip = null;
    canvas.classList.remove("dragging");
    if (moved) return;
    const box = event.target.closest(".box");
    select(box ? Number(box.dataset.node) : null);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const bounds = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX - bounds.left, event.clientY - bounds.top);
  }, { passive: false });
  byId("zoom-in").addEventListener("click", () => zoom(1.35));
  byId("zoom-out").addEventListener("click", () => zoom(1 / 1.35));
  byId("zoom-fit").addEventListener("click", () => fit());
}
