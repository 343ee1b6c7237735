// The marks on a map: the veil over what is not lit, the blue window, the amber cells, and the lines between the maps.
import { cssOf, hexToRgb } from "../cube/color.js";
import { frameOf, outerRect, rectOf } from "./layout.js";
import { stretches } from "./windows.js";

const SMALLEST = 9; // px: a smaller mark could not be found
const VEIL = { light: 0.3, dark: 0.28 };
const ROOMY = 26; // px of a cell that has room for a ring inside its edges

/** The lit rectangles of a map: one for every stretch of rows and of columns. */
function litRects(map, { rows, columns }) {
  const across = stretches(columns);
  return stretches(rows).flatMap(([a, b]) => across.map(([c, d]) => rectOf(map, a, c, b - a, d - c)));
}

/** A rectangle grown to a size that can be seen. */
function grown([x, y, w, h]) {
  const [a, b] = [Math.max(0, SMALLEST - w) / 2, Math.max(0, SMALLEST - h) / 2];
  return [x - a, y - b, w + 2 * a, h + 2 * b];
}

function stroke(g, rects, color, width) {
  g.beginPath();
  for (const rect of rects) g.rect(...rect);
  g.strokeStyle = color;
  g.lineWidth = width;
  g.stroke();
}

/** Everything that is not lit steps back towards the background. */
export function paintVeil(g, theme, map, lit) {
  g.beginPath();
  g.rect(...outerRect(map));
  for (const rect of litRects(map, lit)) g.rect(...rect);
  g.fillStyle = cssOf(hexToRgb(theme.bg), theme.dark ? VEIL.dark : VEIL.light);
  g.fill("evenodd");
}

/** Blue: the window, or the outputs that read a cell. `each` draws its cells apart. */
export function paintWindow(g, theme, map, lit, each) {
  const rects = litRects(map, lit);
  if (!rects.length) return;
  const single = each && Math.min(map.cw, map.ch) >= SMALLEST;
  const cells = single ? lit.rows.flatMap((i) => lit.columns.map((j) => rectOf(map, i, j))) : rects;
  const seen = rects.length > 1 || single ? cells : cells.map(grown);
  const width = Math.min(map.cw, map.ch) >= 14 ? 3 : 2;
  stroke(g, seen, theme.bg, width + 2);
  stroke(g, seen, theme.setKey, width);
}

/** Amber: the cell, or the cells that won; rings, where there is room inside their edges. */
export function paintCells(g, theme, map, cells) {
  if (!cells.length) return;
  const px = Math.min(map.cw, map.ch);
  const width = px < 10 ? 2 : px < ROOMY ? 2.5 : 3.5;
  const inset = px < ROOMY ? 0 : width / 2 + 1;
  const rects = cells.map(([i, j]) => {
    const [x, y, w, h] = grown(rectOf(map, i, j));
    return [x + inset, y + inset, w - 2 * inset, h - 2 * inset];
  });
  stroke(g, rects, theme.dark ? "#000000" : theme.cellEdge, width + 2.25);
  stroke(g, rects, theme.cell, width);
}

/** Two thin lines from what is lit in one map to what is lit in the other. */
export function paintTies(g, theme, { input, output, lit, stacked }) {
  const [a, b] = [frameOf(input, lit.in), frameOf(output, lit.out)];
  if (!a || !b) return;
  const [p, q] = [grown(a), grown(b)];
  g.beginPath();
  for (const s of [0, 1]) {
    g.moveTo(...(stacked ? [p[0] + s * p[2], p[1] + p[3]] : [p[0] + p[2], p[1] + s * p[3]]));
    g.lineTo(...(stacked ? [q[0] + s * q[2], q[1]] : [q[0], q[1] + s * q[3]]));
  }
  g.strokeStyle = cssOf(hexToRgb(theme.bg), 0.75);
  g.lineWidth = 3.5;
  g.stroke();
  g.strokeStyle = theme.setKey;
  g.lineWidth = 1.25;
  g.stroke();
}
