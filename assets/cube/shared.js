// What the browser and Python both know: cells, and values that either side can change. Pure.
/** Whether two cells, or nulls, are the same. */
export const sameCell = (a, b) => String(a) === String(b);
/** Whether something is a cell of a tensor of these sizes. */
export const fits = (cell, sizes) =>
  Array.isArray(cell) && cell.length === sizes.length && cell.every((i, k) => Number.isInteger(i) && i >= 0 && i < sizes[k]);

/** A value that both sides can change. What Python sends counts when it is new and not the echo of our own. */
export class Shared {
  constructor() {
    this.known = undefined;
    this.sent = [];
  }

  /** We tell Python. */
  send(value) {
    const text = JSON.stringify(value);
    if (text === (this.sent.length ? this.sent[this.sent.length - 1] : this.known)) return false;
    this.sent.push(text);
    if (this.sent.length > 50) this.sent.shift();
    return true;
  }

  /** Python tells us: true when it should be applied. */
  heard(value) {
    const text = JSON.stringify(value);
    if (text === this.known) return false;
    const echo = this.sent.indexOf(text);
    if (echo >= 0) this.sent.splice(0, echo + 1);
    this.known = text;
    return echo < 0;
  }
}
