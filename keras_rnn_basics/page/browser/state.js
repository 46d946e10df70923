// What the reader has chosen and changed, and what follows from it; whoever draws listens.

import { array, copied, last, length, row } from "./arrays.js";
import { clamp, told } from "./dom.js";
import { byLikeness } from "./likeness.js";
import { Network } from "./network.js";
import { addShare } from "./recurrence.js";
import { END, START, Words } from "./text.js";

export class State {
  constructor(given) {
    this.told = given;
    this.network = new Network(given);
    this.layers = this.network.layers;
    this.words = given.inputs.map(({ words }) => (words ? new Words(words) : null));
    this.layer = this.layers.at(-1);
    this.chosen = { unit: 0, block: 0, weight: null, cell: [0, 0] };
    this.sorted = true;
    this.listeners = [];
    this.show(0);
  }

  get example() {
    return this.told.examples[this.number];
  }

  // Begins with one of the sequences that the page carries, as it was written.
  show(number) {
    this.number = number;
    this.inputs = this.example.inputs.map(copied);
    const { recorded, masks } = this.example;
    const masked = ([id, value]) => [id, { ...copied(value), mask: masks[id] && Uint8Array.from(masks[id].data) }];
    this.recorded = Object.fromEntries(Object.entries(recorded).map(masked));
    this.y = this.example.y;
    this.changed = false;
    this.found = null;
    this.compute();
    this.learns = new Set(this.errors?.keys() ?? []);
    this.orders = new Map(this.layers.map((layer) => [layer, byLikeness(inTime(this.run(layer)))]));
    this.t ??= this.found.answer.shape.length < 2 ? this.T - 1 : Math.floor(this.T / 2);
    this.tell();
  }

  compute() {
    this.found = this.network.forward(this.inputs, this.recorded, this.found);
    this.costs = this.network.costs(this.found, this.y);
    this.learned = null;
    [this.sums, this.reached] = [new Map(), new Map()];
    if (this.t !== undefined) this.t = clamp(this.t, 0, this.T - 1);
  }

  run(layer = this.layer) {
    return this.found.runs.get(layer);
  }

  get T() {
    return this.run().T;
  }

  // The units of a layer in the order in which they are drawn.
  order(layer = this.layer) {
    return this.sorted ? this.orders.get(layer) : [...this.orders.get(layer).keys()];
  }

  // The way back, computed when somebody looks at it.
  get errors() {
    if (!this.costs) return null;
    this.learned ??= this.network.back(this.found, this.costs.d);
    return this.learned.layers;
  }

  // |∂L/∂a_t| of every step of a layer.
  arriving(layer) {
    const errors = this.errors.get(layer);
    if (!this.reached.has(layer)) {
      const d = errors ? inOrder(this.run(layer), errors.d) : array([this.run(layer).T, layer.n]);
      this.reached.set(
        layer,
        Array.from({ length: d.shape[0] }, (_, t) => length(row(d, t))),
      );
    }
    return this.reached.get(layer);
  }

  // The lengths of each step's share of ∂L/∂W_aa, and of the sum of the shares from the last step read down to each.
  shares(layer = this.layer) {
    const errors = this.errors?.get(layer);
    if (!errors) return null;
    if (!this.sums.has(layer)) {
      const run = this.run(layer),
        sum = array([layer.n, last(errors.delta)]);
      const each = new Float64Array(run.T),
        grown = new Float64Array(run.T);
      for (let r = run.T - 1; r >= 0; r--) {
        each[r] = length(row(run.states[0], r)) * length(row(errors.delta, r)); // of a product of a column and a row
        grown[r] = each[r] || r === run.T - 1 ? addShare(sum.data, run, errors, r) : grown[r + 1];
      }
      this.sums.set(layer, { each, grown, whole: sum });
    }
    return this.sums.get(layer);
  }

  // The sum of the shares of the places of reading from..to.
  share(from, to, layer = this.layer) {
    const errors = this.errors.get(layer),
      sum = array([layer.n, last(errors.delta)]);
    for (let r = from; r <= to; r++) addShare(sum.data, this.run(layer), errors, r);
    return sum;
  }

  // The input of a layer's sequence that a reader may change: a given one, or what the page does not compute.
  source(layer = this.layer) {
    let id = layer.in[0];
    for (let step = this.maker(id); step; step = this.maker(id)) id = step.in[0];
    return id;
  }

  // The value along whose steps the network answers: up to a recurrent layer, and on along what that reads.
  get answerSource() {
    let id = this.told.output.id;
    if (!this.maker(id)) return this.source(this.layers.at(-1)); // the model computed it
    const recurs = (own) => {
      const step = this.maker(own);
      return Boolean(step) && (step.op === "rnn" || step.in.some(recurs));
    };
    for (let step = this.maker(id); step; step = this.maker(id)) {
      if (step.op === "rnn") return this.source(step);
      id = step.in.find(recurs) ?? step.in[0];
    }
    return id;
  }

  maker(id) {
    return this.network.steps.find((own) => own.out.includes(id));
  }

  value(id) {
    return this.found.values.get(id);
  }

  inputOf(source) {
    return this.told.inputs.find(({ id }) => id === source);
  }

