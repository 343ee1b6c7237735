// One mounted component: what is lit and pinned, and what hands and Python do to it.
import { Bitmaps } from "../cube/bitmaps.js";
import { readTheme } from "../cube/color.js";
import { fillLegend } from "../cube/panel.js";
import { Player } from "../cube/play.js";
import { fits, Shared } from "../cube/shared.js";
import { hasBroken } from "../cube/stats.js";
import { fillPads, fillPlay, makePoolFrame, placePads } from "./frame.js";
import { makeHands } from "./hands.js";
import { arrange, cellAt } from "./layout.js";
import { litBy, mapsOf, middleOf, nextOutput, partner, spotText } from "./lit.js";
import { paintPool } from "./paint.js";
import { PoolReadout } from "./readout.js";

const SWEEP = 60000; // ms that playing over the whole map should take, where a step is then neither hasty nor slow
const [FASTEST, SLOWEST] = [90, 700]; // ms a step
const KEPT = new Map(); // by the component's key: what outlives data and remounts

function keptOf(id) {
  if (!KEPT.has(id)) KEPT.set(id, { lit: null, pinned: null, rest: null, shared: new Shared() });
  return KEPT.get(id);
}

export class PoolComponent {
  constructor(host) {
    this.frame = makePoolFrame();
    this.bitmaps = new Bitmaps();
    this.readout = new PoolReadout(this.frame);
    this.player = new Player(() => this.light(nextOutput(this.spec, this.spot)), () => this.refreshPlay());
    this.frames = 0;
    host.append(this.frame.root);
    const again = () => this.redraw();
    this.observer = new ResizeObserver(again);
    this.observer.observe(this.frame.root);
    this.off = new AbortController();
    addEventListener("resize", again, { signal: this.off.signal });
    this.frame.probe.addEventListener("transitionrun", () => setTimeout(again, 60)); // the theme has changed
    document.fonts.ready.then(again);
    this.hands = makeHands(this.api());
  }

  dispose() {
    this.player.stop();
    this.hands.dispose();
    this.off.abort();
    this.observer.disconnect();
    this.readout.dispose();
    cancelAnimationFrame(this.pending);
    this.pending = -1; // what still comes late finds nothing to draw
    this.bitmaps.use("gone");
    this.frame.root.remove();
  }

  /** New data from Python. */
  update(spec, send) {
    Object.assign(this, { spec, send, kept: keptOf(spec.id) });
    const { kept } = this;
    this.maps = mapsOf(spec);
    this.broken = hasBroken(spec.values.in) || hasBroken(spec.values.out);
    if (kept.shared.heard(spec.pinned)) {
      kept.pinned = spec.pinned;
      if (spec.pinned) kept.lit = null;
    }
    const there = (spot) => (spot && fits(spot.cell, spec.sizes[spot.side]) ? spot : null);
    for (const name of ["pinned", "lit", "rest"]) kept[name] = there(kept[name]);
    kept.rest = kept.pinned ?? kept.rest ?? { side: spec.side, cell: middleOf(spec.sizes[spec.side]) };
    const [height, width] = spec.sizes.out;
    this.player.ms = Math.min(SLOWEST, Math.max(FASTEST, SWEEP / (height * width)));
    fillPads(this.frame, spec);
    this.refreshPlay();
    this.redraw();
  }

  /** What the eye is on: {side, cell}. Never nothing. */
  get spot() {
    return this.kept.lit ?? this.kept.pinned ?? this.kept.rest;
  }

  api() {
    return {
      frame: this.frame,
      lit: () => this.kept.lit,
      pick: (event) => this.pickAt(event),
      light: (spot) => this.light(spot),
      enter: (side) => side !== this.spot.side && this.light(partner(this.spec, this.spot)),
      walk: (side, rows, columns) => this.walk(side, rows, columns),
      pin: () => this.pin(this.spot),
      unpin: () => this.pin(null),
    };
  }

