// What Streamlit calls: unpack the data, keep one component per place on the page.
import { readPacked } from "./bytes.js";
import { Component } from "./component.js";
import { expandSet } from "./sets.js";

const MOUNTED = new WeakMap();

/** data: the header as an object, or its bytes with the float32 values of every cube that has some behind it. */
export function unpack(data) {
  const { header, buffer, base } = readPacked(data);
  const sizes = header.axes.map((a) => a[1]);
  const count = sizes.reduce((a, b) => a * b, 1);
  const cubes = header.cubes.map((cube) => ({
    ...cube,
    codes: JSON.stringify(cube.sets),
    sets: cube.sets.map(({ intervals, weight }) => expandSet(intervals, sizes, weight)),
    values: cube.values === null ? null : new Float32Array(buffer, base + 4 * cube.values * count, count),
  }));
  return { ...header, names: header.axes.map((a) => a[0]), sizes, cubes };
}

export default function mountCube({ data, parentElement, setStateValue }) {
  let component = MOUNTED.get(parentElement);
  if (!component) MOUNTED.set(parentElement, (component = new Component(parentElement)));
  component.update(unpack(data), setStateValue);
  return () => {
    component.dispose();
    MOUNTED.delete(parentElement);
  };
}
