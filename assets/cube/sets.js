// Sets of cells that share a statistic. Pure functions, no DOM.
// A set is {lo, hi, weight}: per tensor axis k, index i shares with the half-open interval [lo[k][i], hi[k][i]).

export const product = (numbers) => numbers.reduce((a, b) => a * b, 1);

/** Intervals of one axis as they travel: 0 means every index alone, else flat triples lo, hi, repeat. */
export function expandIntervals(code, n) {
  const lo = new Int32Array(n);
  const hi = new Int32Array(n);
  if (code === 0) {
    for (let i = 0; i < n; i++) {
      lo[i] = i;
      hi[i] = i + 1;
    }
  } else {
    let i = 0;
    for (let q = 0; q < code.length; q += 3) {
      const end = i + code[q + 2];
      lo.fill(code[q], i, end);
      hi.fill(code[q + 1], i, end);
      i = end;
    }
  }
  return [lo, hi];
}

export function expandSet(codes, sizes, weight = 1) {
  const pairs = codes.map((code, k) => expandIntervals(code, sizes[k]));
  return { lo: pairs.map((p) => p[0]), hi: pairs.map((p) => p[1]), weight };
}

/** Row-major index of a cell along some tensor axes; unflatten is its inverse and writes into cell. */
export function flatten(axes, sizes, cell) {
  let index = 0;
  for (const k of axes) index = index * sizes[k] + cell[k];
  return index;
}

export function unflatten(axes, sizes, index, cell) {
  for (let q = axes.length - 1; q >= 0; q--) {
    const n = sizes[axes[q]];
    cell[axes[q]] = index % n;
    index = Math.floor(index / n);
  }
  return cell;
}

/** The product of intervals on flattened axes, as runs [a, b) of the flattened index. */
export function runs(axes, sizes, lo, hi) {
  let found = [[0, 1]];
  for (const k of axes) {
    const n = sizes[k];
    if (lo[k] === 0 && hi[k] === n) found = found.map(([a, b]) => [a * n, b * n]);
    else {
      const next = [];
      for (const [a, b] of found) for (let i = a; i < b; i++) next.push([i * n + lo[k], i * n + hi[k]]);
      found = next;
    }
  }
  return found;
}

/** The set of one cell: bounds per tensor axis, runs per display axis, and how many cells it has. */
export function setBox(set, cell, plan) {
  const lo = cell.map((i, k) => set.lo[k][i]);
  const hi = cell.map((i, k) => set.hi[k][i]);
  return boxOf(lo, hi, set.weight, plan);
}

export function boxOf(lo, hi, weight, plan) {
  return {
    lo,
    hi,
    weight,
    size: product(lo.map((l, k) => hi[k] - l)),
    runs: plan.d.map((axes) => runs(axes, plan.sizes, lo, hi)),
  };
}

/** What all boxes of one cell have in common: never empty, the cell itself is in each. */
export function commonBox(boxes, plan) {
  const lo = boxes[0].lo.map((_, k) => Math.max(...boxes.map((b) => b.lo[k])));
  const hi = boxes[0].hi.map((_, k) => Math.min(...boxes.map((b) => b.hi[k])));
  return boxOf(lo, hi, 1, plan);
}

/** Along every axis what the sets of each index have in common: the coarsest set that steps through all of theirs. */
export function commonSet(sets) {
  const meet = (side, of) => sets[0][side].map((list, k) => list.map((_, i) => of(...sets.map((set) => set[side][k][i]))));
  return { lo: meet("lo", Math.max), hi: meet("hi", Math.min), weight: 1 };
}

export const inRuns = (list, i) => list.some(([a, b]) => i >= a && i < b);

/** Whether a separate box of the scene (its fixed indices) takes part in a set. */
export const inBlock = (block, box, grid) => grid.every((k) => block.fix[k] >= box.lo[k] && block.fix[k] < box.hi[k]);

/** Number the distinct intervals of axis k: {of: ordinal per index, starts: first index per ordinal}. */
export function ordinals(set, k, n) {
  const of = new Int32Array(n);
  const starts = [];
  for (let i = 0; i < n; i++) {
    if (i === 0 || set.lo[k][i] !== set.lo[k][i - 1] || set.hi[k][i] !== set.hi[k][i - 1]) starts.push(i);
    of[i] = starts.length - 1;
  }
  return { of, starts };
}

/** A cell of the next set, in row-major order of the sets; axes on which the set is whole keep their index. */
export function nextSet(set, sizes, cell) {
  const tables = sizes.map((n, k) => ordinals(set, k, n));
  const at = cell.map((i, k) => tables[k].of[i]);
  for (let k = sizes.length - 1; k >= 0; k--) {
    at[k] = (at[k] + 1) % tables[k].starts.length;
    if (at[k] !== 0) break;
  }
  return cell.map((i, k) => (tables[k].of[i] === at[k] ? i : tables[k].starts[at[k]]));
}

/** Indices of a flattened axis where some set ends and another begins, with both ends: [0, ..., n]. */
export function boundaries(sets, axes, sizes) {
  const n = product(axes.map((k) => sizes[k]));
  const cuts = [0];
  const cell = [];
  const last = [];
  for (let i = 0; i < n; i++) {
    unflatten(axes, sizes, i, cell);
    const differs = (set) => axes.some((k) => set.lo[k][cell[k]] !== set.lo[k][last[k]]);
    if (i > 0 && sets.some(differs)) cuts.push(i);
    for (const k of axes) last[k] = cell[k];
  }
  cuts.push(n);
  return cuts;
}

/** The partition a set makes of the tensor: ordinals and counts per axis, and per display axis the size of a block.
 *  bounds: its boundaries per display axis. */
export function partitionOf(set, plan, bounds) {
  const axes = plan.sizes.map((n, k) => ordinals(set, k, n));
  const gcd = (a, b) => (b ? gcd(b, a % b) : a);
  const unit = bounds.map((list) => list.reduce(gcd, 0));
  return { axes, counts: axes.map((a) => a.starts.length), unit };
}
