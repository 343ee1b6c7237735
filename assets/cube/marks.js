// The marks that are not faces: the cell, its ghost when it lies inside, hidden edges, the wires of the x-ray.
import { cellPixels } from "./camera.js";
import { underMap } from "./grid.js";
import { displayIndex, shiftOf, worldAt } from "./scene.js";
import { inBlock } from "./sets.js";

const TINY = 7; // px: below, the cell is a dot

const others = (d) => [0, 1, 2].filter((k) => k !== d);

/** The lit cell on the faces that show it. Returns whether one does. */
export function drawCell(g, faces, view, dpr) {
  const { cell, plan, theme, mode, small } = view;
  if (!cell) return false;
  const index = displayIndex(plan, cell);
  const seen = faces.filter(
    (f) =>
      plan.grid.every((k) => f.piece.block.fix[k] === cell[k]) &&
      index[f.d] === f.slice &&
      index[f.u] >= f.i0 && index[f.u] < f.i1 && index[f.v] >= f.j0 && index[f.v] < f.j1,
  );
  if (!seen.length) return false;
  const sizes = seen.map((f) => cellPixels(f.M));
  const tiny = Math.max(...sizes.map((s) => Math.min(s.betweenRows, s.betweenColumns))) < TINY;
  const shapes = tiny ? [seen[seen.length - 1]] : seen;
  const path = (f) => {
    const [i, j, M] = [index[f.u], index[f.v], f.M];
    if (!tiny) return underMap(g, M, dpr, () => g.rect(j, i, 1, 1));
    g.beginPath();
    g.arc(M[4] + M[0] * (j + 0.5) + M[2] * (i + 0.5), M[5] + M[1] * (j + 0.5) + M[3] * (i + 0.5), small ? 4 : 5, 0, 7);
  };
  const stroke = (color, width) => shapes.forEach((f) => {
    path(f);
    g.strokeStyle = color;
    g.lineWidth = width;
    g.stroke();
  });
  if (mode === "values") {
    stroke(theme.dark ? "#000000" : theme.cellEdge, 6.5);
    stroke(theme.cell, 3.5);
    return true;
  }
  if (mode === "all") stroke(theme.bg, 6);
  for (const f of shapes) {
    path(f);
    g.fillStyle = theme.cell;
    g.fill();
  }
  stroke(theme.cellEdge, small ? 1.75 : 2.25);
  return true;
}

/** A box given in cells [lo, hi) per display axis, in the world of a piece. */
function worldBox(scene, piece, lo, hi) {
  const at = (d, i) => worldAt(scene, d, i, piece.shift[d]) + piece.off[d] + piece.block.off[d];
  const ends = [0, 1, 2].map((d) => [at(d, lo[d]), at(d, hi[d])]);
  return { mn: ends.map((e) => Math.min(...e)), mx: ends.map((e) => Math.max(...e)) };
}

/** The edges of a box that its own faces hide: both neighbours of such an edge look away. */
function eachEdge(B, box, visit) {
  for (let d = 0; d < 3; d++) {
    const [u, v] = others(d);
    for (const su of [0, 1])
      for (const sv of [0, 1]) {
        const a = [0, 0, 0];
        a[u] = (su ? box.mx : box.mn)[u];
        a[v] = (sv ? box.mx : box.mn)[v];
        const b = [...a];
        a[d] = box.mn[d];
        b[d] = box.mx[d];
        visit({ d, a, b, seen: [(su ? 1 : -1) * B.v[u] > 0, (sv ? 1 : -1) * B.v[v] > 0], u, v, su, sv });
      }
  }
}

