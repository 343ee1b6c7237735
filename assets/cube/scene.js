// Where everything is: tensor axes on three display axes (0 right, 1 up, 2 towards the viewer), separate boxes,
// pieces (spread, peeled, lifted) and the order to paint them. Pure functions, no DOM.
import { flatten, inBlock, product, unflatten } from "./sets.js";

export const HOME = { az: 0.8, el: 0.5 };
export const SHEET_HOME = { az: 0.36, el: 0.34 };
const DIRECTION = [1, -1, -1]; // index 0 is left, on top, in front
const MAX_BLOCKS = 128;
const MAX_SLICES = 32;
const MAX_PIECES = 1024;

/** Edge lengths ~ n^.45 (the vertical x .84), flatter where an edge would be below .3 of the longest. */
export function edgeLengths(n, d) {
  const shown = n.filter((_, k) => d[k].length);
  const most = Math.max(...shown, 1);
  const ratio = most / Math.min(...shown, most);
  const power = ratio > 1 ? Math.min(0.45, Math.log(1 / 0.3) / Math.log(ratio)) : 0.45;
  return n.map((x, k) => (d[k].length ? (x / most) ** power : 0.05) * (k === 1 && d[k].length ? 0.84 : 1));
}

/** The fixed part of a scene. arrangement: {x, y, z, grid}, each a list of tensor axis numbers. */
export function makePlan(sizes, arrangement) {
  let { x, y, z, grid } = arrangement;
  if (product(grid.map((k) => sizes[k])) > MAX_BLOCKS) [z, grid] = [[...grid, ...z], []];
  const d = [x, y, z];
  const n = d.map((axes) => product(axes.map((k) => sizes[k])));
  const home = z.length && y.length && x.length ? HOME : SHEET_HOME;
  const len = edgeLengths(n, d);
  return { sizes, d, grid, n, len, dir: DIRECTION, home, wall: wallOf(product(grid.map((k) => sizes[k])), len, home) };
}

/** Rows and columns of the separate boxes: the wall that fills a picture of 3 : 2 best in the home view. */
function wallOf(count, len, home) {
  const [ca, sa, ce, se] = [Math.cos(home.az), Math.sin(home.az), Math.cos(home.el), Math.sin(home.el)];
  const gap = [0, 0.2 + (se / ce) * (sa * len[0] + ca * len[2]), 0.12 + 0.62 * len[0]];
  let best = null;
  for (let cols = 1; cols <= count; cols++) {
    const rows = Math.ceil(count / cols);
    const tall = rows * len[1] + (rows - 1) * gap[1];
    const deep = cols * len[2] + (cols - 1) * gap[2];
    const scale = Math.min(1.5 / (ca * len[0] + sa * deep), 1 / (ce * tall + se * (sa * len[0] + ca * deep)));
    if (!best || scale > best.scale * 1.0001) best = { scale, cols, rows, gap, count };
  }
  return best;
}

function makeBlocks(plan, len) {
  const { cols, rows, gap, count } = plan.wall;
  const blocks = [];
  for (let g = 0; g < count; g++) {
    const row = Math.floor(g / cols);
    const off = [0, -(row - (rows - 1) / 2) * (len[1] + gap[1]), -((g % cols) - (cols - 1) / 2) * (len[2] + gap[2])];
    blocks.push({ g, row, col: g % cols, fix: unflatten(plan.grid, plan.sizes, g, {}), off });
  }
  return blocks;
}

/** Where display axis d is cut when it is spread: every cell, else the sets, else rows, else equal parts.
 *  bounds: the indices where sets meet, with both ends. */
export function spreadCuts(plan, bounds, d, bySets, most = MAX_SLICES) {
  const n = plan.n[d];
  const axes = plan.d[d];
  if (bySets && bounds.length - 1 <= most) return bounds;
  if (n <= most) return Array.from({ length: n + 1 }, (_, i) => i);
  if (bounds.length > 2 && bounds.length - 1 <= most) return bounds;
  const every = (step) => [...Array.from({ length: Math.ceil(n / step) }, (_, i) => i * step), n];
  for (let q = 1; q < axes.length; q++) {
    const inner = product(axes.slice(q).map((k) => plan.sizes[k]));
    if (n / inner > 1 && n / inner <= most) return every(inner);
  }
  return every(Math.ceil(n / most));
}

