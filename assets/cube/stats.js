// What the readout computes from the values of a set, and how numbers are written. Pure.
export const SYMBOLS = { mean: "μ", std: "σ", rms: "rms", norm: "‖x‖", length: "‖v‖" };

/** Calls visit(value) for every cell of the box [lo, hi). */
function eachValue(values, sizes, lo, hi, visit) {
  const last = sizes.length - 1;
  const walk = (k, base) => {
    for (let i = lo[k]; i < hi[k]; i++) {
      if (k === last) visit(values[base + i]);
      else walk(k + 1, (base + i) * sizes[k + 1]);
    }
  };
  walk(0, 0);
}

/** Biased moments in float64 and two passes, as the layers compute them; a weight's norm is called its length. */
export function statistics(values, sizes, { lo, hi, size }) {
  let [sum, squares, spread] = [0, 0, 0];
  eachValue(values, sizes, lo, hi, (x) => {
    sum += x;
    squares += x * x;
  });
  const mean = sum / size;
  eachValue(values, sizes, lo, hi, (x) => {
    spread += (x - mean) * (x - mean);
  });
  const norm = Math.sqrt(squares);
  return { mean, std: Math.sqrt(spread / size), rms: Math.sqrt(squares / size), norm, length: norm };
}

export const countText = (n) => n.toLocaleString("en-US");

const SUPERSCRIPT = { "-": "⁻", "+": "", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** −2.663, 1.2 × 10⁻⁷, ∞, NaN: a true minus sign and never more digits than help. */
export function numberText(x) {
  if (Number.isNaN(x)) return "NaN";
  const sign = x < 0 ? "−" : "";
  const a = Math.abs(x);
  if (a === Infinity) return `${sign}∞`;
  if (a !== 0 && (a < 1e-3 || a >= 1e5)) {
    const [digits, power] = a.toExponential(1).split("e");
    return `${sign}${digits}\u00a0×\u00a010${[...power].map((c) => SUPERSCRIPT[c]).join("")}`;
  }
  return sign + a.toFixed(3);
}

export const hasBroken = (values) => values.some((x) => x - x !== 0);