/** The edges of the set that the cube hides, dashed as in a technical drawing. */
export function drawHiddenEdges(g, view, B, piece, box) {
  const { scene, theme, plan, small } = view;
  if (plan.d.some((axes) => !axes.length)) return; // a sheet hides nothing
  if (!inBlock(piece.block, box, plan.grid) || box.runs.reduce((n, list) => n * list.length, 1) > 12) return;
  g.setLineDash(small ? [3, 3] : [5, 4]);
  g.lineWidth = small ? 1 : 1.25;
  g.strokeStyle = view.mode === "set" ? theme.hidden : theme.text;
  g.beginPath();
  for (const r0 of box.runs[0])
    for (const r1 of box.runs[1])
      for (const r2 of box.runs[2]) {
        const lo = [r0, r1, r2].map((r, d) => Math.max(r[0], piece.a[d]));
        const hi = [r0, r1, r2].map((r, d) => Math.min(r[1], piece.b[d]));
        if (lo.some((x, d) => x >= hi[d])) continue;
        const inner = worldBox(scene, piece, lo, hi);
        const near = (d, s) => Math.abs((s ? inner.mx : inner.mn)[d] - (s ? piece.mx : piece.mn)[d]) < 1e-9;
        eachEdge(B, inner, (e) => {
          const onFace = (e.seen[0] && near(e.u, e.su)) || (e.seen[1] && near(e.v, e.sv));
          if (onFace) return;
          g.moveTo(...B.project(e.a));
          g.lineTo(...B.project(e.b));
        });
      }
  g.stroke();
  g.setLineDash([]);
}

/** A cell inside a piece: a dashed, half transparent box where it is. */
export function drawGhost(g, view, B, piece) {
  const { scene, plan, cell, theme } = view;
  if (!plan.grid.every((k) => piece.block.fix[k] === cell[k])) return;
  const index = displayIndex(plan, cell);
  if (index.some((i, d) => i < piece.a[d] || i >= piece.b[d])) return;
  const shifted = { ...piece, shift: index.map((i, d) => shiftOf(scene, d, i)) };
  const box = worldBox(scene, shifted, index, index.map((i) => i + 1));
  const lines = [];
  eachEdge(B, box, (e) => (e.seen[0] || e.seen[1]) && lines.push([B.project(e.a), B.project(e.b)]));
  const faces = [0, 1, 2].map((d) => {
    const [u, v] = others(d);
    const corner = (s, t) => {
      const q = [0, 0, 0];
      q[d] = (B.v[d] > 0 ? box.mx : box.mn)[d];
      q[u] = (s ? box.mx : box.mn)[u];
      q[v] = (t ? box.mx : box.mn)[v];
      return B.project(q);
    };
    return [corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1)];
  });
  const [low, high] = [box.mn, box.mx].map(B.project);
  if (Math.hypot(high[0] - low[0], high[1] - low[1]) < TINY) {
    g.beginPath();
    g.arc((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, 4, 0, 7);
    g.fillStyle = theme.cell;
    g.globalAlpha = 0.7;
    g.fill();
  } else {
    g.beginPath();
    for (const quad of faces) quad.forEach((p, q) => (q ? g.lineTo(...p) : g.moveTo(...p)));
    g.fillStyle = theme.cell;
    g.globalAlpha = 0.55;
    g.fill();
    g.globalAlpha = 1;
    g.beginPath();
    for (const [p, q] of lines) {
      g.moveTo(...p);
      g.lineTo(...q);
    }
  }
  g.globalAlpha = 1;
  g.setLineDash([3, 2]);
  g.lineWidth = 1;
  g.strokeStyle = theme.dark ? theme.cell : theme.cellEdge;
  g.stroke();
  g.setLineDash([]);
}

/** The wires of the uncut boxes: the hidden edges (back) dashed and faint, the others (front) solid. */
export function drawHull(g, view, B, back) {
  const { scene, theme } = view;
  g.lineWidth = view.small ? 0.8 : 1;
  g.strokeStyle = theme.edge;
  g.globalAlpha = back ? 0.45 : 0.85;
  g.setLineDash(back ? [3, 3] : []);
  g.beginPath();
  for (const block of scene.blocks) {
    const box = { mn: block.off.map((o, d) => o - scene.len[d] / 2), mx: block.off.map((o, d) => o + scene.len[d] / 2) };
    eachEdge(B, box, (e) => {
      if (e.seen.some(Boolean) === back) return;
      g.moveTo(...B.project(e.a));
      g.lineTo(...B.project(e.b));
    });
  }
  g.stroke();
  g.setLineDash([]);
  g.globalAlpha = 1;
}
