// Draws one cube: faces from back to front, the set on them, hidden edges dashed, the cell, the rulers.
import { partitionBitmap, valueBitmap } from "./bitmaps.js";
import { cellPixels, faceOf, facesOf, fitScale, makeCamera } from "./camera.js";
import { cssOf, hexToRgb } from "./color.js";
import { drawGrid, underMap } from "./grid.js";
import { drawCell, drawGhost, drawHiddenEdges, drawHull } from "./marks.js";
import { drawRulers } from "./rulers.js";
import { paintOrder, placed, shiftOf } from "./scene.js";
import { commonBox, inBlock, inRuns } from "./sets.js";

const MAX_BOXES_SOLID = 512; // runs of one set drawn as separate solids in the x-ray

const rectPath = (g, rects) => () => rects.forEach((r) => g.rect(...r));

/** The rectangles [j, i, w, h] of a set on a face. */
export function rectsOn(face, box, grid) {
  if (!inBlock(face.piece.block, box, grid) || !inRuns(box.runs[face.d], face.slice)) return [];
  const out = [];
  for (const [a, b] of box.runs[face.u]) {
    const [i0, i1] = [Math.max(a, face.i0), Math.min(b, face.i1)];
    if (i0 >= i1) continue;
    for (const [c, d] of box.runs[face.v]) {
      const [j0, j1] = [Math.max(c, face.j0), Math.min(d, face.j1)];
      if (j0 < j1) out.push([j0, i0, j1 - j0, i1 - i0]);
    }
  }
  return out;
}

/** Everything that is not in a set steps back towards the background. */
function veil(g, face, lists, view, dpr) {
  const whole = [face.j0, face.i0, face.j1 - face.j0, face.i1 - face.i0];
  g.save();
  for (const rects of lists) {
    underMap(g, face.M, dpr, rectPath(g, [whole, ...rects]));
    g.clip("evenodd");
  }
  underMap(g, face.M, dpr, rectPath(g, [whole]));
  g.fillStyle = cssOf(hexToRgb(view.theme.bg), view.theme.veil[view.mode]);
  g.fill();
  g.restore();
}

function paintFace(g, face, view, dpr, solid) {
  const { theme, mode, small, boxes } = view;
  const whole = [[face.j0, face.i0, face.j1 - face.j0, face.i1 - face.i0]];
  const px = cellPixels(face.M);
  underMap(g, face.M, dpr, rectPath(g, whole));
  g.fillStyle = g.strokeStyle = mode === "set" ? theme.cold[face.tone] : theme.bg;
  g.lineWidth = 0.9;
  g.fill();
  g.stroke(); // hairlines between faces would show what lies behind
  if (mode !== "set") {
    const bitmap = mode === "all" ? partitionBitmap(view.bitmaps, view, face) : valueBitmap(view.bitmaps, view, face, px, dpr);
    const [j, i, w, h] = whole[0];
    g.imageSmoothingEnabled = false;
    g.setTransform(...face.M.map((x) => x * dpr));
    g.drawImage(bitmap.canvas, j / bitmap.kv, i / bitmap.ku, w / bitmap.kv, h / bitmap.ku, j, i, w, h);
    g.setTransform(dpr, 0, 0, dpr, 0, 0);
  }
  const lists = boxes.map((box) => rectsOn(face, box, view.plan.grid));
  if (mode !== "set" && boxes.length && !solid) veil(g, face, lists, view, dpr);
  drawGrid(g, face, view, dpr, whole, theme.line, px);
  underMap(g, face.M, dpr, rectPath(g, whole));
  g.strokeStyle = theme.edge;
  g.lineWidth = small ? 1 : 1.25;
  g.stroke();
  lists.forEach((rects, k) => rects.length && paintSet(g, face, view, dpr, rects, boxes[k], px));
}

function paintSet(g, face, view, dpr, rects, box, px) {
  const { theme, mode, small, boxes } = view;
  const thin = Math.min(Math.min(...rects.map((r) => r[2])) * px.betweenColumns, Math.min(...rects.map((r) => r[3])) * px.betweenRows);
  const mixture = boxes.length > 1;
  if (mode === "set") {
    underMap(g, face.M, dpr, rectPath(g, rects));
    g.fillStyle = cssOf(hexToRgb(theme.set[face.tone]), mixture ? 0.22 + 0.5 * box.weight : 1);
    g.fill();
    if (!mixture) drawGrid(g, face, view, dpr, rects, theme.setLine, px);
  }
  underMap(g, face.M, dpr, rectPath(g, rects));
  const outline = mode === "set" ? theme.setEdge : theme.text;
  g.strokeStyle = thin < 3 ? view.keyColor : outline; // nothing would be left of the colour inside an outline
  g.lineWidth = thin < 3 ? Math.max(1, 3 - thin) : (small ? 1.5 : 2) * Math.min(1, 0.35 + thin / 14);
  g.stroke();
}

