// What Streamlit calls: unpack the data, keep one component per place on the page.
import { readPacked } from "../cube/bytes.js";
import { PoolComponent } from "./component.js";

const PLACES = new WeakMap();

/** The header, and behind it the input and the output as float32 and perhaps the winners as int32. */
export function unpackPool(data) {
  const { header, buffer, base } = readPacked(data);
  const [before, after] = ["in", "out"].map((side) => header.sizes[side][0] * header.sizes[side][1]);
  const values = { in: new Float32Array(buffer, base, before), out: new Float32Array(buffer, base + 4 * before, after) };
  const winners = header.winners ? new Int32Array(buffer, base + 4 * (before + after), after) : null;
  return { ...header, values, winners };
}

export default function mountPool({ data, parentElement, setStateValue }) {
  let component = PLACES.get(parentElement);
  if (!component) PLACES.set(parentElement, (component = new PoolComponent(parentElement)));
  component.update(unpackPool(data), setStateValue);
  return () => {
    component.dispose();
    PLACES.delete(parentElement);
  };
}
