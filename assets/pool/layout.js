// Where both maps stand, in CSS pixels, and which cell is where. Pure functions, no DOM.
// A placed map is {side, rows, columns, ring, x, y, cw, ch, caption}: cell (0, 0) has its corner at
// (x, y), cells are cw × ch, its caption starts at the height `caption`.

const CAPTION = 32; // px above a map
const BORDER = 4; // px that marks at the edge need
const BETWEEN = 20; // px between two maps, one below the other, and the caption there
const LARGEST = 72; // px a cell
const THINNEST = 44; // px: how high and wide a map is at least
const NARROW = 640; // px: below, the maps stand one below the other
const LONG = 2.5; // and so do maps this much wider than high
const LENS = 6; // px: smaller cells need a loupe
const COARSE = 6; // device px: smaller cells are all of one width
const LEVEL = 20; // px: captions that differ by less stand on one line

/** Whole device pixels where cells are so small that a pixel more or less would be seen. */
const snapped = (px, dpr) => (px * dpr >= 1 && px * dpr < COARSE ? Math.floor(px * dpr + 1e-6) / dpr : px);

const total = ({ rows, columns, ring }) => [rows + ring.top + ring.bottom, columns + ring.left + ring.right];

/** Square cells that fit a room; those of a map of few rows or columns are higher or wider, so that it can be seen. */
function cellSize([rows, columns], [height, width], dpr) {
  const [across, down] = [width / columns, height / rows];
  const side = snapped(Math.min(LARGEST, rows === 1 ? across : columns === 1 ? down : Math.min(across, down)), dpr);
  return { cw: Math.max(side, THINNEST / columns), ch: Math.max(side, THINNEST / rows) };
}

/** Place maps {in, out} in a picture `width` wide; `tall` is the height of the window. Returns {in, out, height, stacked}. */
export function arrange(maps, width, tall, dpr) {
  const [rows, columns] = total(maps.in);
  const stacked = width < NARROW || columns > LONG * rows;
  const gap = Math.min(120, Math.max(40, width * 0.08));
  const most = stacked ? Math.min(420, Math.max(170, (tall - 290) / 2)) : Math.min(620, Math.max(280, tall - 340));
  const room = [most, (stacked ? width : (width - gap) / 2) - BORDER];
  const size = cellSize([rows, columns], room, dpr);
  const extent = [maps.in.rows * size.ch, maps.in.columns * size.cw]; // the output covers what its windows do
  const small = cellSize([maps.out.rows, maps.out.columns], extent, dpr);
  const whole = [rows * size.ch, columns * size.cw];
  const out = [maps.out.rows * small.ch, maps.out.columns * small.cw];
  const { top, left } = maps.in.ring;
  const round = (px) => Math.round(px * dpr) / dpr;
  const place = (side, map, cell, x, y) => ({ side, ...map, ...cell, x: round(x), y: round(y) });
  const x = stacked ? (width - whole[1]) / 2 : Math.max(0, (width - whole[1] - gap - Math.max(out[1], 120)) / 2);
  const input = place("in", maps.in, size, x + left * size.cw, CAPTION + top * size.ch);
  const ends = CAPTION + whole[0];
  const below = [ends + BETWEEN + CAPTION, input.x + (extent[1] - out[1]) / 2];
  const beside = [Math.max(CAPTION, input.y + (extent[0] - out[0]) / 2), x + whole[1] + gap];
  const [outY, outX] = stacked ? below : beside;
  const output = place("out", maps.out, small, outX, outY);
  input.caption = 0;
  output.caption = !stacked && outY - CAPTION < LEVEL ? 0 : outY - CAPTION;
  return { in: input, out: output, stacked, height: Math.ceil(Math.max(ends, output.y + out[0])) + 4 };
}

/** The rectangle [x, y, w, h] of the cells [i, i + rows) × [j, j + columns). */
export const rectOf = ({ x, y, cw, ch }, i, j, rows = 1, columns = 1) => [x + j * cw, y + i * ch, columns * cw, rows * ch];

export const innerRect = (map) => rectOf(map, 0, 0, map.rows, map.columns);

/** The map with the ring around it. */
export function outerRect(map) {
  const { ring } = map;
  return rectOf(map, -ring.top, -ring.left, ...total(map));
}

/** The cell of a map at a point, or null. */
export function cellAt(map, px, py) {
  const cell = [Math.floor((py - map.y) / map.ch), Math.floor((px - map.x) / map.cw)];
  return cell[0] >= 0 && cell[1] >= 0 && cell[0] < map.rows && cell[1] < map.columns ? cell : null;
}

/** The rectangle around the lit rows and columns, or null where nothing is lit. */
export function frameOf(map, { rows, columns }) {
  if (!rows.length || !columns.length) return null;
  const [i, j] = [rows[0], columns[0]];
  return rectOf(map, i, j, rows[rows.length - 1] - i + 1, columns[columns.length - 1] - j + 1);
}

const apart = (a, b, by) => a[0] > b[0] + b[2] + by || b[0] > a[0] + a[2] + by || a[1] > b[1] + b[3] + by || b[1] > a[1] + a[3] + by;

/** A loupe over a map with small cells: the same map enlarged around what is lit, in the corner farthest from it.
 *  `box` is where it stands; null where cells are large enough, or where it would hide what it shows. */
export function loupeOf(map, lit, dpr) {
  const frame = frameOf(map, lit);
  if (!frame || Math.min(map.cw, map.ch) >= LENS) return null;
  const [x, y, w, h] = innerRect(map);
  const side = Math.min(168, 0.4 * Math.min(w, h));
  const span = Math.max(frame[2] / map.cw, frame[3] / map.ch);
  const cells = Math.max(9, Math.ceil(span) + 4);
  const unit = snapped(side / cells, dpr);
  if (unit < 2 * Math.max(map.cw, map.ch)) return null;
  const size = cells * unit;
  const [cx, cy] = [frame[0] + frame[2] / 2, frame[1] + frame[3] / 2];
  const inset = 6;
  const box = [cx > x + w / 2 ? x + inset : x + w - size - inset, cy > y + h / 2 ? y + inset : y + h - size - inset, size, size];
  if (!apart(box, frame, 10)) return null;
  const first = (start, n, before, behind, middle) => Math.max(-before, Math.min(n + behind - cells, Math.round((middle - start - cells / 2))));
  const i = first(0, map.rows, map.ring.top, map.ring.bottom, (cy - map.y) / map.ch);
  const j = first(0, map.columns, map.ring.left, map.ring.right, (cx - map.x) / map.cw);
  return { ...map, x: box[0] - j * unit, y: box[1] - i * unit, cw: unit, ch: unit, box, source: rectOf(map, i, j, cells, cells) };
}