/** The solid pieces of a set in the x-ray: a box for every combination of runs, where it would lie uncut. */
function solidsOf(view, box) {
  const { scene, plan } = view;
  const [r0, r1, r2] = box.runs;
  const out = [];
  if (r0.length * r1.length * r2.length > MAX_BOXES_SOLID) return out;
  for (const block of scene.blocks) {
    if (!inBlock(block, box, plan.grid)) continue;
    for (const a of r0)
      for (const b of r1)
        for (const c of r2) {
          const piece = { a: [a[0], b[0], c[0]], b: [a[1], b[1], c[1]], off: [0, 0, 0] };
          piece.shift = piece.a.map((i, d) => shiftOf(scene, d, i));
          out.push(placed(scene, piece, block));
        }
  }
  return out;
}

/** Glass: wires of the hull, and inside it the set as a solid; of several sets, what they share is solid. */
function paintXray(g, view, B, dpr) {
  const { boxes, theme, plan } = view;
  drawHull(g, view, B, true);
  const mixture = boxes.length > 1;
  const solid = mixture ? { ...view, boxes: [commonBox(boxes, plan)] } : view;
  for (const box of mixture ? [...boxes].sort((p, q) => q.size - p.size) : [])
    for (const face of facesOf(view.scene, B, solidsOf(view, box))) {
      underMap(g, face.M, dpr, rectPath(g, [[face.j0, face.i0, face.j1 - face.j0, face.i1 - face.i0]]));
      g.fillStyle = cssOf(hexToRgb(theme.set[face.tone]), 0.1 + 0.35 * box.weight);
      g.fill();
      g.strokeStyle = cssOf(hexToRgb(theme.hidden), 0.8);
      g.lineWidth = 1;
      g.stroke();
    }
  const faces = [];
  for (const box of solid.boxes)
    for (const face of facesOf(view.scene, B, solidsOf(view, box))) {
      paintFace(g, face, solid, dpr, true);
      faces.push(face);
    }
  drawHull(g, view, B, false);
  if (!drawCell(g, faces, view, dpr))
    for (const block of view.scene.blocks) drawGhost(g, view, B, placed(view.scene, view.scene.whole, block));
  return faces;
}

/** Paint a cube and return what picking needs. picture: {w, h, dpr} in CSS pixels; memory: label choices. */
export function paint(g, view, cam, picture, memory) {
  const { scene, small } = view;
  const { w, h, dpr } = picture;
  const { wall } = view.plan;
  const row = wall.count > 1 && wall.rows === 1 ? 12 : 0; // a ruler for the row of boxes
  const margin = [small ? (w < 240 ? 24 : 34) : w < 480 ? 30 : 58, (small ? 24 : 34) + row];
  const scale = fitScale(scene.hull.fit, view.plan.home, w, h, margin);
  const B = makeCamera(cam, scale, [w / 2 + (small ? 4 : 8), h / 2 - (small ? 6 : 8) - row], scene.hull.fit);
  g.setTransform(dpr, 0, 0, dpr, 0, 0);
  g.clearRect(0, 0, w, h);
  g.lineJoin = g.lineCap = "round";
  const order = paintOrder(scene.tree, B.v);
  const faces = facesOf(scene, B, order);
  let front = [];
  if (view.xray && view.boxes.length) front = paintXray(g, view, B, dpr);
  else {
    const peeled = view.scene.whole.a.some(Boolean) || view.scene.whole.b.some((b, d) => b < view.plan.n[d]);
    if (peeled) drawHull(g, view, B, true);
    const uncut = scene.pieces.length === scene.blocks.length;
    for (const piece of order) {
      const own = [0, 1, 2].map((d) => faceOf(scene, B, piece, d)).filter(Boolean);
      for (const face of own) paintFace(g, face, view, dpr, piece.lifted);
      if (!view.cell) continue;
      if (uncut) for (const box of view.boxes) drawHiddenEdges(g, view, B, piece, box);
      if (!drawCell(g, own, view, dpr)) drawGhost(g, view, B, piece);
    }
    if (peeled) drawHull(g, view, B, false);
  }
  const labels = drawRulers(g, view, B, picture, memory);
  return { B, faces: [...faces, ...front], labels };
}
