// Draws a dimension line for every axis: end ticks, the set's interval as a bar, the cell as a tick, name and length.
import { placeLabels, silhouette } from "./labels.js";
import { displayIndex, shiftOf, worldAt } from "./scene.js";
import { flatten, product, runs } from "./sets.js";

const MAX_BARS = 64;

/** What each axis is called: "H·W" and 16. */
function titleOf(names, axes, sizes) {
  return { name: axes.map((k) => names[k]).join("·"), length: product(axes.map((k) => sizes[k])) };
}

/** The world extent, along display axis d, of the box the rulers measure: the first column, the last row. */
function measured(scene, d) {
  const block = scene.blocks.find((b) => b.row === scene.plan.wall.rows - 1 && b.col === 0);
  return [block.off[d] - scene.len[d] / 2, block.off[d] + scene.len[d] / 2];
}

/** One ruler for each display axis in use, and one for separate boxes standing in a row. */
function rulerItems(g, view, B, small) {
  const { plan, scene, names } = view;
  const size = small ? 13 : 17;
  const fonts = [`italic 600 ${size + 1}px ${view.theme.serif}`, `500 ${size - 1}px ${view.theme.font}`];
  const off = small ? 9 : 15;
  const items = [];
  const add = (key, d, axes, edges, extra, at) => {
    const title = titleOf(names, axes, plan.sizes);
    g.font = fonts[0];
    const first = g.measureText(title.name).width;
    g.font = fonts[1];
    const second = g.measureText(` = ${title.length}`).width;
    const line = off + extra;
    const text = [title.name, ` = ${title.length}`];
    const label = { w: first + second + 4, h: size + 6, off: line + (small ? 6 : 9), turn: small && d === 1 };
    items.push({ key, d, edges, at, axes, fonts, line, first, text, ...label });
  };
  const long = (list) => list.filter((e) => e.length > 14);
  silhouette(B, scene.hull, (d) => measured(scene, d)).forEach((edges, d) => {
    if (!plan.d[d].length || !long(edges).length) return;
    const base = measured(scene, d)[0] + scene.len[d] / 2;
    add("xyz"[d], d, plan.d[d], long(edges), 0, (i, end) => base + worldAt(scene, d, i + (end ? 1 : 0), shiftOf(scene, d, i)));
  });
  const { wall } = plan;
  if (wall.count > 1 && wall.rows === 1) {
    const edges = long(silhouette(B, scene.hull)[2]);
    const at = (i, end) => scene.blocks[i].off[2] + (end ? -0.5 : 0.5) * scene.len[2];
    if (edges.length) add("grid", 2, plan.grid, edges, plan.d[2].length ? (small ? 30 : 50) : 0, at);
  }
  return items;
}

function drawTitle(g, view, { item, rect, rotated }) {
  const { theme } = view;
  g.save();
  g.translate(rect.x + rect.w / 2, rect.y + rect.h / 2);
  if (rotated) g.rotate(-Math.PI / 2);
  g.textBaseline = "middle";
  g.textAlign = "left";
  g.font = item.fonts[0];
  g.fillStyle = theme.text;
  g.fillText(item.text[0], -item.w / 2, 0);
  g.font = item.fonts[1];
  g.fillStyle = theme.text2;
  g.fillText(item.text[1], -item.w / 2 + item.first + 1, 0);
  g.restore();
}

