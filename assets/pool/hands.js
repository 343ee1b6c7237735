// Pointer, touch and keys. Nothing is drawn here; `api` is what a hand may do:
// frame, pick(event) -> spot | null, light(spot | null), walk(rows, columns), enter(side), pin(), unpin()

const STILL = 6; // px a click or tap may wander
const FAR = 1e9; // to the end of a row or column

export function makeHands(api) {
  const { stage, pads } = api.frame;
  const off = new AbortController();
  const on = (node, type, run) => node.addEventListener(type, run, { signal: off.signal });
  let press = null; // {id, x, y, moved, before: what was lit when a finger came down}
  let pointing = false; // a focus that a pointer brings moves nothing

  on(stage, "pointerdown", (event) => {
    if (event.button || press) return;
    press = { id: event.pointerId, x: event.clientX, y: event.clientY, moved: 0, before: api.lit() };
    const spot = api.pick(event);
    pointing = true;
    if (spot) pads[spot.side].node.focus({ preventScroll: true });
    pointing = false;
    api.light(spot);
  });
  on(stage, "pointermove", (event) => {
    if (press && event.pointerId === press.id) press.moved = Math.max(press.moved, Math.hypot(event.clientX - press.x, event.clientY - press.y));
    if (!press || event.pointerId === press.id) api.light(api.pick(event));
  });
  on(stage, "pointerup", (event) => {
    if (event.pointerId !== press?.id) return;
    const { moved } = press;
    press = null;
    if (moved > STILL) return;
    if (api.pick(event)) api.pin();
    else api.unpin();
  });
  on(stage, "pointercancel", (event) => {
    if (event.pointerId !== press?.id) return;
    api.light(press.before); // the page scrolls instead
    press = null;
  });
  on(stage, "pointerleave", (event) => event.pointerType === "mouse" && api.light(null));

  const walking = {
    ...{ ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] },
    ...{ Home: [0, -FAR], End: [0, FAR], PageUp: [-FAR, 0], PageDown: [FAR, 0] },
  };
  for (const [side, { node }] of Object.entries(pads)) {
    on(node, "focus", () => !pointing && api.enter(side));
    on(node, "blur", () => !pointing && api.light(null));
    on(node, "keydown", (event) => {
      if (event.altKey || event.metaKey || event.ctrlKey) return;
      if (event.key in walking) api.walk(side, ...walking[event.key]);
      else if (event.key === "Enter") api.pin();
      else if (event.key === "Escape") api.unpin();
      else return;
      event.preventDefault();
    });
  }
  return { dispose: () => off.abort() };
}
