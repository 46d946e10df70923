// How large numbers are: what the strongest colour stands for.

import { largest } from "./heat_map.js";

// The largest number of a kind as the sequence was written, so that colours keep their meaning while it is changed.
const scales = new WeakMap();
export function largestOf(state, layer, kind) {
  const known = scales.get(layer) ?? scales.set(layer, {}).get(layer);
  if (known.example !== state.number) Object.assign(known, { example: state.number, x: 0, a: 0, y: 0, z: 0 });
  if (!known[kind] || !state.changed) {
    const run = state.run(layer);
    const bounded = ["tanh", "sigmoid", "softsign", "hard_tanh"].includes(layer.cell.g);
    const numbers = {
      x: () => run.x.data,
      a: () => run.states[0].data,
      z: () => run.z.data,
      y: () => state.found.answer.data,
    }[kind]();
    known[kind] = kind === "a" && bounded ? 1 : largest(numbers);
  }
  return known[kind];
}
