// What the network answers at each step of a layer's sequence, and what it costs.

import { last, row, rows } from "./arrays.js";
import { inOrder } from "./state.js";

// -> {n, at(t), cost(t), target(t), sofar}: null where there is no answer at t.
export function answersOf(state, layer = state.layer) {
  const { answer } = state.found,
    run = state.run(layer),
    n = last(answer),
    { T } = run;
  const elsewhere = state.source(layer) !== state.answerSource;
  const none = { n, count: 0, at: () => null, cost: () => null, target: () => null };
  if (elsewhere) return none;
  const many = answer.shape.length > 1 ? rows(answer) : 1,
    late = T - many;
  const of = (data, size) => (t) =>
    t < late || !data ? null : data.subarray((t - late) * size, (t - late + 1) * size);
  const target = of(state.y?.data, state.y ? state.y.data.length / many : 0);
  const cost = (t) =>
    t < late || !state.costs || (answer.mask && !answer.mask[t - late]) ? null : state.costs.each[t - late];
  if (many === 1 && T > 1 && layer.W_ya && layer.out[0] === state.told.output.id) {
    const y = inOrder(run, run.y);
    return { n, count: T, at: (t) => row(y, t), cost, target, sofar: true };
  }
  return { n, count: many, at: of(answer.data, n), cost, target };
}

// Whether answers are probabilities: then they are magnitudes, from 0 to 1.
export function areProbabilities(state) {
  const step = state.network.steps.find((own) => own.out.includes(state.told.output.id));
  return ["softmax", "sigmoid"].includes(step?.h ?? step?.cell?.h);
}
