// Which indices of an axis an output reads, and which outputs read an index. Pure functions, no DOM.
// The windows of one axis: {length, start: [per output], size: [per output], step, padded: [before, behind]}

/** Every index that output o reads, those in the padding included. */
export const readsOf = ({ start, size, step }, o) => Array.from({ length: size[o] }, (_, j) => start[o] + step * j);

/** The indices of the input that output o reads. */
export const windowOf = (axis, o) => readsOf(axis, o).filter((i) => i >= 0 && i < axis.length);

/** The outputs that read index i: the transpose of windowOf. */
export function reach({ start, size, step }, i) {
  const found = [];
  for (let o = 0; o < start.length; o++) {
    const past = i - start[o];
    if (past >= 0 && past % step === 0 && past < step * size[o]) found.push(o);
  }
  return found;
}

/** How many cells stand before and behind the axis: its padding, and what the last windows read beyond it. */
export function marginOf({ length, start, size, step, padded }) {
  const ends = start.map((s, o) => s + step * (size[o] - 1) + 1);
  return [Math.max(padded[0], ...start.map((s) => -s)), Math.max(padded[1], ...ends.map((e) => e - length))];
}

/** A rising list of indices as half-open stretches [a, b) without gaps. */
export function stretches(list) {
  const found = [];
  for (const i of list) {
    const last = found[found.length - 1];
    if (last && last[1] === i) last[1] = i + 1;
    else found.push([i, i + 1]);
  }
  return found;
}
