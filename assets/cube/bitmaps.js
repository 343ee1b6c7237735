// One small picture per visible slice of cells (values, or the colours of a partition), kept while there is room.
import { divergingRgb, packRgb, partitionRgb, shaded, valueTable } from "./color.js";
import { product, unflatten } from "./sets.js";

const MAX_PIXELS = 24e6;

/** Least recently used slices go first. fill(Uint32Array) writes a slice's packed colours, row by row. */
export class Bitmaps {
  constructor(limit = MAX_PIXELS) {
    this.kept = new Map();
    this.pixels = 0;
    this.limit = limit;
    this.stamp = "";
  }

  /** Forget everything when what the pictures show has changed. */
  use(stamp) {
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    for (const canvas of this.kept.values()) this.drop(canvas);
    this.kept.clear();
  }

  drop(canvas) {
    this.pixels -= canvas.width * canvas.height;
    canvas.width = canvas.height = 0;
  }

  get(key, width, height, fill) {
    let canvas = this.kept.get(key);
    if (canvas) {
      this.kept.delete(key);
      this.kept.set(key, canvas);
      return canvas;
    }
    canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    fill(new Uint32Array(image.data.buffer));
    context.putImageData(image, 0, 0);
    this.kept.set(key, canvas);
    this.pixels += width * height;
    for (const [old, other] of this.kept) {
      if (this.pixels <= this.limit || other === canvas) break;
      this.kept.delete(old);
      this.drop(other);
    }
    return canvas;
  }
}

/** For a display axis: how far each of its indices moves in the flat array, given the move per tensor axis. */
function moves(plan, d, perAxis) {
  const out = new Int32Array(plan.n[d]);
  const cell = [];
  for (let i = 0; i < out.length; i++) {
    unflatten(plan.d[d], plan.sizes, i, cell);
    for (const k of plan.d[d]) out[i] += perAxis(k, cell[k]);
  }
  return out;
}

/** Every k-th entry, from the middle of its block: a pixel is one real cell, never a mean. */
function sampled(list, k) {
  return Int32Array.from({ length: Math.ceil(list.length / k) }, (_, i) => list[Math.min(list.length - 1, i * k + (k >> 1))]);
}

/** Coarseness of a slice whose cells are `pixels` device pixels wide: 1, 2, 4 … cells a bitmap pixel. */
export const levelOf = (pixels) => Math.max(1, 2 ** Math.floor(Math.log2(1 / Math.max(pixels, 1e-3))));

/** The bitmap of a face showing values, and how many cells a pixel of it stands for. */
export function valueBitmap(bitmaps, view, face, pixels, dpr) {
  const { plan, values, limit, theme } = view;
  const [kv, ku] = [levelOf(pixels.v * dpr), levelOf(pixels.u * dpr)];
  const stride = plan.sizes.map((_, k) => product(plan.sizes.slice(k + 1)));
  const key = `${face.piece.block.g}:${face.d}:${face.tone}:${face.slice}:${ku}:${kv}`;
  const [width, height] = [Math.ceil(plan.n[face.v] / kv), Math.ceil(plan.n[face.u] / ku)];
  const canvas = bitmaps.get(key, width, height, (out) => {
    const table = valueTable(theme, face.tone);
    const along = (d) => moves(plan, d, (k, i) => i * stride[k]);
    const columns = sampled(along(face.v), kv);
    const rows = sampled(along(face.u), ku);
    let base = along(face.d)[face.slice];
    for (const k of plan.grid) base += face.piece.block.fix[k] * stride[k];
    const scale = 127.5 / limit;
    let q = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = base + rows[i];
      for (let j = 0; j < columns.length; j++) {
        const x = values[row + columns[j]];
        const level = Math.round(x * scale + 127.5);
        out[q++] = table[x - x !== 0 ? 256 : level < 0 ? 0 : level > 255 ? 255 : level]; // x - x is NaN for NaN and Inf
      }
    }
  });
  return { canvas, ku, kv };
}

/** The bitmap of a face coloured by partition: a pixel is a block of cells of one set. */
export function partitionBitmap(bitmaps, view, face) {
  const { plan, partition, theme } = view;
  const [ku, kv, kd] = [face.u, face.v, face.d].map((d) => partition.unit[d]);
  const layer = Math.floor(face.slice / kd) * kd;
  const key = `${face.piece.block.g}:${face.d}:${face.tone}:${layer}`;
  const [width, height] = [plan.n[face.v] / kv, plan.n[face.u] / ku];
  const canvas = bitmaps.get(key, width, height, (out) => {
    const weight = partition.counts.map((_, k) => product(partition.counts.slice(k + 1)));
    const along = (d) => moves(plan, d, (k, i) => partition.axes[k].of[i] * weight[k]);
    const [columns, rows] = [along(face.v), along(face.u)];
    let base = along(face.d)[layer];
    for (const k of plan.grid) base += partition.axes[k].of[face.piece.block.fix[k]] * weight[k];
    const known = new Map();
    let q = 0;
    for (let i = 0; i < rows.length; i += ku)
      for (let j = 0; j < columns.length; j += kv) {
        const id = base + rows[i] + columns[j];
        if (!known.has(id)) {
          const ordinal = partition.counts.map((count, k) => Math.floor(id / weight[k]) % count);
          known.set(id, packRgb(shaded(partitionRgb(theme, ordinal, partition.counts), theme.shade[face.tone])));
        }
        out[q++] = known.get(id);
      }
  });
  return { canvas, ku, kv };
}

/** The CSS gradient of the value legend. */
export function legendGradient(theme) {
  const stops = Array.from({ length: 11 }, (_, i) => divergingRgb(theme, i / 5 - 1).map(Math.round));
  return `linear-gradient(90deg, ${stops.map((c) => `rgb(${c})`).join(", ")})`;
}