function drawLine(g, view, B, placed, small) {
  const { theme, boxes, cell, plan } = view;
  const { item, edge } = placed;
  const [nx, ny] = edge.normal;
  const out = (p, by) => [p[0] + nx * by, p[1] + ny * by];
  const on = (world) => {
    const q = [...edge.corner];
    q[item.d] = world;
    return out(B.project(q), item.line);
  };
  const stroke = (a, b, color, width, grow = 0) => {
    const l = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
    const [ux, uy] = l > 0.01 ? [(b[0] - a[0]) / l, (b[1] - a[1]) / l] : edge.along;
    g.strokeStyle = color;
    g.lineWidth = width;
    g.beginPath();
    g.moveTo(a[0] - ux * grow, a[1] - uy * grow);
    g.lineTo(b[0] + ux * grow, b[1] + uy * grow);
    g.stroke();
  };
  g.lineCap = "butt";
  for (const end of [edge.p, edge.q]) stroke(out(end, item.line > 20 ? item.line - 5 : 3), out(end, item.line + 4), theme.edge, 1);
  stroke(out(edge.p, item.line), out(edge.q, item.line), theme.edge, 1);
  if (!cell) return;
  const width = view.mode === "values" ? 3 : 6;
  for (const box of boxes) {
    const list = item.key === "grid" ? runs(item.axes, plan.sizes, box.lo, box.hi) : box.runs[item.d];
    g.globalAlpha = boxes.length > 1 ? 0.3 + 0.5 * box.weight : 1;
    for (const [a, b] of list.slice(0, MAX_BARS))
      stroke(on(item.at(a, false)), on(item.at(b - 1, true)), view.keyColor, small ? Math.min(4, width) : width);
  }
  g.globalAlpha = 1;
  const index = item.key === "grid" ? flatten(plan.grid, plan.sizes, cell) : displayIndex(plan, cell)[item.d];
  let [a, b] = [on(item.at(index, false)), on(item.at(index, true))];
  if (item.key === "grid") [a, b] = [0.4, 0.6].map((t) => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]);
  if (item.axes.includes(view.reads)) stroke(a, b, theme.setKey, small ? 5 : 7, small ? 7 : 10); // the entry it reads
  const grow = Math.max(0, (3 - Math.hypot(b[0] - a[0], b[1] - a[1])) / 2);
  stroke(a, b, theme.cellEdge, small ? 7 : 10, grow + 1);
  stroke(a, b, theme.cell, small ? 5 : 7, grow);
}

/** "n = 3" under every box of a wall, where there is room, and how many boxes there are. */
function drawCaptions(g, view, B, small) {
  const { plan, scene, theme } = view;
  if (plan.wall.count < 2 || plan.wall.rows < 2) return;
  const size = small ? 12 : 14;
  g.textAlign = "center";
  g.textBaseline = "top";
  const name = plan.grid.map((k) => view.names[k].toLowerCase()).join(", ");
  const room = plan.wall.gap[1] * Math.abs(B.Y[1]) - Math.abs(B.Y[0]) * scene.len[0] - Math.abs(B.Y[2]) * scene.len[2];
  if ((scene.len[0] + scene.len[2]) * B.s < 60 || room * B.s < size) return;
  for (const block of scene.blocks) {
    const foot = (x, z) => B.project([x, -0.5, z].map((part, d) => block.off[d] + part * scene.len[d]));
    const corners = [foot(-0.5, -0.5), foot(-0.5, 0.5), foot(0.5, -0.5), foot(0.5, 0.5)];
    const low = corners.reduce((p, q) => (q[1] > p[1] ? q : p));
    const last = block.row === plan.wall.rows - 1;
    if (last && block.col === 0) continue; // the rulers are there
    const value = ` = ${plan.grid.map((k) => block.fix[k]).join(", ")}`;
    g.font = `italic 600 ${size}px ${theme.serif}`;
    const w1 = g.measureText(name).width;
    g.fillStyle = theme.text2;
    g.textAlign = "left";
    g.font = `500 ${size - 1}px ${theme.font}`;
    const w2 = g.measureText(value).width;
    g.fillText(value, low[0] - (w1 + w2) / 2 + w1, low[1] + 5);
    g.font = `italic 600 ${size}px ${theme.serif}`;
    g.fillText(name, low[0] - (w1 + w2) / 2, low[1] + 5);
  }
}

export function drawRulers(g, view, B, picture, memory) {
  const small = view.small;
  const placed = placeLabels(rulerItems(g, view, B, small), picture, memory);
  for (const one of placed) drawLine(g, view, B, one, small);
  for (const one of placed) drawTitle(g, view, one);
  drawCaptions(g, view, B, small);
  return placed;
}
