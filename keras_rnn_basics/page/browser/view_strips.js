// The whole sequence: a row of pictures on one axis of time.

import { array, last, row } from "./arrays.js";
import { answersOf, areProbabilities } from "./answers.js";
import { drawBars, drawLines } from "./curves.js";
import { clamp, el, math, told } from "./dom.js";
import { HeatMap } from "./heat_map.js";
import { largestOf } from "./scales.js";
import { inOrder, inTime } from "./state.js";
import { USES } from "./view_weights.js";

export class Strips {
  constructor(state, box) {
    Object.assign(this, { state, box });
    new ResizeObserver(() => state.tell()).observe(box);
    state.listen(() => this.draw(), box);
  }

  draw() {
    const { state } = this;
    const key = [state.layers.indexOf(state.layer), Boolean(state.costs), state.number].join();
    if (key !== this.key) this.build();
    this.key = key;
    for (const group of this.groups) group.draw();
  }

  build() {
    const { state, box } = this,
      sources = [...new Set(state.layers.map((layer) => state.source(layer)))];
    this.groups = sources.map((source) => new Group(state, source));
    box.replaceChildren(...this.groups.map(({ element }) => element));
  }
}

// The rows that share an axis of time.
class Group {
  constructor(state, source) {
    this.state = state;
    this.layers = state.layers.filter((layer) => state.source(layer) === source);
    this.main = this.layers.includes(state.layer) ? state.layer : this.layers[0];
    this.element = el("div", { class: "group" });
    this.rows = [];
    const several = state.layers.length > this.layers.length;
    if (several) this.element.append(el("h3", {}, `Along ${state.nameOf(source)}`));
    this.make();
  }

  get T() {
    return this.state.run(this.main).T;
  }

  make() {
    const { state, main } = this,
      first = this.layers[0],
      n = (layer) => last(state.run(layer).x);
    const mean = (size) => clamp(size * 10, 26, 110);
    this.map("x_t", "what is read", mean(n(first)), () => state.run(first).x, {
      scale: () => largestOf(state, first, "x"),
      rows: () => n(first),
      names: state.labels(first),
    });
    for (const layer of this.layers) {
      const chosen = layer === state.layer,
        name = state.layers.length > 1 ? layer.name : "the memory";
      if (chosen && !layer.unknown)
        this.map("z_t", "the part of the input", 64, () => inOrder(state.run(layer), state.run(layer).z), {
          scale: () => largestOf(state, layer, "z"),
          rows: () => last(state.run(layer).z),
          order: () => blocks(state.order(layer), last(state.run(layer).z)),
        });
      this.map("a_t", name, chosen ? clamp(layer.n * 9, 60, 190) : 44, () => inTime(state.run(layer)), {
        scale: () => largestOf(state, layer, "a"),
        rows: () => layer.n,
        order: () => state.order(layer),
        layer,
        units: true,
      });
    }
    const answers = () => answersOf(state, main);
    if (!answers().count) return;
    const whole = () => {
      const own = answers(),
        y = array([this.T, own.n]);
      for (let t = 0; t < this.T; t++) if (own.at(t)) row(y, t).set(own.at(t));
      return y;
    };
    const likely = areProbabilities(state);
    if (answers().n === 1) this.line("ŷ_t", answers().sofar ? "the answer so far" : "the answer", answers);
    else
      this.map("ŷ_t", answers().sofar ? "the answer so far" : "the answer", mean(answers().n), whole, {
        kind: likely ? "size" : "value",
        scale: () => (likely ? 1 : largestOf(state, main, "y")),
        rows: () => answers().n,
        names: state.told.output.labels,
      });
    if (!state.costs) return;
    this.bars(
      "L_t",
      "the cost",
      (t) => answers().cost(t) ?? 0,
      () => `L = ${told(state.costs.sum)}`,
    );
    if (!state.learns.has(main)) return;
    this.bars(
      "∂L/∂a_t",
      "the error that arrives",
      (t) => state.arriving(main)[t],
      () => "",
      "|",
    );
  }

