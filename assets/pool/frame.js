// The elements of the component: the canvas, a caption and a place for the focus over each map, readout and tools.
import { button, make, makeFrame, plainSentence } from "../cube/panel.js";
import { innerRect, outerRect } from "./layout.js";

/** One of the two maps: its caption, and what takes the focus and the keys there. */
function makePad(side, keys) {
  const node = make("div", "nv-pad");
  node.tabIndex = 0;
  node.dataset.side = side;
  node.setAttribute("role", "application");
  node.setAttribute("aria-describedby", keys.id);
  return { node, caption: make("b", "nv-caption") };
}

export function makePoolFrame() {
  const frame = makeFrame();
  const canvas = make("canvas");
  canvas.setAttribute("aria-hidden", "true");
  frame.stage.removeAttribute("tabindex");
  frame.stage.removeAttribute("aria-describedby");
  frame.stage.setAttribute("role", "group");
  const pads = { in: makePad("in", frame.keys), out: makePad("out", frame.keys) };
  frame.stage.append(canvas, ...Object.values(pads).flatMap(({ caption, node }) => [caption, node]));
  frame.root.classList.add("nv-pool", "nv-several");
  frame.foot.insertBefore(frame.legend, frame.tools);
  return { ...frame, canvas, pads };
}

/** Words that change with the data alone. */
export function fillPads(frame, { words, sizes }) {
  frame.stage.setAttribute("aria-label", words.label);
  frame.keys.textContent = words.keys;
  for (const [side, { node, caption }] of Object.entries(frame.pads)) {
    const [height, width] = sizes[side].map(String);
    caption.textContent = plainSentence(words[`map_${side}`], { height, width });
    node.setAttribute("aria-label", caption.textContent);
  }
}

export function placePads(frame, layout) {
  for (const [side, { node, caption }] of Object.entries(frame.pads)) {
    const [x, y, w, h] = innerRect(layout[side]);
    Object.assign(node.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
    const [left] = outerRect(layout[side]);
    Object.assign(caption.style, { left: `${left}px`, top: `${layout[side].caption}px` });
  }
}

export function fillPlay(frame, words, playing, act) {
  const focused = frame.tools.getRootNode().activeElement?.closest?.(".nv-play");
  const icon = playing ? "pause" : "play";
  frame.tools.setAttribute("aria-label", words.tools);
  frame.tools.replaceChildren(button(words[icon], act, { icon, name: "nv-play" }));
  if (focused) frame.tools.firstChild.focus();
  frame.root.dataset.playing = playing ? "1" : "0";
}
