// Timestamps taken inside the page. Called once with the cube's root element; results wait in window.normvizProbe.
(root) => {
  const probe = (window.normvizProbe = { lit: [], work: [], draw: [], frames: [], drawn: [], dragging: false });
  let move = null; // the newest pointermove: the one whose cell the next drawing shows
  let waiting = false;
  let click = null;

  addEventListener("pointermove", (event) => {
    if (event.buttons) return;
    move = { sent: event.timeStamp, heard: performance.now() };
    if (waiting) return;
    waiting = true;
    // What this frame's drawing did not answer changed no cell: forget it.
    requestAnimationFrame(() => setTimeout(() => ([move, waiting] = [null, false])));
  }, { capture: true });
  addEventListener("click", (event) => (click = event.timeStamp), { capture: true });

  // Runs in the same task as the drawing, right after it.
  new MutationObserver((records) => {
    const now = performance.now();
    const changed = (name) => records.some((r) => r.attributeName === name && r.oldValue !== root.getAttribute(name));
    probe.draw.push(Number(root.dataset.frameMs));
    if (move && changed("data-cell")) {
      probe.lit.push(now - move.sent);
      probe.work.push(now - move.heard);
      move = null;
    }
    if (click !== null && changed("data-size")) {
      probe.drawn.push(now - click);
      click = null;
    }
  }).observe(root, { attributes: true, attributeOldValue: true, attributeFilter: ["data-cell", "data-size", "data-frames"] });

  let last = null;
  const frame = (now) => {
    if (probe.dragging && last !== null) probe.frames.push(now - last);
    last = probe.dragging ? now : null;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