/** view: {spread: "" | "sets" | letters of xyz, peel: [cells off each axis], lift: 0..1};
 *  bounds: per display axis where sets meet; box: the set to lift. */
export function buildScene(plan, view, bounds, box) {
  const bySets = view.spread === "sets";
  const len = [...plan.len];
  const total = [...plan.n];
  const parts = [0, 1, 2].map(() => null);
  let room = MAX_PIECES / plan.wall.count;
  for (let d = 0; d < 3; d++) {
    if (!plan.d[d].length || !(bySets || view.spread.includes("xyz"[d]))) continue;
    const cuts = spreadCuts(plan, bounds[d], d, bySets, Math.max(1, Math.min(MAX_SLICES, Math.floor(room))));
    const count = cuts.length - 1;
    if (count < 2) continue;
    const gap = (bySets && count < plan.n[d] ? 0.5 : 0.9) * (plan.n[d] / count);
    parts[d] = { cuts, gap };
    total[d] += (count - 1) * gap;
    len[d] *= Math.min(1.55, total[d] / plan.n[d]);
    room /= count;
  }
  const scene = { plan, len, total, parts, blocks: makeBlocks(plan, len) };
  const whole = { a: [0, 0, 0], b: [...plan.n], shift: [0, 0, 0], off: [0, 0, 0] };
  peelOff(whole, view.peel, plan);
  scene.whole = whole;
  const way = view.lift > 0 && box ? liftWay(plan, scene, box) : null;
  scene.pieces = [];
  for (const block of scene.blocks) {
    let list = [whole];
    if (way && inBlock(block, box, plan.grid)) list = cutOut(whole, box, way, view.lift);
    parts.forEach((part, d) => part && (list = list.flatMap((p) => slice(p, d, part))));
    for (const p of list) scene.pieces.push(placed(scene, p, block));
  }
  scene.tree = separate(scene.pieces);
  scene.hull = hullOf(scene, way, view.lift);
  return scene;
}

/** Cells taken off each axis, from the side one sees from home: x at its end, y on top, z in front. */
function peelOff(piece, peel, plan) {
  for (let d = 0; d < 3; d++) {
    const off = Math.min(peel[d], plan.n[d] - 1);
    if (plan.dir[d] > 0) piece.b[d] -= off;
    else piece.a[d] += off;
  }
}

function slice(p, d, { cuts, gap }) {
  const out = [];
  for (let k = 0; k + 1 < cuts.length; k++) {
    const a = Math.max(p.a[d], cuts[k]);
    const b = Math.min(p.b[d], cuts[k + 1]);
    if (a >= b) continue;
    const q = { ...p, a: [...p.a], b: [...p.b], shift: [...p.shift] };
    [q.a[d], q.b[d], q.shift[d]] = [a, b, k * gap];
    out.push(q);
  }
  return out;
}

/** A set leaves along an axis on which it is whole, so that it meets nothing: up, to the front, to the right. */
function liftWay(plan, scene, box) {
  if (box.runs.some((list) => list.length !== 1)) return null;
  const isWhole = (d) => plan.d[d].length && box.runs[d][0][0] === 0 && box.runs[d][0][1] === plan.n[d];
  const wishes = plan.wall.count > 1 ? [0, 1, 2] : [1, 2, 0]; // a wall is free in front only
  const d = wishes.find(isWhole) ?? 2;
  return { d, by: scene.len[d] * (d === 1 ? 0.72 : 1.02) + (isWhole(d) ? 0 : 0.2) };
}

