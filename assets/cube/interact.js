// Pointer, touch, wheel and keys. Nothing is drawn here; `api` is what a component lets a hand do:
// stage, cam, home(), pick(event), light(cell | null), walk(displayAxis, step), pin(), unpin(), step(), turned(done), redraw()
import { tidyCamera } from "./camera.js";
import { goHome } from "./look.js";
import { prefersStill } from "./play.js";

const TURN = 0.008; // radians a pixel
const STILL = 4; // px a click may wander

export function interact(api) {
  const { stage, cam } = api;
  const off = new AbortController();
  const on = (type, run, options = {}) => stage.addEventListener(type, run, { signal: off.signal, ...options });
  const pointers = new Map();
  let moved = 0;
  let start = null; // the camera when the gesture began
  let pinch = null;

  const turn = (dAz, dEl, zoom = 1) => {
    cam.az += dAz;
    cam.el += dEl;
    cam.zoom *= zoom;
    cam.home = false;
    tidyCamera(cam);
  };
  const spread = () => {
    const [a, b] = [...pointers.values()];
    return { gap: Math.hypot(a.x - b.x, a.y - b.y) || 1, x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };

  on("pointerdown", (event) => {
    if (event.button || !event.target.closest("canvas")) return;
    event.target.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pointers.size === 1) {
      moved = 0;
      start = { ...cam };
    } else pinch = spread();
    stage.focus({ preventScroll: true });
  });
  on("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) {
      if (event.target.closest("canvas")) api.light(api.pick(event));
      return;
    }
    const now = { x: event.clientX, y: event.clientY };
    pointers.set(event.pointerId, now);
    if (pointers.size === 1) {
      moved += Math.abs(now.x - last.x) + Math.abs(now.y - last.y);
      if (moved <= STILL) return;
      turn(-(now.x - last.x) * TURN, (now.y - last.y) * TURN);
    } else {
      const next = spread();
      turn(0, 0, next.gap / pinch.gap);
      cam.px += next.x - pinch.x;
      cam.py += next.y - pinch.y;
      pinch = next;
      moved = Infinity;
    }
    api.turned(false);
  });
  const up = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (event.type === "pointercancel") Object.assign(cam, { el: start.el }); // the page scrolls instead
    if (pointers.size) return;
    if (moved > STILL) api.turned(true);
    else if (event.type === "pointerup") {
      const cell = api.pick(event);
      if (cell) {
        api.light(cell);
        api.pin();
      } else api.unpin();
    }
  };
  on("pointerup", up);
  on("pointercancel", up);
  on("pointerleave", (event) => event.pointerType === "mouse" && !pointers.size && api.light(null));
  on("blur", () => api.light(null));
  on("dblclick", () => glide(api, () => api.turned(true)));
  const wheel = (event) => {
    if (!event.ctrlKey && stage.getRootNode().activeElement !== stage) return;
    event.preventDefault();
    turn(0, 0, Math.exp(-Math.max(-80, Math.min(80, event.deltaY)) * 0.002));
    api.turned(true);
  };
  on("wheel", wheel, { passive: false });

  const walking = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 1], ArrowUp: [1, -1], PageUp: [2, 1], PageDown: [2, -1] };
  on("keydown", (event) => {
    if (event.target !== stage || event.altKey || event.metaKey || event.ctrlKey) return;
    const way = walking[event.key];
    if (way && event.shiftKey && way[0] < 2) {
      turn(way[0] === 0 ? -way[1] * 0.1 : 0, way[0] === 1 ? way[1] * 0.1 : 0);
      api.turned(true);
    } else if (way) api.walk(...way);
    else if (event.key === "Enter") api.pin();
    else if (event.key === "Escape") api.unpin();
    else if (event.key === "+" || event.key === "=" || event.key === "-") {
      turn(0, 0, event.key === "-" ? 1 / 1.2 : 1.2);
      api.turned(true);
    } else if (event.key === "0") glide(api, () => api.turned(true));
    else return;
    event.preventDefault();
  });
  return { dispose: () => off.abort(), dragging: () => pointers.size > 0 };
}

/** Run frame(progress) for `ms`, eased; at once where less motion is wished. */
export function animate(ms, frame, done) {
  if (prefersStill()) {
    frame(1);
    done?.();
    return;
  }
  const began = performance.now();
  const step = (now) => {
    const t = Math.min(1, Math.max(0, (now - began) / ms));
    frame(1 - (1 - t) ** 3);
    if (t < 1) requestAnimationFrame(step);
    else done?.();
  };
  requestAnimationFrame(step);
}

/** The camera goes home. */
export function glide(api, done) {
  const { cam } = api;
  const from = { ...cam };
  const to = goHome({}, api.home());
  const finish = () => {
    goHome(cam, api.home());
    done?.();
  };
  animate(
    260,
    (t) => {
      for (const k of ["az", "el", "zoom", "px", "py"]) cam[k] = from[k] + (to[k] - from[k]) * t;
      api.redraw();
    },
    finish,
  );
}
