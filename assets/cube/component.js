// One mounted component: its state, its pictures, and what hands and Python do to them.
import { canSpreadSets, makeActions, viewAxes } from "./actions.js";
import { pick } from "./camera.js";
import { readTheme } from "./color.js";
import { interact } from "./interact.js";
import { decodeLook, encodeLook, goHome, onlyOne } from "./look.js";
import { memoryOf } from "./memory.js";
import { fillLegend, fillMore, fillTools, makeFrame, plainSentence } from "./panel.js";
import { Picture } from "./picture.js";
import { Player } from "./play.js";
import { Readout } from "./readout.js";
import { makePlan } from "./scene.js";
import { commonSet, flatten, nextSet, unflatten } from "./sets.js";
import { fits, sameCell } from "./shared.js";

const LOOK_DELAY = 400; // ms after a gesture before Python hears of it

export class Component {
  constructor(host) {
    this.frame = makeFrame();
    this.pictures = [];
    this.more = "";
    this.frames = 0;
    this.acts = makeActions(this);
    this.readout = new Readout(this.frame);
    this.player = new Player(() => this.nextSet(), () => this.refreshTools());
    host.append(this.frame.root);
    const again = () => this.redraw();
    this.observer = new ResizeObserver(again);
    this.observer.observe(this.frame.root);
    this.off = new AbortController();
    addEventListener("resize", again, { signal: this.off.signal });
    this.frame.probe.addEventListener("transitionrun", () => setTimeout(again, 60)); // the theme has changed
    Promise.all(['italic 600 16px "Source Serif"', '500 16px "Source Sans"'].map((f) => document.fonts.load(f))).then(again, again);
  }

  dispose() {
    this.player.stop();
    this.hand?.dispose();
    this.off.abort();
    this.observer.disconnect();
    clearTimeout(this.lookTimer);
    this.readout.dispose();
    cancelAnimationFrame(this.pending);
    this.frame.root.remove();
  }

  /** New data from Python. */
  update(spec, send) {
    const { frame } = this;
    this.spec = spec;
    this.send = send;
    this.memory = memoryOf(spec.id);
    this.plan = makePlan(spec.sizes, spec.arrangement);
    if (!this.hand) this.hand = interact(this.hands());
    const { memory } = this;
    if (memory.look.heard(spec.look)) {
      const { cam, view } = decodeLook(spec.look);
      Object.assign(memory.cam, cam);
      Object.assign(memory.view, view);
    }
    if (memory.cell.heard(spec.cell)) {
      memory.pinned = spec.cell;
      if (spec.cell) memory.lit = null;
    }
    if (!fits(memory.pinned, spec.sizes)) memory.pinned = null;
    if (!fits(memory.lit, spec.sizes)) memory.lit = null;
    memory.rest = memory.pinned ?? (fits(memory.rest, spec.sizes) ? memory.rest : spec.home);
    if (memory.cam.home) goHome(memory.cam, this.plan.home);
    spec.cubes.forEach((cube, k) => {
      this.pictures[k] ??= new Picture(frame.stage);
      this.pictures[k].update(cube, spec, this.plan);
    });
    while (this.pictures.length > spec.cubes.length) this.pictures.pop().remove();
    frame.root.classList.toggle("nv-several", spec.cubes.length > 1);
    frame.stage.classList.toggle("nv-many", spec.cubes.length > 1);
    frame.stage.dataset.count = String(spec.cubes.length);
    // Over one picture there is room for the legend; several have theirs beside the readout.
    if (spec.cubes.length > 1) frame.foot.insertBefore(frame.legend, frame.tools);
    else frame.root.prepend(frame.legend);
    const shape = spec.names.map((n, k) => `${n} = ${spec.sizes[k]}`).join(", ");
    const titles = spec.cubes.map((c) => c.title).filter(Boolean).join(", ");
    frame.stage.setAttribute("aria-label", plainSentence(spec.words.label, { shape, titles }));
    frame.keys.textContent = spec.words.keys;
    frame.tools.hidden = frame.more.hidden = !spec.tools;
    if (this.memory.view.spread) this.more = "spread";
    else if (this.memory.view.peel.some(Boolean)) this.more = "peel";
    this.refreshTools();
    this.redraw();
    if (memory.untold) this.tellLook(); // the gesture ended just before a remount
  }

  get cell() {
    return this.memory.lit ?? this.memory.pinned ?? this.memory.rest;
  }

  /** What a hand may do: see interact.js. */
  hands() {
    const self = this;
    return {
      stage: this.frame.stage,
      get cam() {
        return self.memory.cam;
      },
      home: () => this.plan.home,
      pick: (event) => this.pickAt(event),
      light: (cell) => this.light(cell),
      walk: (d, step) => this.walk(d, step),
      pin: () => this.pin(this.cell),
      unpin: () => this.pin(null),
      turned: (done) => {
        this.redraw();
        if (done) this.tellLook();
      },
      redraw: () => this.redraw(),
    };
  }

  pickAt(event) {
    const picture = this.pictures.find((p) => p.parts.canvas === event.target);
    if (!picture?.faces) return null;
    const box = picture.parts.canvas.getBoundingClientRect();
    return pick(picture.faces, this.plan, event.clientX - box.left, event.clientY - box.top);
  }