  map(
    symbol,
    name,
    height,
    numbers,
    { kind = "value", scale, rows, order = null, layer = null, units = false, names = null },
  ) {
    const { state } = this,
      canvas = el("canvas", { tabindex: 0, role: "img" }),
      picture = new HeatMap(canvas);
    const marks = el("div", { class: "marks" }),
      frame = el("div", { class: "frame", style: `height:${height}px` }, canvas, marks);
    const read = el("span", { class: "total" });
    this.row(symbol, name, frame, layer, read);
    let pointed = null;
    const [unit, other] = [el("div", { class: "unit" }), el("div", { class: "unit" })];
    marks.append(unit, other);
    this.rows.push(() => {
      const own = numbers(),
        n = rows(),
        places = order?.() ?? null,
        most = scale();
      picture.draw((i, t) => own.data[t * n + (places ? places[i] : i)], n, this.T, kind, most);
      this.fade(canvas);
      const now = this.now(),
        j = units ? state.chosen.unit : 0,
        i = pointed ?? (units && layer === state.layer ? j : null);
      read.textContent =
        i === null || i >= n
          ? ""
          : `${names?.[i] ?? (units ? `unit ${i + 1}` : `[${i + 1}]`)}\n${told(own.data[now * n + i])}`;
      const lit = this.lit(symbol, layer, n),
        chosen = units && layer === state.layer && !lit.length ? [j] : lit;
      [unit, other].forEach((mark, k) => {
        mark.hidden = chosen[k] === undefined;
        mark.classList.toggle("lit", lit.length > 0);
        mark.style.top = `${(100 * (places ? places.indexOf(chosen[k]) : chosen[k])) / n}%`;
        mark.style.height = `${100 / n}%`;
      });
      const shown = units ? `unit ${j + 1} of ${n}: ${told(own.data[now * n + j])}` : `${n} rows`;
      canvas.setAttribute("aria-label", `${symbol} over ${this.T} steps, at t = ${now + 1}; ${shown}`);
    });
    this.pointing(
      frame,
      canvas,
      (share) => {
        if (!units) return {};
        return { unit: state.order(layer)[clamp(Math.floor(share * layer.n), 0, layer.n - 1)] };
      },
      layer,
    );
    frame.addEventListener("pointermove", (event) => {
      const box = frame.getBoundingClientRect(),
        i = clamp(Math.floor((rows() * (event.clientY - box.top)) / box.height), 0, rows() - 1);
      pointed = order ? order()[i] : i;
      state.tell();
    });
    frame.addEventListener("pointerleave", () => {
      pointed = null;
      state.tell();
    });
  }

  // Steps that are masked are pale.
  fade(canvas) {
    const { mask } = this.state.run(this.main);
    if (!mask) return;
    const brush = canvas.getContext("2d"),
      each = canvas.width / this.T;
    brush.fillStyle = getComputedStyle(document.body).backgroundColor;
    brush.globalAlpha = 0.7;
    mask.forEach((there, t) => there || brush.fillRect(t * each, 0, each, canvas.height));
    brush.globalAlpha = 1;
  }

  // The rows that the chosen weight leads from and to, at every step.
  lit(symbol, layer, n) {
    const { state } = this,
      { weight, cell } = state.chosen;
    if (!weight || (layer && layer !== state.layer) || !this.layers.includes(state.layer)) return [];
    const [from, to] = USES[weight],
      per = state.layer.n,
      found = [];
    if (from && from.replace("t−1", "t") === symbol && (symbol !== "x_t" || state.layer === this.layers[0]))
      found.push(cell[0]);
    if (to === symbol) found.push(symbol === "a_t" ? cell[1] % per : cell[1]);
    return found.filter((i) => i < n);
  }

  bars(symbol, name, at, total, around = "") {
    const canvas = el("canvas", { tabindex: 0, role: "img" });
    const marks = el("div", { class: "marks" });
    const frame = el("div", { class: "frame bars", style: "height:56px" }, canvas, marks);
    const beside = el("span", { class: "total" });
    this.row(symbol, name, frame, null, beside, around);
    this.rows.push(() => {
      const numbers = Array.from({ length: this.T }, (_, t) => at(t));
      const now = this.now();
      drawBars(canvas, numbers, now);
      const said = [told(numbers[now]), total()].filter(Boolean);
      beside.textContent = said.join("\n");
      const what = `${around}${symbol}${around} over ${this.T} steps; at t = ${now + 1}`;
      canvas.setAttribute("aria-label", `${what}: ${said.join(", ")}`);
    });
    this.pointing(frame, canvas, () => ({}));
  }