/** piece without the set, cut at the set's planes (at most 6 remainders), and the set itself, moved. */
function cutOut(piece, box, way, t) {
  const out = [];
  const rest = { ...piece, a: [...piece.a], b: [...piece.b] };
  for (let d = 0; d < 3; d++) {
    const [l, h] = box.runs[d][0];
    if (rest.a[d] < l) out.push({ ...rest, a: [...rest.a], b: rest.b.map((x, k) => (k === d ? Math.min(l, x) : x)) });
    if (rest.b[d] > h) out.push({ ...rest, b: [...rest.b], a: rest.a.map((x, k) => (k === d ? Math.max(h, x) : x)) });
    rest.a[d] = Math.max(rest.a[d], l);
    rest.b[d] = Math.min(rest.b[d], h);
    if (rest.a[d] >= rest.b[d]) return [piece];
  }
  rest.lifted = true;
  rest.off = [0, 0, 0];
  rest.off[way.d] = way.by * t;
  return [...out, rest];
}

/** World coordinate of a plane between cells of display axis d; shift counts the gaps before it, in cells. */
export function worldAt(scene, d, index, shift = 0) {
  const f = (index + shift) / scene.total[d] - 0.5;
  return scene.plan.dir[d] * f * scene.len[d];
}

/** The gaps before a cell, in cells: the shift of the part it lies in. */
export function shiftOf(scene, d, index) {
  const part = scene.parts[d];
  if (!part) return 0;
  let k = 0;
  while (k + 2 < part.cuts.length && part.cuts[k + 1] <= index) k++;
  return k * part.gap;
}

/** A piece with its block and its corners mn, mx in the world. */
export function placed(scene, p, block) {
  const [mn, mx] = [[], []];
  for (let d = 0; d < 3; d++) {
    const [u, v] = [worldAt(scene, d, p.a[d], p.shift[d]), worldAt(scene, d, p.b[d], p.shift[d])];
    const o = block.off[d] + p.off[d];
    mn[d] = Math.min(u, v) + o;
    mx[d] = Math.max(u, v) + o;
  }
  return { ...p, block, mn, mx };
}

/** The uncut outline of the scene, which labels and the fit use; a lifted set asks for its way as well. */
function hullOf(scene, way, t) {
  const mn = [0, 1, 2].map((d) => Math.min(...scene.blocks.map((b) => b.off[d])) - scene.len[d] / 2);
  const mx = [0, 1, 2].map((d) => Math.max(...scene.blocks.map((b) => b.off[d])) + scene.len[d] / 2);
  const fit = { mn, mx: [...mx] };
  if (way) fit.mx[way.d] += way.by * t;
  return { mn, mx, fit };
}

/** Tree of gaps: at every node the boxes are separated along one axis. A leaf is a box. */
export function separate(boxes) {
  if (boxes.length === 1) return boxes[0];
  for (let d = 0; d < 3; d++) {
    const sorted = [...boxes].sort((p, q) => p.mn[d] - q.mn[d]);
    const groups = [[sorted[0]]];
    let end = sorted[0].mx[d];
    for (const box of sorted.slice(1)) {
      if (box.mn[d] >= end - 1e-9) groups.push([]);
      groups[groups.length - 1].push(box);
      end = Math.max(end, box.mx[d]);
    }
    if (groups.length > 1) return { d, kids: groups.map(separate) };
  }
  return { d: -1, kids: boxes };
}

/** Boxes from back to front for a viewer in direction v. Boxes that cannot be separated go by their centres. */
export function paintOrder(tree, v, out = []) {
  if (!tree.kids) out.push(tree);
  else if (tree.d < 0) {
    const depth = (b) => b.mn.reduce((s, x, d) => s + (x + b.mx[d]) * v[d], 0);
    out.push(...[...tree.kids].sort((p, q) => depth(p) - depth(q)));
  } else {
    const kids = v[tree.d] >= 0 ? tree.kids : [...tree.kids].reverse();
    for (const kid of kids) paintOrder(kid, v, out);
  }
  return out;
}

/** Index of a cell along each display axis. */
export const displayIndex = (plan, cell) => plan.d.map((axes) => flatten(axes, plan.sizes, cell));
