// Draws a map without any marks: its cells as one bitmap, the grid, the numbers where there is room, the padding.
import { valueBitmap } from "../cube/bitmaps.js";
import { cssOf, divergingRgb, hexToRgb } from "../cube/color.js";
import { innerRect, outerRect, rectOf } from "./layout.js";

const CLOSEST = 5; // px between two grid lines
const HATCH = 7; // px between two strokes of the padding
const WRITTEN = 40; // px of a cell that holds its number

/** The two sides as slices of a cube that is one cell deep, which is what its bitmaps are made of. */
function bitmapOf(view, map) {
  const plan = { sizes: [map.rows, map.columns], n: [map.columns, map.rows, 1], d: [[1], [0], []], grid: [] };
  const face = { piece: { block: { g: map.side } }, d: 2, u: 1, v: 0, tone: 2, slice: 0 };
  const { theme, limit, bitmaps, dpr } = view;
  return valueBitmap(bitmaps, { plan, values: view.values[map.side], limit, theme }, face, { u: map.ch, v: map.cw }, dpr);
}

/** The range of cells, ring included, that shows in the clip: everything, or the part under the loupe. */
function shown(map, [x, y, w, h]) {
  const between = (a, low, high) => Math.min(high, Math.max(low, a));
  const { rows, columns, ring } = map;
  const i = [(y - map.y) / map.ch, (y + h - map.y) / map.ch].map((a) => between(Math.round(a), -ring.top, rows + ring.bottom));
  const j = [(x - map.x) / map.cw, (x + w - map.x) / map.cw].map((a) => between(Math.round(a), -ring.left, columns + ring.right));
  return { i, j };
}

/** The padding is hatched; what windows read beyond it is empty, behind a dashed line. */
function paintRing(g, view, map) {
  const { theme, padded } = view;
  const [outer, inner] = [outerRect(map), innerRect(map)];
  if (String(outer) === String(inner)) return;
  const { rows, columns } = padded;
  const [above, left] = [rows[0], columns[0]];
  const hatched = rectOf(map, -above, -left, map.rows + above + rows[1], map.columns + left + columns[1]);
  g.setLineDash([4, 3]);
  g.lineWidth = 1;
  g.strokeStyle = theme.line;
  g.strokeRect(...outer);
  g.setLineDash([]);
  g.save();
  g.beginPath();
  g.rect(...hatched);
  g.rect(...inner);
  g.clip("evenodd");
  g.fillStyle = theme.cold[2];
  g.fillRect(...hatched);
  g.beginPath();
  const [x, y, w, h] = hatched;
  for (let a = HATCH; a < w + h; a += HATCH) {
    g.moveTo(x + a, y);
    g.lineTo(x + a - h, y + h);
  }
  g.strokeStyle = theme.edge;
  g.globalAlpha = 0.55;
  g.stroke();
  g.restore();
}

function paintGrid(g, theme, map, { i, j }) {
  const line = (spacing, strokes) => {
    if (spacing < CLOSEST) return;
    g.globalAlpha = Math.min(0.8, (spacing - 3) / 14);
    g.beginPath();
    strokes();
    g.stroke();
  };
  const at = (r, c) => [map.x + c * map.cw, map.y + r * map.ch];
  g.strokeStyle = theme.line;
  g.lineWidth = 0.8;
  line(map.ch, () => {
    for (let r = i[0]; r <= i[1]; r++) {
      g.moveTo(...at(r, j[0]));
      g.lineTo(...at(r, j[1]));
    }
  });
  line(map.cw, () => {
    for (let c = j[0]; c <= j[1]; c++) {
      g.moveTo(...at(i[0], c));
      g.lineTo(...at(i[1], c));
    }
  });
  g.globalAlpha = 1;
}

/** A number in a cell: two decimals, and no minus before what rounds to zero. */
function shortText(x) {
  const text = x - x !== 0 ? String(x).replace("Infinity", "∞") : x.toFixed(Math.abs(x) < 99.995 ? 2 : 0);
  return text.replace("-", Number(text) === 0 ? "" : "−");
}

function paintNumbers(g, view, map) {
  if (Math.min(map.cw, map.ch) < WRITTEN) return;
  const { theme, limit, values } = view;
  g.font = `500 ${Math.min(17, Math.round(map.cw * 0.29))}px ${theme.font}`;
  g.textAlign = "center";
  g.textBaseline = "middle";
  for (let r = 0; r < map.rows; r++)
    for (let c = 0; c < map.columns; c++) {
      const x = values[map.side][r * map.columns + c];
      const rgb = x - x !== 0 ? hexToRgb(theme.broken) : divergingRgb(theme, x / limit);
      g.fillStyle = rgb[0] * 0.3 + rgb[1] * 0.59 + rgb[2] * 0.11 > 130 ? "#14191F" : "#FFFFFF";
      g.fillText(shortText(x), map.x + (c + 0.5) * map.cw, map.y + (r + 0.5) * map.ch + 1);
    }
}

/** A map as it lies there; `clip` says which part of the picture it may fill. */
export function paintMap(g, view, map, clip) {
  const { theme } = view;
  const range = shown(map, clip);
  if (map.side === "in") paintRing(g, view, map);
  const [i, j] = [range.i.map((a) => Math.min(map.rows, Math.max(0, a))), range.j.map((a) => Math.min(map.columns, Math.max(0, a)))];
  const { canvas, ku, kv } = bitmapOf(view, map);
  g.imageSmoothingEnabled = false;
  if (i[1] > i[0] && j[1] > j[0])
    g.drawImage(canvas, j[0] / kv, i[0] / ku, (j[1] - j[0]) / kv, (i[1] - i[0]) / ku, ...rectOf(map, i[0], j[0], i[1] - i[0], j[1] - j[0]));
  paintGrid(g, theme, map, range);
  paintNumbers(g, view, map);
  g.strokeStyle = cssOf(hexToRgb(theme.edge));
  g.lineWidth = 1.25;
  g.strokeRect(...innerRect(map));
}