  light(cell) {
    const { memory } = this;
    if (cell === null && !memory.pinned) return; // stays where it is: never empty
    if (sameCell(cell, memory.lit)) return;
    memory.lit = cell;
    if (cell) memory.rest = cell;
    this.redraw();
  }

  pin(cell) {
    const { memory } = this;
    if (!cell && !memory.pinned) return;
    memory.rest = this.cell;
    memory.lit = cell ? null : memory.lit;
    memory.pinned = cell;
    if (memory.cell.send(cell)) this.send("cell", cell);
    this.redraw();
  }

  /** One cell along a display axis as the eye sees it: right, down, or away. */
  walk(d, step) {
    const { plan } = this;
    const B = this.pictures[0].camera;
    const away = B ? [B.X[0] * plan.dir[0] < 0, false, B.v[2] * plan.dir[2] > 0][d] : false;
    const axes = d === 2 ? [...plan.grid, ...plan.d[2]] : plan.d[d];
    const n = axes.reduce((a, k) => a * plan.sizes[k], 1);
    const index = flatten(axes, plan.sizes, this.cell) + (away ? -step : step);
    this.light(unflatten(axes, plan.sizes, Math.max(0, Math.min(n - 1, index)), [...this.cell]));
  }

  /** The set that playing steps through: what all sets of all pictures have in common, so that each of them comes by. */
  playedSet() {
    return commonSet(this.pictures.flatMap(({ cube }) => (cube.sets.length ? cube.sets : [this.entries(cube.buffers)])));
  }

  /** The cells that read one entry of the buffers; each cell alone where there are none. */
  entries(buffers) {
    const n = this.spec.sizes;
    const own = (k) => !buffers || k === buffers.axis;
    return {
      lo: n.map((m, k) => Int32Array.from({ length: m }, (_, i) => (own(k) ? i : 0))),
      hi: n.map((m, k) => Int32Array.from({ length: m }, (_, i) => (own(k) ? i + 1 : m))),
    };
  }

  nextSet() {
    this.light(nextSet(this.playedSet(), this.spec.sizes, this.cell));
  }

  tellLook() {
    this.memory.untold = true;
    clearTimeout(this.lookTimer);
    this.lookTimer = setTimeout(() => {
      this.memory.untold = false;
      const look = encodeLook(this.memory.cam, this.memory.view);
      if (this.memory.look.send(look)) this.send("look", look);
    }, LOOK_DELAY);
  }

  /** Change the view; `last` names the newest wish, `done` says that the hand has let go. */
  setView(change, last, done = true) {
    onlyOne(Object.assign(this.memory.view, change), last);
    this.refreshTools();
    this.redraw();
    if (done) this.tellLook();
  }

  refreshTools() {
    if (!this.spec?.tools) return;
    const { memory, frame } = this;
    const { view } = memory;
    const can = { lift: this.pictures.every((p) => p.cube.sets.length === 1), sets: canSpreadSets(this) };
    const model = { words: this.spec.words, playing: this.player.playing, view, more: this.more, can };
    fillTools(frame, model, this.acts);
    fillMore(frame, model, viewAxes(this), this.acts);
    frame.root.dataset.playing = this.player.playing ? "1" : "0";
  }

  redraw() {
    if (this.pending || !this.spec) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      const began = performance.now();
      const { cell, memory, spec } = this;
      const theme = readTheme(this.frame.root);
      const many = this.pictures.length > 1;
      const columns = getComputedStyle(this.frame.stage).gridTemplateColumns.split(" ").length;
      const rows = Math.ceil(this.pictures.length / columns);
      const hand = { many, rows, turning: this.hand.dragging(), frameMs: this.frameMs };
      for (const p of this.pictures) p.draw({ cell, view: memory.view, cam: memory.cam, theme, spec, ...hand });
      this.frameMs = performance.now() - began;
      this.afterwards(theme);
    });
  }

  /** Readout, legend and data attributes, after the pictures. */
  afterwards(theme) {
    const { frame, spec, memory, pictures, cell } = this;
    const { words } = spec;
    const first = pictures[0];
    frame.root.style.setProperty("--nv-quiet", theme.text2);
    frame.root.style.setProperty("--nv-set-text", theme.setText);
    const values = pictures.some((p) => p.mode === "values");
    fillLegend(frame, theme, words, values ? (spec.limit ?? 1) : null, pictures.some((p) => p.broken));
    const overlapping = ({ boxes }) => (boxes.length > 1 ? words.mixture : boxes.length ? words.not_partition : words.nothing_shared);
    const named = (p) => (pictures.length > 1 ? `${p.cube.title}: ` : "") + overlapping(p);
    const uncoloured = spec.colour === "all" ? pictures.filter((p) => p.mode !== "all") : [];
    const note = uncoloured.map(named).join(" ");
    frame.note.textContent = note;
    frame.note.hidden = !note;
    this.readout.show({ spec, pictures, theme, cell, pinned: sameCell(cell, memory.pinned) });
    const { cam } = memory;
    Object.assign(frame.root.dataset, {
      cell: cell.join(),
      set: first.set,
      size: first.parts.figure.dataset.size,
      camera: [cam.az, cam.el, cam.zoom].map((x) => x.toFixed(3)).join(),
      pinned: memory.pinned ? memory.pinned.join() : "",
      colour: spec.colour,
      look: encodeLook(cam, memory.view),
      frameMs: this.frameMs.toFixed(2),
      frames: String((this.frames += 1)),
      ready: "1",
    });
  }
}
