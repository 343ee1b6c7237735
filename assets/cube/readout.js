// What the readout says about the lit cell: which cell, how many share with it, and the statistics they share. 
// A screen reader hears it once the hand rests.
import { make, sentence, swatchOf } from "./panel.js";
import { flatten } from "./sets.js";
import { countText, numberText, statistics, SYMBOLS } from "./stats.js";

const SAY_DELAY = 600; // ms of rest before it is announced
const SUM_DELAY = 120; // ms of rest before a large set is summed up
const MANY_CELLS = 65536;

const variable = (name) => make("em", "", name);
const strong = (text) => make("b", "", text);

/** "cell (n, c, h, w) = (0, 5, 1, 0)", and the value there when it is known. */
function cellLine({ words, names, cell, value, valueName, pinned }) {
  const index = make("span", "nv-quiet", "(", variable(names.map((n) => n.toLowerCase()).join(", ")), ")");
  const nodes = sentence(words.cell, { index, value: strong(`(${cell.join(", ")})`) });
  if (value !== undefined) nodes.push(", ", variable(valueName), ` = ${numberText(value)}`);
  if (pinned) nodes.push(make("span", "nv-pin", words.pinned));
  return nodes;
}

const joined = (list, between) => list.flatMap((nodes, k) => (k ? [between, ...nodes] : nodes));

/** "128 cells share μ = −2.663, σ = 1.090"; without numbers "… share μ and σ". */
function sharedLine({ words, boxes, measures, numbers }) {
  const named = measures.map((m, k) => [variable(SYMBOLS[m]), ...(numbers ? [` = ${numberText(Number(numbers[k]))}`] : [])]);
  const measuresShown = make("span", "", ...joined(named, numbers ? ", " : words.and));
  if (boxes.length > 1) {
    const parts = boxes.map((b) => [strong(countText(b.size)), ` × ${numberText(b.weight).replace(/\.?0+$/, "")}`]);
    return sentence(words.mixed, { parts: make("span", "", ...joined(parts, " + ")), measures: measuresShown });
  }
  const template = !measures.length ? words.share_plain : boxes[0].size === 1 ? words.share_one : words.share;
  return sentence(template, { count: strong(countText(boxes[0].size)), measures: measuresShown });
}

/** "shares with no other cell; reads running_mean[5] = 0.120, running_var[5] = 1.040". */
function aloneLine({ words, buffers, cell, there }) {
  if (!buffers) return [words.alone];
  const c = cell[buffers.axis];
  const name = (of) => `${of}[${there[buffers.axis]}]`;
  const entry = (of, list) => make("span", "", make("code", "", name(of)), ` = ${numberText(Number(list[c]))}`);
  return sentence(words.reads, { mean: entry("running_mean", buffers.mean), var: entry("running_var", buffers.var) });
}

export class Readout {
  constructor(frame) {
    this.frame = frame;
    this.said = "";
  }

  dispose() {
    clearTimeout(this.sayTimer);
    clearTimeout(this.sumTimer);
  }

  /** now: {spec, pictures, theme, cell, pinned} */
  show(now) {
    const { spec, pictures, theme, cell, pinned } = now;
    const [first] = pictures;
    const { cube, boxes } = first;
    const known = [pictures.map((p) => p.cube.stamp), cube.measures, cube.pinned, cube.buffers];
    // Of a part of a tensor, the whole one's indices are said.
    const there = cell.map((index, k) => index + spec.origin[k]);
    const text = JSON.stringify([there, pinned, first.set, known, first.keyColor, spec.words.cell, pictures.length]);
    if (this.said === text) return;
    const { words, names, sizes } = spec;
    const many = pictures.length > 1;
    const at = flatten(cell.map((_, k) => k), sizes, cell);
    const apart = many && spec.colour === "after"; // each picture has a value of its own there
    const value = apart ? undefined : cube.values?.[at];
    const valueName = spec.colour === "after" ? "y" : "x";
    const lines = [[theme.cell, cellLine({ words, names, cell: there, value, valueName, pinned: pinned && String(cell) !== String(spec.home) })]];
    const numbers = many ? null : this.numbers(now);
    if (apart) {
      const shown = pictures.filter((p) => p.cube.values);
      lines.push(...shown.map((p) => [p.cube.swatch || p.keyColor, [variable(valueName), ` = ${numberText(p.cube.values[at])}`]]));
    }
    if (many) lines.push([first.mode === "set" ? theme.setKey : theme.text, [words.same]]);
    else if (boxes.length) lines.push([first.keyColor, sharedLine({ words, boxes, measures: cube.measures, numbers })]);
    else lines.push([theme.setKey, aloneLine({ words, buffers: cube.buffers, cell, there })]);
    this.said = numbers === undefined ? "" : text;
    const { read, live } = this.frame;
    read.replaceChildren(...lines.map(([color, nodes]) => make("div", "", swatchOf(color), make("span", "", ...nodes))));
    clearTimeout(this.sayTimer);
    const say = () => (live.textContent = [...read.children].map((n) => n.textContent).join(". "));
    this.sayTimer = setTimeout(say, SAY_DELAY);
  }

  /** The measures of the lit set: null when unknown, undefined when they will follow once the hand rests. */
  numbers(now) {
    const [{ cube, boxes, sums, set }] = now.pictures;
    if (boxes.length !== 1 || !cube.values) return now.pinned ? cube.pinned : null;
    if (!sums.has(set)) {
      clearTimeout(this.sumTimer);
      if (boxes[0].size > MANY_CELLS && this.resting !== set) {
        const rest = () => {
          this.resting = set;
          this.show(now);
        };
        this.sumTimer = setTimeout(rest, SUM_DELAY);
        return undefined;
      }
      if (sums.size > 512) sums.clear();
      sums.set(set, statistics(cube.values, now.spec.sizes, boxes[0]));
    }
    return cube.measures.map((m) => sums.get(set)[m]);
  }
}
