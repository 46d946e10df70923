// The weights, once: point at one, and every place that uses it lights up.

import { clamp, el, math, sentence, told } from "./dom.js";
import { HeatMap, largest } from "./heat_map.js";

// From each weight to what it multiplies and what it adds to.
export const USES = {
  W_ax: ["x_t", "a_t"],
  W_aa: ["a_t−1", "a_t"],
  W_ya: ["a_t", "ŷ_t"],
  b_x: [null, "a_t"],
  b_a: [null, "a_t"],
  b: [null, "a_t"],
  b_y: [null, "ŷ_t"],
};

export class Weights {
  constructor(state, box) {
    Object.assign(this, { state, box });
    this.grid = el("div", {});
    this.said = el("p", { class: "said", "aria-live": "polite" });
    box.append(this.grid, this.said);
    new ResizeObserver(() => ((this.drawn = null), state.tell())).observe(this.grid);
    state.listen(() => this.draw(), this.grid);
  }

  draw() {
    const { state } = this,
      { layer } = state;
    const narrow = this.box.clientWidth < 520;
    if (this.layer !== layer || this.narrow !== narrow) this.build(layer, narrow);
    const key = [state.sorted, state.number, state.dark, layer.name].join();
    if (this.drawn !== key) for (const own of this.maps) own.draw();
    this.drawn = key;
    const { weight, cell } = state.chosen,
      chosen = this.maps.find(({ name }) => name === weight);
    for (const { name, figure, mark, n, m, place } of this.maps) {
      figure.classList.toggle("lit", name === weight);
      mark.hidden = name !== weight || !cell;
      if (mark.hidden) continue;
      const [i, j] = place(cell);
      Object.assign(mark.style, {
        top: `${(100 * i) / n}%`,
        left: `${(100 * j) / m}%`,
        height: `${100 / n}%`,
        width: `${100 / m}%`,
      });
    }
    if (layer.unknown)
      return this.said.replaceChildren(
        `This page does not know the equations of the ${layer.unknown}, nor where they use which weight.`,
      );
    this.said.replaceChildren(
      ...sentence(
        chosen
          ? this.sentence(chosen, cell)
          : "Point at a weight, or go to a picture with Tab and through it with the arrow keys.",
      ),
    );
  }

  sentence({ name, n, m, numbers }, [i, j]) {
    const { state } = this,
      [reads, to] = USES[name],
      from = state.layer.back ? reads?.replace("−", "+") : reads,
      steps = state.T === 1 ? "at the one step" : `at every one of the ${state.T} steps`;
    const value = told(numbers[Math.min(i, n - 1) * m + Math.min(j, m - 1)]);
    if (!from) return `\`${name}\`[${j + 1}] = ${value}: is added on the way to \`${to}\`[${j + 1}], ${steps}.`;
    return `\`${name}\`[${i + 1}, ${j + 1}] = ${value}: multiplies \`${from}\`[${i + 1}] on its way to \`${to}\`[${j + 1}], ${steps}.`;
  }

  build(layer, narrow) {
    Object.assign(this, { layer, narrow });
    this.drawn = null;
    const names = Object.keys(USES).filter((name) => layer.weights[name]);
    this.maps = names.map((name) => {
      const { shape, data } = layer.weights[name];
      return this.map(layer, name, shape.length > 1 ? shape[0] : 1, shape.at(-1), data);
    });
    const row = (biases) =>
      el(
        "div",
        { class: "weights" },
        this.maps.filter(({ n, name }) => (name[0] === "b") === biases).map(({ figure }) => figure),
      );
    this.grid.replaceChildren(row(false), row(true));
  }

  map(layer, name, n, m, numbers) {
    const { state } = this,
      canvas = el("canvas", {
        tabindex: 0,
        role: "img",
        "aria-label": `${name.replace("_", " ")}, ${n} by ${m} weights`,
      });
    const mark = el("div", { class: "mark", hidden: true }),
      frame = el("div", { class: "frame" }, canvas, mark);
    const [from, to] = USES[name],
      per = layer.cell.n,
      bright = largest(numbers);
    const order = (units) => (units ? state.order(layer) : null);
    // Rows and columns that stand for units are drawn in the order of the units.
    const down = () => (from?.startsWith("a") ? order(true) : null);
    const across = () =>
      to === "a_t"
        ? Array.from({ length: m / per }, (_, k) => state.order(layer).map((j) => k * per + j)).flat()
        : null;
    // All pictures have cells of one size, so that their shapes can be compared.
    const shapes = Object.values(layer.weights).map(({ shape }) => shape),
      most = (axis) => Math.max(...shapes.map((own) => own.at(axis)));
    const [high, wide] = this.narrow ? [170, (this.box.clientWidth - 26) / 2] : [250, 520];
    const cell = clamp(Math.min(high / most(0), wide / most(-1)), 0.5, 15);
    Object.assign(frame.style, { width: `${Math.max(14, m * cell)}px`, height: `${Math.max(14, n * cell)}px` });
    const figure = el(
      "figure",
      { class: n === 1 ? "bias" : "", "data-weight": name },
      el("figcaption", {}, math(name), el("span", {}, name[0] === "b" ? `(${m})` : `(${n}, ${m})`)),
      frame,
    );
    const picture = new HeatMap(canvas);
    const draw = () => {
      const [rows, columns] = [down(), across()];
      picture.draw((i, j) => numbers[(rows ? rows[i] : i) * m + (columns ? columns[j] : j)], n, m, "value", bright);
    };
    const place = ([i, j]) => [down()?.indexOf(i) ?? Math.min(i, n - 1), across()?.indexOf(j) ?? Math.min(j, m - 1)];
    const choose = (i, j) => state.choose({ weight: name, cell: [down()?.[i] ?? i, across()?.[j] ?? j] });
    const point = (event) => {
      const box = frame.getBoundingClientRect(),
        [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      choose(clamp(Math.floor(n * y), 0, n - 1), clamp(Math.floor(m * x), 0, m - 1));
    };
    frame.addEventListener("pointermove", point);
    frame.addEventListener("pointerdown", (event) => {
      point(event);
      const column = state.chosen.cell[1];
      if (to === "a_t") state.choose({ unit: column % per, block: Math.floor(column / per) });
    });
    // A finger leaves at once; what it pointed at stays lit until it points elsewhere.
    frame.addEventListener(
      "pointerleave",
      ({ pointerType }) => pointerType === "mouse" && state.choose({ weight: null }),
    );
    canvas.addEventListener("focus", () => choose(0, 0));
    canvas.addEventListener("blur", () => state.choose({ weight: null }));
    canvas.addEventListener("keydown", (event) => {
      const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      const [i, j] = place(state.chosen.cell);
      choose(clamp(i + by[0], 0, n - 1), clamp(j + by[1], 0, m - 1));
    });
    return { name, n, m, numbers, figure, mark, draw, place };
  }
}
