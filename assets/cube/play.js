// Playing: one step after another, with pause.
const PLAY_MS = 900;
export const prefersStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Calls step() every `ms`; a single step where less motion is wished. */
export class Player {
  constructor(step, changed, ms = PLAY_MS) {
    Object.assign(this, { step, changed, ms, timer: 0 });
  }

  get playing() {
    return this.timer !== 0;
  }

  toggle() {
    if (this.playing) return this.stop();
    this.step();
    if (!prefersStill()) this.timer = setInterval(() => (prefersStill() || document.hidden ? this.stop() : this.step()), this.ms);
    this.changed();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.changed();
  }
}
