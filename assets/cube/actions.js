// What the buttons of the toolbar do to a component's view.
import { animate, glide } from "./interact.js";
import { freshView, onlyOne } from "./look.js";
import { spreadCuts } from "./scene.js";

/** Axes that can be spread or peeled, in the order they are read: depth, right, up. */
export function viewAxes({ plan, spec }) {
  const axes = [2, 0, 1].filter((d) => plan.n[d] > 1);
  return axes.map((d) => ({ d, letter: "xyz"[d], name: plan.d[d].map((k) => spec.names[k]).join("·"), n: plan.n[d] }));
}

/** Whether there are sets to cut at, and cutting there differs from cutting everywhere along one axis. */
export function canSpreadSets({ pictures, plan }) {
  return pictures.some(({ partition, bounds }) => {
    const parts = [0, 1, 2].map((d) => spreadCuts(plan, bounds[d], d, true).length - 1);
    const several = parts.filter((count) => count > 1).length;
    return partition !== null && (several > 1 || parts.some((count, d) => count > 1 && count < plan.n[d]));
  });
}

export function makeActions(component) {
  const view = () => component.memory.view;
  const open = (what) => (component.more = component.more === what ? "" : what);
  const lift = (out) => {
    const from = view().lift;
    if (out) onlyOne(Object.assign(view(), { lift: Math.max(from, 0.001) }), "lift");
    if (component.more === "spread") component.more = "";
    const frame = (t) => {
      view().lift = from + ((out ? 1 : 0) - from) * t;
      component.redraw();
    };
    animate(320, frame, () => component.setView({ lift: out ? 1 : 0 }, out ? "lift" : ""));
  };
  return {
    play: () => {
      const stopping = component.player.playing;
      component.player.toggle();
      // Where it stops is what is talked about: the numbers beside the cube and the link follow.
      if (stopping) component.pin(component.cell);
    },
    xray: () => {
      component.more = "";
      component.setView({ xray: !view().xray }, "xray");
    },
    spread: () => {
      open("spread");
      const first = canSpreadSets(component) ? "sets" : (viewAxes(component)[0]?.letter ?? "");
      component.setView({ spread: component.more ? first : "" }, "spread");
    },
    spreadBy: (id) => {
      const before = view().spread;
      const letters = new Set(before === "sets" ? "" : before);
      if (!letters.delete(id)) letters.add(id);
      const some = [..."xyz"].filter((c) => letters.has(c)).join("");
      component.setView({ spread: id !== "sets" ? some : before === "sets" ? "" : "sets" }, "spread");
    },
    peel: () => {
      open("peel");
      component.setView(component.more ? {} : { peel: [0, 0, 0] }, "peel");
    },
    peelTo: (d, cells, done) => {
      view().peel[d] = cells;
      component.setView({}, "peel", done);
    },
    lift: () => lift(!view().lift),
    reset: () => {
      component.more = "";
      Object.assign(view(), freshView());
      component.player.stop();
      component.light(null);
      glide(component.hands(), () => component.setView({}, ""));
    },
  };
}
