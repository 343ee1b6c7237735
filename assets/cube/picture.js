// One picture of a component: takes new data, and draws itself with what the component knows.
import { Bitmaps } from "./bitmaps.js";
import { cssOf, partitionRgb } from "./color.js";
import { paint } from "./paint.js";
import { fillCaption, makeFigure } from "./panel.js";
import { buildScene } from "./scene.js";
import { boundaries, partitionOf, setBox } from "./sets.js";
import { hasBroken } from "./stats.js";

const SLOW_FRAME = 20; // ms; at a device ratio >= 2 turning then draws at 1

export class Picture {
  constructor(stage) {
    this.parts = makeFigure();
    this.bitmaps = new Bitmaps();
    this.labels = {};
    this.stamp = "";
    this.sums = new Map();
    stage.append(this.parts.figure);
  }

  /** New data: which set belongs to which cell, and perhaps values. */
  update(cube, spec, plan) {
    this.cube = cube;
    if (this.stamp !== cube.stamp || !this.plan || String(this.plan.sizes) !== String(plan.sizes)) {
      Object.assign(this, { stamp: cube.stamp, broken: Boolean(cube.values) && hasBroken(cube.values) });
      this.sums.clear();
    }
    this.plan = plan;
    this.bounds = plan.d.map((axes) => boundaries(cube.sets, axes, plan.sizes));
    this.partition = cube.partition && cube.sets.length === 1 ? partitionOf(cube.sets[0], plan, this.bounds) : null;
    const values = (spec.colour === "before" || spec.colour === "after") && cube.values;
    this.mode = spec.colour === "all" && this.partition ? "all" : values ? "values" : "set";
    this.scene = null;
    fillCaption(this.parts, cube);
  }

  remove() {
    this.bitmaps.use("gone");
    this.parts.figure.remove();
  }

  /** CSS pixels: as high as the window allows, never higher than wide; several pictures share its height by their rows. */
  size({ many, rows }) {
    const w = Math.max(80, this.parts.figure.clientWidth || 300);
    const around = this.mode === "values" ? 372 : 344; // six values under the pictures take a second line
    const most = many ? Math.max(190, Math.min(360, (innerHeight - around) / rows)) : Math.max(340, Math.min(720, innerHeight - 330));
    return { w, h: Math.round(Math.min(most, w * (many ? 0.95 : 1))) };
  }

  fitCanvas({ w, h }, dpr) {
    const { canvas } = this.parts;
    if (canvas.width === Math.round(w * dpr) && canvas.height === Math.round(h * dpr)) return;
    canvas.width = Math.round(w * dpr);
    canvas.height = Math.round(h * dpr);
    canvas.style.height = `${h}px`;
  }

  /** The colour that stands for the lit set. */
  keyOf(theme, cell) {
    if (this.mode === "values") return theme.text;
    if (this.mode === "set") return theme.setKey;
    const ordinal = cell.map((i, k) => this.partition.axes[k].of[i]);
    return cssOf(partitionRgb(theme, ordinal, this.partition.counts));
  }

  /** now: {cell, view, cam, theme, spec, many, rows, turning, frameMs} */
  draw(now) {
    const { cube, plan, mode } = this;
    const { cell, spec, theme } = now;
    const size = this.size(now);
    const full = Math.min(devicePixelRatio || 1, 3);
    const dpr = full >= 2 && now.turning && now.frameMs > SLOW_FRAME ? 1 : full;
    this.fitCanvas(size, dpr);
    this.boxes = cube.sets.map((set) => setBox(set, cell, plan));
    const lifted = now.view.lift > 0 && this.boxes.length === 1 ? this.boxes[0] : null;
    const key = JSON.stringify([now.view, lifted && [lifted.lo, lifted.hi]]);
    if (!this.scene || this.sceneKey !== key) {
      this.scene = buildScene(plan, now.view, this.bounds, lifted);
      this.sceneKey = key;
    }
    const limit = spec.limit ?? 1;
    const shown = mode === "values" ? [cube.stamp, limit] : [cube.codes];
    this.bitmaps.use(JSON.stringify([mode, theme.bg, spec.sizes, spec.arrangement, ...shown]));
    this.keyColor = this.keyOf(theme, cell);
    const view = {
      ...{ plan, cell, mode, theme, limit, names: spec.names, small: now.many, xray: now.view.xray },
      ...{ scene: this.scene, boxes: this.boxes, keyColor: this.keyColor, partition: this.partition },
      ...{ bitmaps: this.bitmaps, values: cube.values, reads: cube.buffers?.axis ?? -1 },
    };
    const done = paint(this.parts.canvas.getContext("2d"), view, now.cam, { ...size, dpr }, this.labels);
    this.faces = done.faces;
    this.camera = done.B;
    this.set = this.boxes.map((b) => b.lo.map((l, k) => `${l}:${b.hi[k]}`).join()).join(";");
    Object.assign(this.parts.figure.dataset, { key: cube.key, set: this.set, size: this.boxes.map((b) => b.size).join(";") });
  }
}
