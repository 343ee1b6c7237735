// Where the axis rulers and their labels go: on silhouette edges, inside the picture, apart from one another. Pure.

/** Per display axis the edges of a box with one visible and one hidden neighbour, with their outward normals.
 *  span(d) gives the part [from, to] of axis d that the ruler measures (one box of several). */
export function silhouette(B, hull, span) {
  const centre = B.project(hull.mn.map((x, d) => (x + hull.mx[d]) / 2));
  const out = [];
  for (let d = 0; d < 3; d++) {
    const [u, v] = [0, 1, 2].filter((k) => k !== d);
    const edges = [];
    for (const [su, sv] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
      if ((su ? 1 : -1) * B.v[u] > 0 === (sv ? 1 : -1) * B.v[v] > 0) continue;
      const a = [0, 0, 0];
      a[u] = (su ? hull.mx : hull.mn)[u];
      a[v] = (sv ? hull.mx : hull.mn)[v];
      const b = [...a];
      [a[d], b[d]] = span ? span(d) : [hull.mn[d], hull.mx[d]];
      const [p, q] = [B.project(a), B.project(b)];
      const length = Math.hypot(q[0] - p[0], q[1] - p[1]);
      const along = length > 1e-6 ? [(q[0] - p[0]) / length, (q[1] - p[1]) / length] : [1, 0];
      let normal = [-along[1], along[0]];
      if ((p[0] - centre[0]) * normal[0] + (p[1] - centre[1]) * normal[1] < 0) normal = [-normal[0], -normal[1]];
      edges.push({ d, id: su * 2 + sv, corner: a, p, q, along, normal, length });
    }
    out.push(edges);
  }
  return out;
}

/** The part of an edge inside the picture (Liang and Barsky), so that labels stay on screen when zoomed in. */
export function clipEdge(edge, w, h, margin) {
  let [t0, t1] = [0, 1];
  const [dx, dy] = [edge.q[0] - edge.p[0], edge.q[1] - edge.p[1]];
  const sides = [
    [-dx, edge.p[0] - margin],
    [dx, w - margin - edge.p[0]],
    [-dy, edge.p[1] - margin],
    [dy, h - margin - edge.p[1]],
  ];
  for (const [toward, room] of sides) {
    if (Math.abs(toward) < 1e-9) {
      if (room < 0) return null;
      continue;
    }
    if (toward < 0) t0 = Math.max(t0, room / toward);
    else t1 = Math.min(t1, room / toward);
  }
  if (t1 - t0 < 1e-6) return null;
  const at = (t) => [edge.p[0] + dx * t, edge.p[1] + dy * t];
  return { from: at(t0), to: at(t1) };
}

const overlap = (r, s) => r.x < s.x + s.w && s.x < r.x + r.w && r.y < s.y + s.h && s.y < r.y + r.h;

/** Where a label of size w x h (text) goes for one edge: beside the middle of its visible part. */
function candidate(item, edge, picture, before) {
  const seen = clipEdge(edge, picture.w, picture.h, 8);
  if (!seen) return null;
  const mid = [(seen.from[0] + seen.to[0]) / 2, (seen.from[1] + seen.to[1]) / 2];
  const [nx, ny] = edge.normal;
  let rotated = false;
  const rect = (w, h) => {
    const push = item.off + (Math.abs(nx) * w) / 2 + (Math.abs(ny) * h) / 2;
    const c = [mid[0] + nx * push, mid[1] + ny * push];
    return { x: c[0] - w / 2, y: c[1] - h / 2, w, h };
  };
  let r = rect(item.w, item.h);
  const outside = () => Math.max(0, -r.x, r.x + r.w - picture.w) + Math.max(0, -r.y, r.y + r.h - picture.h);
  if (item.d === 1 && Math.abs(nx) > 0.8 && (item.turn || outside() > 0)) {
    rotated = true;
    r = rect(item.h, item.w);
  }
  const cost = outside() * 8 + (item.d === 1 ? mid[0] : -mid[1]) * 0.5 - (before === edge.id ? 12 : 0);
  r.x = Math.max(0, Math.min(picture.w - r.w, r.x));
  r.y = Math.max(0, Math.min(picture.h - r.h, r.y));
  return { item, edge, rect: r, rotated, cost };
}

/** items: [{key, d, edges, w, h, off, turn}] -> one {item, edge, rect, rotated} each; `memory` keeps the choice
 *  of the frame before, so that labels do not flicker while turning. */
export function placeLabels(items, picture, memory) {
  const choices = items
    .map((item) => item.edges.map((e) => candidate(item, e, picture, memory[item.key])).filter(Boolean))
    .filter((list) => list.length);
  let best = { cost: Infinity, list: [] };
  const search = (k, chosen, cost) => {
    if (cost >= best.cost) return;
    if (k === choices.length) {
      best = { cost, list: chosen };
      return;
    }
    for (const c of choices[k]) {
      const hits = chosen.filter((other) => overlap(c.rect, other.rect)).length;
      search(k + 1, [...chosen, c], cost + c.cost + 1e4 + hits * 500);
    }
  };
  search(0, [], 0);
  for (const c of best.list) memory[c.item.key] = c.edge.id;
  return best.list;
}
