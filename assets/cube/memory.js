// What outlives data and remounts: the camera, the view, the lit and the pinned cell of every component.
import { freshCamera, freshView, Shared } from "./look.js";

const MEMORY = new Map(); // by the component's key

export function memoryOf(id) {
  if (!MEMORY.has(id)) {
    const shared = { look: new Shared(), cell: new Shared() };
    MEMORY.set(id, { cam: freshCamera(), view: freshView(), lit: null, pinned: null, rest: null, ...shared });
  }
  return MEMORY.get(id);
}

/** Whether two cells, or nulls, are the same. */
export const sameCell = (a, b) => String(a) === String(b);
/** Whether something is a cell of a tensor of these sizes. */
export const fits = (cell, sizes) =>
  Array.isArray(cell) && cell.length === sizes.length && cell.every((i, k) => Number.isInteger(i) && i >= 0 && i < sizes[k]);