  // One answer a step: a line, with the target beside it.
  line(symbol, name, answers) {
    const canvas = el("canvas", { tabindex: 0, role: "img" });
    const marks = el("div", { class: "marks" });
    const frame = el("div", { class: "frame line", style: "height:96px" }, canvas, marks);
    const beside = el("span", { class: "total" });
    this.row(symbol, name, frame, null, beside);
    this.rows.push(() => {
      const own = answers();
      const of = (numbers) => Array.from({ length: this.T }, (_, t) => numbers(t)?.[0]);
      const [y_hat, y] = [of(own.at), of(own.target)];
      drawLines(canvas, y_hat, y);
      const said = (value) => (value === undefined ? "" : told(value));
      const [now, target] = [this.now(), said(y[this.now()])];
      beside.replaceChildren(el("b", { class: "more" }, said(y_hat[now])), target && ` y ${target}`);
      const what = `${symbol} over ${this.T} steps; at t = ${now + 1}: ${said(y_hat[now]) || "none"}`;
      canvas.setAttribute("aria-label", target ? `${what}, the target ${target}` : what);
    });
    this.pointing(frame, canvas, () => ({}));
  }

  row(symbol, name, frame, layer, beside = null, around = "") {
    const { state } = this,
      other = layer && layer !== state.layer;
    const label = other
      ? el("button", { type: "button", class: "quiet", onclick: () => state.use(layer) }, name)
      : el("span", {}, name);
    this.element.append(
      el(
        "div",
        { class: `row${other ? " other" : ""}` },
        el("div", { class: "label" }, el("span", { class: "letter" }, around, math(symbol), around), label, beside),
        frame,
      ),
    );
  }

  pointing(frame, canvas, chosen, layer = null) {
    const { state } = this;
    const go = (event) => {
      const box = frame.getBoundingClientRect(),
        share = (event.clientX - box.left) / box.width;
      if (layer && layer !== state.layer) state.use(layer);
      else if (!this.layers.includes(state.layer)) state.use(this.main);
      Object.assign(state.chosen, chosen((event.clientY - box.top) / box.height));
      state.goTo(Math.floor(share * this.T));
    };
    frame.addEventListener("pointerdown", (event) => {
      frame.setPointerCapture(event.pointerId);
      go(event);
    });
    frame.addEventListener("pointermove", (event) => {
      if (event.buttons) go(event);
    });
    canvas.addEventListener("keydown", (event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!by || !layer || layer !== state.layer) return;
      event.preventDefault();
      const order = state.order(),
        at = clamp(order.indexOf(state.chosen.unit) + by, 0, layer.n - 1);
      state.choose({ unit: order[at] });
    });
  }

  now() {
    const { state } = this;
    return this.layers.includes(state.layer) ? state.t : Math.min(state.t, this.T - 1);
  }

  draw() {
    const { element, T } = this,
      here = this.layers.includes(this.state.layer);
    element.style.setProperty("--at", `${(100 * this.now()) / T}%`);
    element.style.setProperty("--step", `${100 / T}%`);
    element.classList.toggle("here", here);
    for (const row of this.rows) row();
    this.labels();
  }

  // What was read at each step, below the pictures, as far as there is room for it.
  labels() {
    const { state, T } = this,
      source = state.source(this.main),
      words = state.tokensOf(source);
    this.axis ??= el("div", { class: "axis", "aria-hidden": "true" });
    if (!this.axis.parentElement)
      this.element.append(
        el(
          "div",
          { class: "row" },
          el("div", { class: "label" }, el("span", { class: "letter" }, el("i", {}, "t"))),
          this.axis,
        ),
      );
    const width = this.axis.clientWidth || 600,
      longest = words ? Math.max(...words.map((word) => [...word].length)) : String(T).length;
    const every = Math.ceil(((7 * longest + 6) * T) / width);
    const key = [width, T, words?.join("|")].join();
    if (this.axisKey === key) return;
    this.axisKey = key;
    this.axis.replaceChildren(
      ...Array.from({ length: T }, (_, t) => t)
        .filter((t) => (words ? t % every === 0 : t === 0 || (t >= every && (t + 1) % nice(every) === 0)))
        .map((t) => el("span", { style: `left:${(100 * (t + 0.5)) / T}%` }, words ? words[t] : String(t + 1))),
    );
  }
}

const nice = (every) => [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000].find((step) => step >= every) ?? every;

// Of a cell with several sums for each unit, one block after the other.
const blocks = (order, n) =>
  Array.from({ length: n / order.length }, (_, k) => order.map((j) => k * order.length + j)).flat();
