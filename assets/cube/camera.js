// An orthographic camera, faces as affine maps from index coordinates to pixels, and picking. Pure functions.
import { unflatten } from "./sets.js";
import { worldAt } from "./scene.js";

const clampTo = (x, a, b) => Math.max(a, Math.min(b, x));
export const MAX_ELEVATION = 1.45;
export const ZOOM = [0.4, 16];

/** Keep a camera in range: azimuth within a turn, elevation off the poles, zoom bounded. */
export function tidyCamera(cam) {
  cam.az = Math.atan2(Math.sin(cam.az), Math.cos(cam.az));
  cam.el = clampTo(cam.el, -MAX_ELEVATION, MAX_ELEVATION);
  cam.zoom = clampTo(cam.zoom, ...ZOOM);
  return cam;
}

function axesOf({ az, el }) {
  const [ca, sa, ce, se] = [Math.cos(az), Math.sin(az), Math.cos(el), Math.sin(el)];
  return { X: [ca, 0, -sa], Y: [sa * se, -ce, ca * se], v: [sa * ce, se, ca * ce] };
}

/** Pixels per world unit: the box fills the home view, and no turn about the vertical pushes it out sideways. */
export function fitScale(bounds, home, w, h, margin) {
  const { X, Y } = axesOf(home);
  const size = bounds.mn.map((x, d) => bounds.mx[d] - x);
  const extent = (V) => size.reduce((t, s, d) => t + Math.abs(V[d]) * s, 0);
  const room = [Math.max(40, w - 2 * margin[0]), Math.max(40, h - 2 * margin[1])];
  const widest = (w - margin[0]) / Math.hypot(size[0], size[2]);
  return Math.min(room[0] / extent(X), room[1] / extent(Y), widest);
}

/** cam: {az, el, zoom, px, py}; scale: pixels per world unit at zoom 1; at: where the middle of bounds goes. */
export function makeCamera(cam, scale, at, bounds) {
  const { X, Y, v } = axesOf(cam);
  const s = scale * cam.zoom;
  const mid = bounds.mn.map((x, d) => (x + bounds.mx[d]) / 2);
  const dot = (V, q) => V[0] * q[0] + V[1] * q[1] + V[2] * q[2];
  const ox = at[0] - s * dot(X, mid) + cam.px;
  const oy = at[1] - s * dot(Y, mid) + cam.py;
  return { X, Y, v, s, project: (q) => [ox + s * dot(X, q), oy + s * dot(Y, q)] };
}

const ROWS_COLUMNS = [
  [1, 2],
  [2, 0],
  [1, 0],
]; // display axes of a face's rows (u) and columns (v), by the axis it is perpendicular to

/** The visible face of a piece across display axis d, or null when it is seen from the edge.
 *  M maps (index along v, index along u) to pixels; slice is the index of the cells one sees. */
export function faceOf(scene, B, piece, d) {
  if (Math.abs(B.v[d]) < 0.012) return null;
  const { plan } = scene;
  const [u, v] = ROWS_COLUMNS[d];
  const step = (k) => (plan.dir[k] * scene.len[k] * B.s) / scene.total[k];
  const origin = [0, 0, 0];
  origin[d] = B.v[d] > 0 ? piece.mx[d] : piece.mn[d];
  for (const k of [u, v]) origin[k] = worldAt(scene, k, 0, piece.shift[k]) + piece.off[k] + piece.block.off[k];
  const o = B.project(origin);
  return {
    piece,
    d,
    tone: d === 1 && B.v[1] < 0 ? 3 : d, // which shade of a colour: side, top, front, bottom
    u,
    v,
    slice: plan.dir[d] > 0 === B.v[d] > 0 ? piece.b[d] - 1 : piece.a[d],
    M: [B.X[v] * step(v), B.Y[v] * step(v), B.X[u] * step(u), B.Y[u] * step(u), o[0], o[1]],
    i0: piece.a[u],
    i1: piece.b[u],
    j0: piece.a[v],
    j1: piece.b[v],
  };
}

/** All visible faces of pieces given from back to front. */
export function facesOf(scene, B, pieces) {
  const faces = [];
  for (const piece of pieces)
    for (let d = 0; d < 3; d++) {
      const face = faceOf(scene, B, piece, d);
      if (face) faces.push(face);
    }
  return faces;
}

/** The cell under a pixel, or null. faces: in paint order, so the nearest is last. */
export function pick(faces, plan, x, y) {
  for (let q = faces.length - 1; q >= 0; q--) {
    const f = faces[q];
    const [a, b, c, d, e, g] = f.M;
    const area = a * d - b * c;
    if (Math.abs(area) < 1e-7) continue;
    const j = ((x - e) * d - (y - g) * c) / area;
    const i = ((y - g) * a - (x - e) * b) / area;
    if (i < f.i0 || i >= f.i1 || j < f.j0 || j >= f.j1) continue;
    const cell = plan.sizes.map((_, k) => f.piece.block.fix[k] ?? 0);
    unflatten(plan.d[f.d], plan.sizes, f.slice, cell);
    unflatten(plan.d[f.u], plan.sizes, Math.floor(i), cell);
    unflatten(plan.d[f.v], plan.sizes, Math.floor(j), cell);
    return cell;
  }
  return null;
}

/** Pixels per cell of a face: along its columns (v), along its rows (u), and their true perpendicular spacings. */
export function cellPixels(M) {
  const v = Math.hypot(M[0], M[1]);
  const u = Math.hypot(M[2], M[3]);
  const area = Math.abs(M[0] * M[3] - M[1] * M[2]);
  return { v, u, betweenColumns: area / u, betweenRows: area / v };
}