  nameOf(source) {
    const name = this.inputOf(source)?.name;
    if (!name) return "what stands before";
    if (this.told.inputs.length < 2) return name;
    return `${name}: ${source === this.answerSource ? "what it writes" : "what it reads"}`;
  }

  // The names of a layer's features, where it reads them as they were given.
  labels(layer = this.layer) {
    const input = this.inputOf(this.source(layer));
    return input?.labels?.length === last(this.run(layer).x) ? input.labels : null;
  }

  // What each step of a text reads, or null for numbers.
  tokensOf(source) {
    const input = this.inputOf(source);
    if (!input?.tokens) return null;
    const words = this.words[this.told.inputs.indexOf(input)],
      { data } = this.value(source);
    return Array.from(data, (token) => (words ? words.shown(token) : String(token)));
  }

  // An answer in short: the one number, or the name of the likeliest class.
  answer(y_t) {
    if (y_t.length === 1) return told(y_t[0]);
    const best = y_t.indexOf(y_t.reduce((p, q) => Math.max(p, q))),
      words = this.told.writes && this.words.at(-1);
    return words
      ? words.shown(best)
      : this.told.cost?.kind.includes("categorical") || this.told.output.labels
        ? (this.told.output.labels?.[best] ?? String(best))
        : "";
  }

  // Step t, as its column is called.
  label(t) {
    return this.tokensOf(this.source())?.[t] ?? String(t + 1);
  }

  // Whether what follows from this value is computed in the page: what is recorded would stay as it was.
  mayChange(id) {
    const given = this.inputOf(id) || id in this.recorded;
    return Boolean(given) && !this.told.fixed.includes(id);
  }

  change(id, place, number) {
    const input = this.told.inputs.findIndex((own) => own.id === id),
      [from, at] = input >= 0 ? [this.inputs, input] : [this.recorded, id];
    from[at] = copied(from[at]); // what was computed before keeps what it was computed from
    from[at].data[place] = number;
    this.changed = true;
    this.compute();
    this.tell();
  }

  // Another text: what is read, and for a network that writes, the token after each as the target.
  read(number, tokens) {
    const writes = this.told.writes && number === this.inputs.length - 1;
    const own = writes ? [START, ...tokens] : tokens.length ? tokens : [0];
    this.inputs[number] = array([own.length], Float64Array.from(own));
    if (writes && this.told.cost) this.y = array([own.length], Float64Array.from([...tokens, END]));
    this.changed = true;
    this.compute();
    this.tell();
  }

  choose(chosen) {
    Object.assign(this.chosen, chosen);
    this.tell();
  }

  goTo(t) {
    this.t = clamp(Math.round(t), 0, this.T - 1);
    this.tell();
  }

  use(layer) {
    this.layer = layer;
    this.t = clamp(this.t, 0, this.T - 1);
    this.chosen = { ...this.chosen, unit: clamp(this.chosen.unit, 0, layer.n - 1), block: 0, weight: null };
    this.tell();
  }

  // `draw` is called after every change, as long as the element can be seen.
  listen(draw, element = null) {
    const listener = { draw, seen: !element };
    this.listeners.push(listener);
    if (!element) return;
    new IntersectionObserver(
      (entries) => {
        listener.seen = entries.at(-1).isIntersecting;
        if (listener.seen) this.tell();
      },
      { rootMargin: "40px" },
    ).observe(element);
  }

  tell() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => this.draw(({ seen }) => seen));
  }

  draw(which = () => true) {
    this.asked = false;
    for (const listener of this.listeners) if (which(listener)) listener.draw();
  }

  // Everything as lists, for whoever compares it with the model.
  numbers() {
    const list = (x) =>
      x.shape.length < 2 ? [...x.data] : Array.from({ length: x.shape[0] }, (_, t) => [...row(x, t)]);
    const layers = this.layers.map((layer) => {
      const errors = this.errors?.get(layer),
        shares = this.shares(layer);
      const found = { name: layer.name, a: list(inTime(this.run(layer))) };
      if (!errors) return found;
      return {
        ...found,
        dL_da: list(inOrder(this.run(layer), errors.d)),
        dL_dW_aa: list(shares.whole),
        shares: [...shares.each],
      };
    });
    const { answer } = this.found;
    return { t: this.t, answer: list(answer), costs: this.costs && [...this.costs.each], layers };
  }
}

// a_1 .. a_T of a run, in the order of time.
export function inTime(run) {
  const [a] = run.states;
  return inOrder(run, array([run.T, last(a)], a.data.subarray(last(a))));
}

// (T, n) in the order of reading -> in that of time.
export function inOrder({ order }, x) {
  if (order[0] <= order.at(-1)) return x;
  const y = array([...x.shape]);
  order.forEach((t, r) => row(y, t).set(row(x, r)));
  return y;
}

// The place at which step t is read.
export const placeOf = (run, t) => (run.order[0] > run.order.at(-1) ? run.T - 1 - t : t);

// The largest difference of two lists of numbers.
export function difference(x, y) {
  let most = 0;
  for (let k = 0; k < y.length; k++) most = Math.max(most, Math.abs(x[k] - y[k]) || 0);
  return most;
}
