// The elements around the pictures: captions, toolbar, legend, readout. Builds DOM, keeps no state of its own.
import { legendGradient } from "./bitmaps.js";

const ICONS = {
  play: "M8 5v14l11-7z",
  pause: "M7 5h4v14H7zM13 5h4v14h-4z",
  reset: "M12 5V2L7 6.5 12 11V8a5 5 0 1 1-5 5H5a7 7 0 1 0 7-8z",
};

export function make(tag, name = "", ...children) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.append(...children);
  return node;
}

/** A sentence with {places}: texts or nodes put where the template wants them. */
export function sentence(template, places) {
  return template.split(/(\{\w+\})/).map((part) => places[part.slice(1, -1)] ?? (/^\{\w+\}$/.test(part) ? "" : part));
}

export const plainSentence = (template, places) => sentence(template, places).join("");

function iconOf(kind) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const look = { viewBox: "0 0 24 24", width: 18, height: 18, fill: "currentColor", "aria-hidden": "true" };
  for (const [k, v] of Object.entries(look)) svg.setAttribute(k, v);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[kind]);
  svg.append(path);
  return svg;
}

export function button(label, act, { icon, name = "", short } = {}) {
  const node = make("button", name, icon ? iconOf(icon) : (short ?? label));
  node.type = "button";
  node.title = label;
  node.setAttribute("aria-label", label);
  node.addEventListener("click", act);
  return node;
}

/** The frame of a component; `stage` is what takes the focus and the keys. */
export function makeFrame() {
  const stage = make("div", "nv-stage");
  stage.tabIndex = 0;
  stage.setAttribute("role", "application");
  const keys = make("p", "nv-hidden");
  keys.id = "nv-keys"; // unique within the shadow root
  stage.setAttribute("aria-describedby", keys.id);
  const legend = make("div", "nv-legend");
  const note = make("p", "nv-note");
  const read = make("div", "nv-read");
  const live = make("div", "nv-hidden");
  live.setAttribute("role", "status");
  live.setAttribute("aria-live", "polite");
  const tools = make("div", "nv-tools");
  tools.setAttribute("role", "toolbar");
  const more = make("div", "nv-more");
  const probe = make("i", "nv-probe");
  const foot = make("div", "nv-foot", read, tools);
  const root = make("div", "nv-cube", legend, stage, note, foot, more, live, keys, probe);
  return { root, stage, keys, legend, note, read, live, tools, more, probe, foot };
}

/** One picture with its caption. */
export function makeFigure() {
  const [title, note, subtitle] = [make("b"), make("small"), make("span")];
  const caption = make("figcaption", "", title, note, subtitle);
  const canvas = make("canvas");
  return { figure: make("figure", "nv-figure", caption, canvas), caption, canvas, title, note, subtitle };
}

export function fillCaption(parts, cube) {
  parts.title.replaceChildren(...(cube.swatch ? [swatchOf(cube.swatch)] : []), cube.title);
  parts.note.textContent = cube.note;
  parts.subtitle.textContent = cube.subtitle;
  parts.caption.hidden = !(cube.title || cube.subtitle || cube.note);
}

/** Rebuild the toolbar: model = {words, playing, view, more, can: {play, lift}}, act = what the buttons do. */
export function fillTools(frame, model, act) {
  const { words, view } = model;
  const focused = frame.tools.getRootNode().activeElement;
  const index = [...frame.tools.children].indexOf(focused);
  const toggle = (label, on, run, extra = {}) => {
    const node = button(label, run);
    node.setAttribute("aria-pressed", String(on));
    Object.entries(extra).forEach(([k, v]) => node.setAttribute(k, v));
    return node;
  };
  const play = button(model.playing ? words.pause : words.play, act.play, { icon: model.playing ? "pause" : "play", name: "nv-play" });
  const lift = toggle(words.lift, Boolean(view.lift), act.lift);
  lift.disabled = !model.can.lift;
  frame.tools.setAttribute("aria-label", words.tools);
  frame.tools.replaceChildren(
    play,
    toggle(words.xray, view.xray, act.xray),
    toggle(words.spread, Boolean(view.spread), act.spread, { "aria-expanded": String(model.more === "spread") }),
    toggle(words.peel, view.peel.some(Boolean), act.peel, { "aria-expanded": String(model.more === "peel") }),
    lift,
    button(words.reset, act.reset, { icon: "reset", name: "nv-reset" }),
  );
  if (index >= 0) frame.tools.children[index]?.focus();
}

/** The second row: where to spread, or how much to peel off each axis. axes: [{d, letter, name, n}] */
export function fillMore(frame, model, axes, act) {
  const { words, view, more } = model;
  const signature = more + axes.map((a) => a.name + a.n).join() + words.spread_sets + (more === "spread" ? view.spread : "") + model.can.sets;
  if (frame.more.dataset.shows === signature) {
    frame.more.querySelectorAll("input").forEach((input) => (input.value = String(view.peel[Number(input.dataset.d)])));
    return;
  }
  frame.more.dataset.shows = signature;
  const focused = frame.more.getRootNode().activeElement?.dataset?.chip;
  frame.more.replaceChildren();
  if (more === "spread") {
    const chip = (id, label, name, on) => {
      const node = button(label, () => act.spreadBy(id), { short: name });
      node.dataset.chip = id;
      node.setAttribute("aria-pressed", String(on));
      frame.more.append(node);
    };
    if (model.can.sets) chip("sets", words.spread_sets, words.spread_sets, view.spread === "sets");
    const on = (letter) => view.spread !== "sets" && view.spread.includes(letter);
    for (const a of axes) chip(a.letter, plainSentence(words.spread_axis, { axis: a.name }), a.name, on(a.letter));
    if (focused) frame.more.querySelector(`[data-chip="${focused}"]`)?.focus();
  } else if (more === "peel") {
    for (const a of axes) {
      const input = make("input");
      Object.assign(input, { type: "range", min: "0", max: String(a.n - 1), step: "1", value: String(view.peel[a.d]) });
      input.dataset.d = String(a.d);
      input.setAttribute("aria-label", plainSentence(words.peel_axis, { axis: a.name }));
      input.addEventListener("input", () => act.peelTo(a.d, Number(input.value), false));
      input.addEventListener("change", () => act.peelTo(a.d, Number(input.value), true));
      frame.more.append(make("label", "", make("em", "", a.name), input));
    }
  }
}

/** The colour scale of the values, or nothing. */
export function fillLegend(frame, theme, words, limit, broken) {
  const text = limit === null ? "" : `${Number(limit.toPrecision(3))}`;
  const signature = `${text} ${theme.dark} ${broken}`;
  if (frame.legend.dataset.shows === signature) return;
  frame.legend.dataset.shows = signature;
  frame.legend.hidden = limit === null;
  if (limit === null) return frame.legend.replaceChildren();
  const bar = make("i");
  bar.style.background = legendGradient(theme);
  frame.legend.setAttribute("role", "img");
  frame.legend.setAttribute("aria-label", plainSentence(words.legend, { low: `−${text}`, high: text }));
  frame.legend.replaceChildren(bar, make("span", "", `≤ −${text}`), make("span", "", "0"), make("span", "", `≥ ${text}`));
  if (broken) {
    const swatch = swatchOf(theme.broken);
    frame.legend.append(make("span", "nv-broken", swatch, words.not_finite));
  }
}

export function swatchOf(color) {
  const node = make("i", "nv-swatch");
  node.style.background = color;
  return node;
}
