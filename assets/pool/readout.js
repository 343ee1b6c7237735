// What is said about the lit cell, below the maps and, once the hand rests, to a screen reader.
import { make, sentence, swatchOf } from "../cube/panel.js";
import { countText, numberText } from "../cube/stats.js";

const SAY_AFTER = 600; // ms of rest before it is announced

const strong = (text) => make("b", "", text);
const placeText = (cell) => `(${cell.join(", ")})`;

/** "output (3, 4) = 0.820" */
function valueLine({ words, lit, value, pinned }) {
  const nodes = sentence(words[`value_${lit.side}`], { cell: strong(placeText(lit.cell)), value: numberText(value) });
  return pinned ? [...nodes, make("span", "nv-pin", words.pinned)] : nodes;
}

/** "9 cells", "1 output": a count with its noun, in bold. */
const counted = (words, count, many, one) =>
  make("b", "", ...(count === 1 ? [words[one]] : sentence(words[many], { count: countText(count) })));

/** "the largest of 9 cells · 3 of them padding · winner (7, 8)" */
function windowLine({ words, lit, contest }) {
  const cells = counted(words, lit.count, "cells", "cell_one");
  const phrases = [sentence(contest ? words.largest : words.computed, { cells })];
  if (lit.padding) phrases.push(sentence(words.padding, { count: countText(lit.padding) }));
  if (lit.beyond) phrases.push(sentence(words.beyond, { count: countText(lit.beyond) }));
  if (contest) phrases.push(lit.winner ? sentence(words.winner, { cell: strong(placeText(lit.winner)) }) : [words.no_winner]);
  return phrases;
}

/** "read by 4 outputs · wins 2" */
function reachLine({ words, lit, contest }) {
  if (!lit.count) return [[words.unread]];
  const phrases = [sentence(words.read_by, { outputs: counted(words, lit.count, "outputs", "output_one") })];
  if (contest && lit.wins.length) phrases.push(sentence(words.wins, { count: strong(countText(lit.wins.length)) }));
  else if (contest) phrases.push([words.wins_none]);
  return phrases;
}

export class PoolReadout {
  constructor({ read, live }) {
    Object.assign(this, { read, live, said: "" });
  }

  dispose() {
    clearTimeout(this.timer);
  }

  /** now: {words, lit, value, pinned, contest: whether outputs have winners, theme, stamp} */
  show(now) {
    const { lit, theme, words } = now;
    const text = JSON.stringify([now.stamp, lit, now.pinned, theme.dark, words.label, words.computed, words.largest]);
    if (this.said === text) return;
    this.said = text;
    const phrases = (lit.side === "out" ? windowLine : reachLine)(now);
    const lines = [
      [theme.cell, valueLine(now)],
      [theme.setKey, phrases.flatMap((nodes, k) => (k ? [" · ", ...nodes] : nodes))],
    ];
    this.read.replaceChildren(...lines.map(([color, nodes]) => make("div", "", swatchOf(color), make("span", "", ...nodes))));
    clearTimeout(this.timer);
    const say = () => (this.live.textContent = [...this.read.children].map((n) => n.textContent).join(". "));
    this.timer = setTimeout(say, SAY_AFTER);
  }
}
