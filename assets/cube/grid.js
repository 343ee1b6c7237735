// Grid lines on a face: only where a cell is wide enough to be seen, then rows, then every 2nd, 4th, 8th row.

const CLOSEST = 4; // px between two lines

/** Paths are built in index coordinates under the face's map and stroked in pixels. */
export function underMap(g, M, dpr, build) {
  g.setTransform(M[0] * dpr, M[1] * dpr, M[2] * dpr, M[3] * dpr, M[4] * dpr, M[5] * dpr);
  g.beginPath();
  build();
  g.setTransform(dpr, 0, 0, dpr, 0, 0);
}

/** Spacings (in cells) of the lines along an axis whose cells are px pixels wide. */
export function gridSteps(axes, sizes, px) {
  const n = axes.reduce((a, k) => a * sizes[k], 1);
  const row = axes.length > 1 ? sizes[axes[axes.length - 1]] : 0;
  const steps = [];
  if (px >= CLOSEST) steps.push(1);
  else if (row && row < n && row * px >= CLOSEST) steps.push(row);
  else {
    let step = row || 1;
    while (step * px < 2 * CLOSEST) step *= 2;
    if (step < n) steps.push(step);
  }
  return steps;
}

/** Lines over some rectangles [j, i, w, h] of a face; they fade in as the spacing grows. */
export function drawGrid(g, face, view, dpr, rects, color, px) {
  const { plan, small } = view;
  const draw = (axes, spacing, first, last, line) => {
    for (const step of gridSteps(axes, plan.sizes, spacing)) {
      const alpha = Math.min(1, (step * spacing - 2) / 4);
      if (alpha <= 0.05) continue;
      underMap(g, face.M, dpr, () => {
        for (const rect of rects) {
          const [a, b] = [first(rect), last(rect)];
          for (let k = Math.ceil(a / step) * step; k <= b; k += step) line(rect, k);
        }
      });
      g.globalAlpha = alpha;
      g.strokeStyle = color;
      g.lineWidth = small ? 0.6 : 0.8;
      g.stroke();
      g.globalAlpha = 1;
    }
  };
  const column = ([, i, , h], k) => {
    g.moveTo(k, i);
    g.lineTo(k, i + h);
  };
  const row = ([j, , w], k) => {
    g.moveTo(j, k);
    g.lineTo(j + w, k);
  };
  draw(plan.d[face.v], px.betweenColumns, (r) => r[0], (r) => r[0] + r[2], column);
  draw(plan.d[face.u], px.betweenRows, (r) => r[1], (r) => r[1] + r[3], row);
}