  pickAt(event) {
    if (!this.layout) return null;
    const box = this.frame.canvas.getBoundingClientRect();
    for (const side of ["in", "out"]) {
      const cell = cellAt(this.layout[side], event.clientX - box.left, event.clientY - box.top);
      if (cell) return { side, cell };
    }
    return null;
  }

  light(spot) {
    const { kept } = this;
    if (!spot && !kept.pinned) return; // stays where it is: never empty
    if (spotText(spot) === spotText(kept.lit)) return;
    kept.lit = spot;
    if (spot) kept.rest = spot;
    this.redraw();
  }

  walk(side, rows, columns) {
    const from = this.spot.side === side ? this.spot : partner(this.spec, this.spot);
    const moved = [rows, columns].map((d, k) => Math.max(0, Math.min(this.spec.sizes[side][k] - 1, from.cell[k] + d)));
    this.light({ side, cell: moved });
  }

  pin(spot) {
    const { kept } = this;
    if (!spot && !kept.pinned) return;
    kept.rest = this.spot;
    kept.pinned = spot;
    if (kept.shared.send(spot)) this.send("pinned", spot);
    this.redraw();
  }

  play() {
    const stopping = this.player.playing;
    this.player.toggle();
    if (stopping) this.pin(this.spot); // where it stops is what is talked about
  }

  refreshPlay() {
    if (this.spec) fillPlay(this.frame, this.spec.words, this.player.playing, () => this.play());
  }

  redraw() {
    if (this.pending || !this.spec) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      const began = performance.now();
      this.draw();
      this.frame.root.dataset.frameMs = (performance.now() - began).toFixed(2);
    });
  }

  draw() {
    const { frame, spec, spot, kept } = this;
    const theme = readTheme(frame.root);
    const dpr = Math.min(devicePixelRatio || 1, 3);
    const w = Math.max(160, frame.stage.clientWidth);
    this.layout = arrange(this.maps, w, innerHeight, dpr);
    const size = { w, h: this.layout.height };
    this.fitCanvas(size, dpr);
    placePads(frame, this.layout);
    const lit = litBy(spec, spot);
    this.bitmaps.use(JSON.stringify([theme.bg, spec.stamp, spec.sizes, spec.limit]));
    const padded = { rows: spec.windows.rows.padded, columns: spec.windows.columns.padded };
    const view = { theme, dpr, limit: spec.limit, bitmaps: this.bitmaps, values: spec.values, padded, lit, layout: this.layout, size };
    const loupes = paintPool(frame.canvas.getContext("2d"), view);
    frame.root.style.setProperty("--nv-quiet", theme.text2);
    frame.root.style.setProperty("--nv-set-text", theme.setText);
    fillLegend(frame, theme, spec.words, spec.limit, this.broken);
    const value = spec.values[lit.side][lit.cell[0] * spec.sizes[lit.side][1] + lit.cell[1]];
    const pinned = spotText(kept.pinned) === spotText(spot);
    this.readout.show({ words: spec.words, lit, value, pinned, contest: spec.winners !== null, theme, stamp: spec.stamp });
    this.tell(lit, loupes);
  }

  fitCanvas({ w, h }, dpr) {
    const { canvas } = this.frame;
    canvas.style.height = `${h}px`;
    const [width, height] = [Math.round(w * dpr), Math.round(h * dpr)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  }

  /** The state, for tests. */
  tell(lit, loupes) {
    Object.assign(this.frame.root.dataset, {
      side: lit.side,
      cell: lit.cell.join(),
      rows: lit.lit.rows.join(),
      columns: lit.lit.columns.join(),
      count: String(lit.count),
      padding: String(lit.padding),
      beyond: String(lit.beyond),
      winner: lit.winner?.join() ?? "",
      wins: lit.side === "in" && this.spec.winners ? String(lit.wins.length) : "",
      pinned: spotText(this.kept.pinned),
      stacked: this.layout.stacked ? "1" : "0",
      loupes: loupes.map((loupe) => loupe?.box.map((x) => x.toFixed(1)).join() ?? "").join(";"),
      frames: String((this.frames += 1)),
      ready: "1",
    });
  }
}
