// Draws the whole picture: both maps, what is lit in them, the lines between, and a loupe where cells are small.
import { loupeOf, outerRect } from "./layout.js";
import { paintMap } from "./maps.js";
import { paintCells, paintTies, paintVeil, paintWindow } from "./marks.js";

/** The marks of one map: the side under the hand has its one cell, the other what belongs to it. */
function paintMarks(g, view, map) {
  const { theme, lit } = view;
  const own = lit.side === map.side;
  if (!own) paintWindow(g, theme, map, lit[map.side], map.side === "out");
  paintCells(g, theme, map, own ? [lit.cell] : map.side === "out" ? lit.wins : lit.winner ? [lit.winner] : []);
}

function paintLoupe(g, view, map) {
  const loupe = loupeOf(map, view.lit[map.side], view.dpr);
  if (!loupe) return null;
  const { theme } = view;
  const [x, y, w, h] = loupe.box;
  g.strokeStyle = theme.text;
  g.lineWidth = 1;
  g.strokeRect(...loupe.source);
  g.fillStyle = theme.bg;
  g.fillRect(x - 3, y - 3, w + 6, h + 6);
  g.save();
  g.beginPath();
  g.rect(x, y, w, h);
  g.clip();
  paintMap(g, view, loupe, loupe.box);
  paintMarks(g, view, loupe);
  g.restore();
  g.strokeStyle = theme.text;
  g.lineWidth = 1.25;
  g.strokeRect(x - 3, y - 3, w + 6, h + 6);
  return loupe;
}

/** view: {theme, dpr, limit, bitmaps, values: {in, out}, padded: {rows, columns}, lit, layout, size}. Returns the loupes. */
export function paintPool(g, view) {
  const { layout, lit, theme, dpr, size } = view;
  g.setTransform(dpr, 0, 0, dpr, 0, 0);
  g.clearRect(0, 0, size.w, size.h);
  g.lineJoin = g.lineCap = "round";
  const maps = [layout.in, layout.out];
  for (const map of maps) {
    paintMap(g, view, map, outerRect(map));
    paintVeil(g, theme, map, lit[map.side]);
  }
  paintTies(g, theme, { input: layout.in, output: layout.out, lit, stacked: layout.stacked });
  for (const map of maps) paintMarks(g, view, map);
  return maps.map((map) => paintLoupe(g, view, map));
}
