// A cell over time: x_1 .. x_T -> a_1 .. a_T, ŷ_1 .. ŷ_T, and the way back.

import { addProduct, addTransposed, array, last, row, steps } from "./arrays.js";
import { apply, slope } from "./activations.js";
import { CELLS } from "./cells.js";

// What every step needs, made once from what Python wrote.
export function prepared(step) {
  if (step.unknown) return { ...step, weights: {}, sizes: [step.n], cell: { kind: "unknown", n: step.n } };
  const { weights, sizes, ...rest } = step.cell;
  const numbers = {};
  for (const [name, value] of Object.entries(rest))
    numbers[name] = value?.data ? (value.shape.length ? value.data : value.data[0]) : value;
  const { W_aa, W_ax, W_ya, b_y } = weights;
  const z_biases = ["b", "b_x", ...(rest.kind === "gru" ? [] : ["b_a"])].filter((name) => weights[name]);
  const b = new Float64Array(last(W_ax));
  for (const name of z_biases) weights[name].data.forEach((own, j) => (b[j] += own));
  const cell = { ...numbers, W: W_aa.data, n: sizes[0], b_a: rest.kind === "gru" ? weights.b_a?.data : null };
  return { ...step, weights, z_biases, W_ax, W_aa, W_ya, b_y, b, sizes, cell, n: sizes[0], of: CELLS[rest.kind] };
}

// x (T, n_x), the states before the first step -> a run: z (T, n_z), the states (T + 1, n) of which row 0 is a_0, in the
// order of reading, and ŷ (T, n_y), in the order of reading too.
//
// `known` is an earlier run: the steps that read the same as then, from the first on, are taken from it.
export function run(layer, x, begin, mask, known = null) {
  const T = steps(x),
    n_x = last(x),
    n_z = layer.W_ax.shape[1],
    { cell, of } = layer;
  const order = Array.from({ length: T }, (_, r) => (layer.back ? T - 1 - r : r));
  const z = array([T, n_z]);
  const states = layer.sizes.map((n, i) => {
    const own = array([T + 1, n]);
    own.data.set(begin[i]);
    return own;
  });
  const kept = Object.fromEntries(of.keeps.map((name) => [name, array([T, "sp".includes(name) ? n_z : cell.n])]));
  const y = layer.W_ya ? array([T, layer.W_ya.shape[1]]) : array([T, cell.n]);
  const sums = layer.W_ya ? array([...y.shape]) : null;
  const same = known ? alike(known, { order, x, begin, mask }) : 0;
  for (const [from, to] of [
    [known?.z, z],
    [known?.y, y],
    [known?.sums, sums],
    ...Object.keys(kept).map((name) => [known?.kept[name], kept[name]]),
  ]) {
    if (same && to) to.data.set(from.data.subarray(0, same * last(to)));
  }
  if (same) states.forEach((own, i) => own.data.set(known.states[i].data.subarray(0, (same + 1) * last(own))));
  let begun = !mask || order.slice(0, same).some((t) => mask[t]);
  order.forEach((t, r) => {
    if (r < same) return;
    const z_t = row(z, r),
      there = !mask || mask[t];
    z_t.set(layer.b);
    addProduct(z_t, row(x, t), layer.W_ax.data, n_x, n_z);
    const before = states.map((own) => row(own, r)),
      after = states.map((own) => row(own, r + 1));
    if (there) of.step(cell, z_t, before, after, keptAt(kept, r));
    else after.forEach((own, i) => own.set(before[i]));
    begun ||= there;
    if (layer.zeros ? !there : !begun) return;
    const y_t = row(y, r);
    if (!layer.W_ya) return y_t.set(after[0]);
    y_t.set(layer.b_y.data);
    addProduct(y_t, after[0], layer.W_ya.data, cell.n, y_t.length);
    row(sums, r).set(y_t);
    apply(cell.h, y_t);
  });
  return { T, order, x, z, states, kept, y, sums, mask, begin };
}

// How many steps of an earlier run read the same, from the same beginning.
function alike(known, { order, x, begin, mask }) {
  if (known.begin.some((own, i) => own.some((a, j) => a !== begin[i][j])) || Boolean(known.mask) !== Boolean(mask))
    return 0;
  let r = 0;
  for (; r < Math.min(known.T, order.length) && known.order[r] === order[r]; r++) {
    const t = order[r],
      [now, then] = [row(x, t), row(known.x, t)];
    if (mask && mask[t] !== known.mask[t]) break;
    let j = 0;
    while (j < now.length && now[j] === then[j]) j++;
    if (j < now.length) break;
  }
  return r;
}

function keptAt(kept, r) {
  const own = {};
  for (const name in kept) own[name] = row(kept[name], r);
  return own;
}

// A run of a cell whose equations are not here: its states (T, n) as the model computed them.
export function recordedRun(layer, x, a) {
  const T = steps(a),
    states = array([T + 1, layer.n]);
  states.data.set(a.data, layer.n);
  const order = Array.from({ length: T }, (_, r) => (layer.back ? T - 1 - r : r));
  return { T, order, x, z: null, states: [states], y: null, mask: x.mask };
}

// ∂L/∂ŷ (T, n_y) and ∂L/∂(the last states) -> ∂L/∂a_t (T, n) in `d`, `delta` of every step, ∂L/∂x and ∂L/∂(the first states).
export function backInTime(layer, { T, order, x, z, states, kept, y, sums, mask }, dy, dLast) {
  const { cell, of } = layer,
    n_x = last(x),
    n_z = last(z);
  const delta = array([T, n_z]),
    d = array([T, cell.n]),
    dx = array([...x.shape]);
  let carried = layer.sizes.map((n, i) => (dLast[i] ? dLast[i].slice() : new Float64Array(n)));
  const begun = order.findIndex((t) => !mask || mask[t]);
  for (let r = T - 1; r >= 0; r--) {
    const there = !mask || mask[order[r]],
      shown = layer.zeros ? there : r >= begun && begun >= 0;
    if (dy && shown) {
      const dy_t = row(dy, r);
      if (layer.W_ya)
        addTransposed(carried[0], slope(cell.h, row(sums, r), row(y, r), dy_t), layer.W_ya.data, cell.n, dy_t.length);
      else for (let j = 0; j < cell.n; j++) carried[0][j] += dy_t[j];
    }
    row(d, r).set(carried[0]);
    if (!there) continue;
    const before = layer.sizes.map((n) => new Float64Array(n)),
      dz = new Float64Array(n_z);
    const [a_prev, a] = [r, r + 1].map((at) => states.map((own) => row(own, at)));
    of.back(cell, row(z, r), a_prev, a, keptAt(kept, r), carried, before, row(delta, r), dz);
    addTransposed(row(dx, order[r]), dz, layer.W_ax.data, n_x, n_z);
    carried = before;
  }
  return { d, delta, dx, dFirst: carried };
}

// The share of the step that is read at place r in ∂L/∂W_aa is a_{t-1}ᵀ delta_t: added to `out` (n, n_z), whose length
// is returned.
export function addShare(out, { states: [a] }, { delta }, r) {
  const a_prev = row(a, r),
    d = row(delta, r);
  let squares = 0;
  for (let i = 0, at = 0; i < a_prev.length; i++) {
    const a_i = a_prev[i];
    for (let j = 0; j < d.length; j++, at++) {
      const sum = (out[at] += a_i * d[j]);
      squares += sum * sum;
    }
  }
  return Math.sqrt(squares);
}
