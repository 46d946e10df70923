// The whole network: its operations in their order, forward and back.

import { array, copied, last, row, rows, steps } from "./arrays.js";
import { COSTS } from "./costs.js";
import { OPERATIONS } from "./operations.js";
import { backInTime, prepared, recordedRun, run } from "./recurrence.js";

export class Network {
  constructor(told) {
    this.told = told;
    this.steps = told.steps.map((step) => (step.op === "rnn" ? prepared(step) : step));
    this.layers = this.steps.filter((step) => step.op === "rnn");
    this.cost = told.cost;
  }

  // inputs: an array for each input; recorded: from the number of a value to an array -> everything that was computed.
  // `known`: what was computed before, of which the same need not be computed again.
  forward(inputs, recorded, known = null) {
    const values = new Map(),
      runs = new Map();
    this.told.inputs.forEach(({ id }, i) => values.set(id, inputs[i]));
    for (const [id, value] of Object.entries(recorded)) values.set(Number(id), value);
    for (const step of this.steps) {
      const given = step.in.map((id) => values.get(id));
      if (step.unknown) {
        runs.set(step, recordedRun(step, given[0], recorded[step.a]));
        continue;
      }
      const outputs =
        step.op === "rnn"
          ? this.#recur(step, given, runs, known?.runs.get(step))
          : OPERATIONS[step.op].forward(step, given);
      const carried = given.find((own) => own?.mask)?.mask ?? null;
      outputs.forEach((value, i) => {
        value.mask = step.carries[i] ? (value.mask ?? carried) : null;
        if (value.mask && value.mask.length !== steps(value)) value.mask = null;
        values.set(step.out[i], value);
      });
    }
    return { values, runs, answer: values.get(this.told.output.id) };
  }

  #recur(layer, [x, ...given], runs, known) {
    const begin = layer.begins ? given.slice(0, layer.begins).map((own) => own.data) : layer.a_0.map((own) => own.data);
    const mask = layer.masked ? Uint8Array.from(given.at(-1).data) : x.mask;
    const own = run(layer, x, begin, mask, known);
    runs.set(layer, own);
    const y = layer.sequences ? own.y : array([last(own.y)], row(own.y, own.T - 1).slice());
    if (layer.sequences && mask) y.mask = layer.back ? mask.slice().reverse() : mask;
    return [y, ...own.states.map((a) => array([last(a)], row(a, own.T).slice()))];
  }

  // y: the targets -> L_t of every answer, their sum L, and ∂L/∂ŷ. An answer that is masked costs nothing.
  costs({ answer }, y) {
    if (!y || !this.cost) return null;
    const many = answer.shape.length > 1 ? rows(answer) : 1,
      n = answer.data.length / many,
      m = y.data.length / many;
    const each = new Float64Array(many),
      d = array([...answer.shape]);
    for (let t = 0; t < many; t++) {
      if (answer.mask && !answer.mask[t]) continue;
      const [y_t, y_hat] = [y.data.subarray(t * m, (t + 1) * m), answer.data.subarray(t * n, (t + 1) * n)];
      const [L_t, d_t] = COSTS[this.cost.kind](y_t, y_hat, this.cost.from_logits);
      each[t] = L_t;
      d.data.set(d_t, t * n);
    }
    return { each, sum: each.reduce((a, b) => a + b, 0), d };
  }

  // ∂L/∂ŷ -> for every recurrent layer ∂L/∂a_t and delta_t; ∂L/∂x for every input.
  back({ values, runs }, d) {
    const errors = new Map([[this.told.output.id, d]]),
      found = new Map();
    for (const step of this.steps.toReversed()) {
      const dOut = step.out.map((id) => errors.get(id));
      if (!dOut.some(Boolean) || step.unknown) continue;
      const inputs = step.in.map((id) => values.get(id)),
        outputs = step.out.map((id) => values.get(id));
      const dIn =
        step.op === "rnn" ? this.#backInTime(step, dOut, runs, found) : this.#back(step, inputs, outputs, dOut);
      dIn.forEach((own, i) => {
        if (!own) return;
        const before = errors.get(step.in[i]);
        if (before) before.data.forEach((_, k) => (before.data[k] += own.data[k]));
        else errors.set(step.in[i], copied(own));
      });
    }
    return { layers: found, errors };
  }

  #back(step, inputs, outputs, dOut) {
    return OPERATIONS[step.op].back(
      step,
      inputs,
      outputs,
      dOut.map((own, i) => own ?? array([...outputs[i].shape])),
    );
  }

  #backInTime(layer, [dy, ...dLast], runs, found) {
    const own = runs.get(layer);
    if (dy && !layer.sequences) {
      const only = array([own.T, last(own.y)]);
      row(only, own.T - 1).set(dy.data);
      dy = only;
    }
    const errors = backInTime(
      layer,
      own,
      dy,
      dLast.map((d) => d?.data),
    );
    found.set(layer, errors);
    return [errors.dx, ...(layer.begins ? errors.dFirst.map((d) => array([d.length], d)) : [])];
  }
}
