// What outlives data and remounts: the camera, the view, the lit and the pinned cell of every component.
import { freshCamera, freshView } from "./look.js";
import { Shared } from "./shared.js";

const MEMORY = new Map(); // by the component's key

export function memoryOf(id) {
  if (!MEMORY.has(id)) {
    const shared = { look: new Shared(), cell: new Shared() };
    MEMORY.set(id, { cam: freshCamera(), view: freshView(), lit: null, pinned: null, rest: null, ...shared });
  }
  return MEMORY.get(id);
}
