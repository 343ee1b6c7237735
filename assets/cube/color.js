// Colours: the two themes, the diverging map of values and the colours of a partition. Pure but for readTheme.
const LIGHT = {
  dark: false,
  bg: "#FFFFFF",
  text: "#14191F",
  text2: "#56616F",
  line: "#AEB8C4",
  edge: "#5E6B7A",
  cold: ["#D3DAE2", "#F1F4F7", "#E3E8EE", "#C3CBD5"], // by tone: side, top, front, bottom
  set: ["#005E94", "#2E93CC", "#0072B2", "#004F7D"],
  setText: "#0B5C92",
  setLine: "rgba(255,255,255,.38)",
  setEdge: "#003A5C",
  setKey: "#0072B2",
  hidden: "#0B5C92",
  cell: "#FFB020",
  cellEdge: "#14191F",
  sets: ["#0072B2", "#8CCBF2", "#009E73", "#CC79A7", "#004E7A"],
  values: ["#5B2A86", "#F6F5F3", "#0F6B55"],
  broken: "#D4261C",
  shade: [-0.13, 0.13, 0, -0.22],
  veil: { all: 0.52, values: 0.6 },
};
const DARK = {
  dark: true,
  bg: "#0E1116",
  text: "#ECF0F4",
  text2: "#A3AFBD",
  line: "#4B5664",
  edge: "#8E9BAB",
  cold: ["#1D232B", "#323B47", "#262D37", "#15191F"],
  set: ["#2B7DBE", "#69B5F0", "#3B97DE", "#22689F"],
  setText: "#7CC0F5",
  setLine: "rgba(5,15,28,.45)",
  setEdge: "#CBE6FF",
  setKey: "#69B5F0",
  hidden: "#8CCBFA",
  cell: "#FFC24D",
  cellEdge: "#0E1116",
  sets: ["#3B97DE", "#C5CED8", "#2CC295", "#A55C86", "#8FD0F7"],
  values: ["#B18AE0", "#20262E", "#3CCBA3"],
  broken: "#FF5347",
  shade: [-0.18, 0.1, 0, -0.28],
  veil: { all: 0.52, values: 0.5 },
};
export const THEMES = { light: LIGHT, dark: DARK };

export const hexToRgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
export const mixRgb = (a, b, t) => a.map((x, i) => x + (b[i] - x) * t);
export const cssOf = (rgb, alpha = 1) => `rgba(${rgb.map(Math.round).join(",")},${alpha})`;
export const packRgb = (c) => ((255 << 24) | (Math.round(c[2]) << 16) | (Math.round(c[1]) << 8) | Math.round(c[0])) >>> 0;

/** A colour as a face of the cube shows it: the side darker, the top lighter. */
export function shaded(rgb, amount) {
  return amount < 0 ? mixRgb(rgb, [0, 0, 0], -amount) : mixRgb(rgb, [255, 255, 255], amount);
}

/** The theme of an element, from Streamlit's CSS variables; the background decides between light and dark. */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const raw = style.getPropertyValue("--st-background-color").trim();
  const rgb = /^#[0-9a-f]{6}/i.test(raw) ? hexToRgb(raw) : (raw.match(/[\d.]+/g) || [255, 255, 255]).map(Number);
  const base = rgb[0] * 0.3 + rgb[1] * 0.6 + rgb[2] * 0.1 < 110 ? DARK : LIGHT;
  const font = style.getPropertyValue("--st-font").trim() || "'Source Sans', sans-serif";
  return { ...base, bg: /^#[0-9a-f]{6}$/i.test(raw) ? raw : base.bg, font, serif: `"Source Serif", Georgia, "Noto Serif CJK SC", serif` };
}

/** The diverging colour of x in [-1, 1]; 0 is the neutral middle. */
export function divergingRgb(theme, x) {
  const [minus, zero, plus] = theme.values.map(hexToRgb);
  return mixRgb(zero, x < 0 ? minus : plus, Math.min(1, Math.abs(x)) ** 0.8);
}

/** 257 packed colours for a face of one tone: 0..255 run from -limit to +limit, 256 is "not finite". */
export function valueTable(theme, tone) {
  const table = new Uint32Array(257);
  for (let i = 0; i < 256; i++) table[i] = packRgb(shaded(divergingRgb(theme, (i - 127.5) / 127.5), theme.shade[tone]));
  table[256] = packRgb(shaded(hexToRgb(theme.broken), theme.shade[tone] / 2));
  return table;
}

/** OKLCH to sRGB, 0..255, clipped to the gamut (Ottosson 2020). */
export function oklch(L, C, h) {
  const [a, b] = [C * Math.cos(h), C * Math.sin(h)];
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return linear.map((x) => {
    const y = Math.min(1, Math.max(0, x));
    return 255 * (y <= 0.0031308 ? 12.92 * y : 1.055 * y ** (1 / 2.4) - 0.055);
  });
}

const HUE_STEPS = [0.381966, 0.145898, 0.291796, 0.09017];

/** The colour of a set of a partition, from its ordinal along every axis: up to five sets on one axis take the
 *  theme's five; else lightness follows the parity of the summed ordinals, so neighbours always differ, and hue
 *  goes in golden steps. */
export function partitionRgb(theme, ordinal, counts) {
  const many = counts.map((count, k) => ({ count, k })).filter((a) => a.count > 1);
  many.sort((a, b) => b.count - a.count || a.k - b.k);
  if (!many.length) return hexToRgb(theme.sets[0]);
  if (many.length === 1 && many[0].count <= 5) return hexToRgb(theme.sets[ordinal[many[0].k]]);
  let hue = 0.66;
  let parity = 0;
  many.forEach(({ k }, rank) => {
    hue += HUE_STEPS[rank % 4] * ordinal[k];
    parity += ordinal[k];
  });
  const lightness = (theme.dark ? [0.82, 0.56] : [0.84, 0.58])[parity % 2];
  return oklch(lightness, parity % 2 ? 0.12 : 0.095, 2 * Math.PI * (hue % 1));
}
