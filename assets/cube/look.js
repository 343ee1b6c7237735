// The camera and the view options of a component, and their short form for a link. Pure.
import { tidyCamera } from "./camera.js";

/** cam.home: nobody has turned or zoomed, so the camera follows the home view of whatever is shown. */
export const freshCamera = () => ({ az: 0, el: 0, zoom: 1, px: 0, py: 0, home: true });
export const freshView = () => ({ spread: "", xray: false, peel: [0, 0, 0], lift: 0 });

export function goHome(cam, home) {
  return Object.assign(cam, { az: home.az, el: home.el, zoom: 1, px: 0, py: 0, home: true });
}

/** "c80.50.100_sxz_p0.3.0_x_l": camera in hundredths, spread axes (sS: at the sets), peeled cells, x-ray, lifted.
 *  What is as at the start is left out, so the plain look is "". */
export function encodeLook(cam, view) {
  const parts = [];
  if (!cam.home) parts.push("c" + [cam.az, cam.el, cam.zoom].map((x) => Math.round(x * 100)).join("."));
  if (view.spread) parts.push("s" + (view.spread === "sets" ? "S" : view.spread));
  if (view.peel.some(Boolean)) parts.push("p" + view.peel.join("."));
  if (view.xray) parts.push("x");
  if (view.lift) parts.push("l");
  return parts.join("_");
}

/** The inverse. Whatever cannot be read is ignored, so a mangled link shows the plain look. */
export function decodeLook(text) {
  const [cam, view] = [freshCamera(), freshView()];
  for (const part of String(text ?? "").slice(0, 120).split("_")) {
    const camera = /^c(-?\d{1,4})\.(-?\d{1,4})\.(\d{1,4})$/.exec(part);
    const spread = /^s(S|x?y?z?)$/.exec(part);
    const peel = /^p(\d{1,7})\.(\d{1,7})\.(\d{1,7})$/.exec(part);
    if (camera) {
      const [az, el, zoom] = camera.slice(1).map((x) => Number(x) / 100);
      Object.assign(cam, { az, el, zoom, home: false });
      tidyCamera(cam);
    } else if (spread) view.spread = spread[1] === "S" ? "sets" : spread[1];
    else if (peel) view.peel = peel.slice(1).map(Number);
    else if (part === "x") view.xray = true;
    else if (part === "l") view.lift = 1;
  }
  return { cam, view: onlyOne(view) };
}

/** X-ray, spreading and lifting exclude one another; glass needs no peeling. `last` names the newest wish. */
export function onlyOne(view, last = "") {
  if (last === "spread" || last === "peel") view.xray = false;
  if (last === "spread") view.lift = 0;
  if (last === "lift" && view.lift) [view.xray, view.spread] = [false, ""];
  if (view.xray) Object.assign(view, { spread: "", peel: [0, 0, 0], lift: 0 });
  if (view.spread) view.lift = 0;
  return view;
}
