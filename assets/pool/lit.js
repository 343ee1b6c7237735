// What a cell lights up in both maps, and where one goes from it. Pure functions, no DOM.
// A spot is {side: "in" | "out", cell: [h, w]}; data: {sizes: {in, out}, windows: {rows, columns}, winners}.
import { marginOf, reach, readsOf, windowOf } from "./windows.js";

export const otherSide = (side) => (side === "in" ? "out" : "in");
export const middleOf = ([h, w]) => [h >> 1, w >> 1];
export const spotText = (spot) => (spot ? `${spot.side}:${spot.cell}` : "");

/** The input cell that won an output, or null. */
function winnerOf({ winners, sizes }, [h, w]) {
  const at = winners ? winners[h * sizes.out[1] + w] : -1;
  return at < 0 ? null : [Math.floor(at / sizes.in[1]), at % sizes.in[1]];
}

/** How many of the indices lie in the map or its padding. */
const within = ({ length, padded }, list) => list.filter((i) => i >= -padded[0] && i < length + padded[1]).length;

/** The window of an output: {in, out} say which rows and columns of each map are lit. */
function litByOutput(data, cell) {
  const { rows, columns } = data.windows;
  const all = { rows: readsOf(rows, cell[0]), columns: readsOf(columns, cell[1]) };
  const inside = { rows: windowOf(rows, cell[0]), columns: windowOf(columns, cell[1]) };
  const count = all.rows.length * all.columns.length;
  const counted = within(rows, all.rows) * within(columns, all.columns);
  const padding = counted - inside.rows.length * inside.columns.length;
  const out = { rows: [cell[0]], columns: [cell[1]] };
  return { in: all, out, lit: inside, count, padding, beyond: count - counted, winner: winnerOf(data, cell), wins: [] };
}

/** The outputs that read an input cell, and those among them that it wins. */
function litByInput(data, cell) {
  const { rows, columns } = data.windows;
  const out = { rows: reach(rows, cell[0]), columns: reach(columns, cell[1]) };
  const flat = cell[0] * data.sizes.in[1] + cell[1];
  const won = (h, w) => data.winners?.[h * data.sizes.out[1] + w] === flat;
  const wins = out.rows.flatMap((h) => out.columns.filter((w) => won(h, w)).map((w) => [h, w]));
  const count = out.rows.length * out.columns.length;
  return { in: { rows: [cell[0]], columns: [cell[1]] }, out, lit: out, count, padding: 0, beyond: 0, winner: null, wins };
}

export const litBy = (data, { side, cell }) => ({ side, cell, ...(side === "out" ? litByOutput : litByInput)(data, cell) });

/** The cell of the other map that belongs to a spot: the winner or the middle of its window, or the first output. */
export function partner(data, spot) {
  const lit = litBy(data, spot);
  const side = otherSide(spot.side);
  const middle = [lit.lit.rows, lit.lit.columns].map((list) => list[list.length >> 1]);
  const cell = lit.winner ?? lit.wins[0] ?? middle;
  return { side, cell: cell.includes(undefined) ? middleOf(data.sizes[side]) : cell };
}

/** The output after a spot, row by row and round again; from the input, its first output. */
export function nextOutput(data, spot) {
  if (spot.side === "in") return partner(data, spot);
  const [height, width] = data.sizes.out;
  const next = (spot.cell[0] * width + spot.cell[1] + 1) % (height * width);
  return { side: "out", cell: [Math.floor(next / width), next % width] };
}

/** Both maps as the layout wants them: rows and columns, and the ring of cells around them. */
export function mapsOf({ sizes, windows }) {
  const [top, bottom] = marginOf(windows.rows);
  const [left, right] = marginOf(windows.columns);
  const bare = { top: 0, bottom: 0, left: 0, right: 0 };
  const map = ([rows, columns], ring) => ({ rows, columns, ring });
  return { in: map(sizes.in, { top, bottom, left, right }), out: map(sizes.out, bare) };
}
