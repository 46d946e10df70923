// The network unrolled around t: x_t goes down into a_t, a_t goes on to the next step, and down into ŷ_t.

import { last, row } from "./arrays.js";
import { answersOf, areProbabilities } from "./answers.js";
import { colour } from "./colours.js";
import { clamp, el, told } from "./dom.js";
import { bin } from "./heat_map.js";
import { largestOf } from "./scales.js";
import { inTime, placeOf } from "./state.js";

const WIDE = 30,
  MOST_BINS = 20,
  TALL = { x: 84, a: 132, y: 84 },
  GAP = 46,
  TOP = 30;

export class Unrolled {
  constructor(state, box) {
    Object.assign(this, { state, box });
    this.drawing = el("svg:svg", { role: "img", class: "unrolled" });
    box.append(this.drawing);
    new ResizeObserver(() => state.tell()).observe(box);
    state.listen(() => this.draw(), box);
  }

  // What decides how the drawing is built; as long as it stays, only colours and numbers change.
  plan() {
    const { state, box } = this,
      width = Math.max(280, box.clientWidth),
      { layer, T } = state;
    const apart = width < 560 ? 88 : 122;
    let count = Math.max(1, Math.floor((width - 52) / apart));
    count = Math.min(count, T, 9);
    const from = clamp(state.t - Math.floor(count / 2), 0, T - count);
    return {
      width,
      apart,
      count,
      from,
      layer,
      T,
      n_y: answersOf(state).count ? answersOf(state).n : 0,
      n_x: last(state.run().x),
    };
  }

  draw() {
    const plan = this.plan(),
      key = [plan.width, plan.count, plan.from, plan.layer.name, plan.T, plan.n_x, plan.n_y].join();
    if (key !== this.key) this.build(plan);
    this.key = key;
    this.colour(plan);
  }

  build({ width, apart, count, from, layer, T, n_x, n_y }) {
    const { state, drawing } = this;
    const high = (n, part) => Math.min(TALL[part], Math.max(18, n * 14));
    const h = { x: high(n_x, "x"), a: high(layer.n, "a"), y: n_y ? high(n_y, "y") : 0 };
    const y = { x: TOP, a: TOP + h.x + GAP };
    y.y = y.a + h.a + GAP;
    y.cost = n_y ? y.y + h.y + 30 : y.a + h.a + 4;
    const height = y.cost + (state.costs && n_y ? 22 : 0),
      middle = y.a + h.a / 2;
    const left = 44 + (width - 44 - (count - 1) * apart) / 2,
      centre = (i) => left + i * apart;
    drawing.replaceChildren(...this.marks());
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    drawing.style.height = `${height}px`;
    this.columns = [];
    for (const [name, at] of [
      ["x_t", y.x + h.x / 2],
      ["a_t", middle],
      ["ŷ_t", n_y ? y.y + h.y / 2 : -99],
    ]) {
      if (at > 0) drawing.append(formula(name, 0, at + 4, "start", "letter"));
    }
    const arrow = (name, x1, y1, x2, y2, at) => {
      const group = el(
        "svg:g",
        { class: "use", "data-weight": name },
        el("svg:line", { x1, y1, x2, y2, "marker-end": "url(#tip)" }),
        el("svg:line", { x1, y1, x2, y2, class: "wide" }),
        at && layer.weights[name] ? formula(name, ...at) : "",
      );
      group.addEventListener("pointerenter", () => state.choose({ weight: name }));
      group.addEventListener("pointerleave", () => state.choose({ weight: null }));
      drawing.append(group);
    };
    const backwards = layer.back,
      order = backwards ? -1 : 1;
    for (let i = 0; i <= count; i++) {
      // From the column before into column i, in the order of reading.
      const x1 = centre(i - 1) + WIDE / 2 + 7,
        x2 = centre(i) - WIDE / 2 - 9;
      const begins = backwards ? i === count : i === 0,
        ends = backwards ? i === 0 : i === count;
      const first = backwards ? from + count === T : from === 0,
        final = backwards ? from === 0 : from + count === T;
      if (ends && final) continue;
      const [a, b] = begins
        ? backwards
          ? [x1 + 26, x1 + 2]
          : [x2 - 26, x2]
        : ends
          ? backwards
            ? [x2, x2 - 22]
            : [x1, x1 + 22]
          : order < 0
            ? [x2, x1]
            : [x1, x2];
      arrow("W_aa", a, middle, b, middle, begins || ends ? null : [(x1 + x2) / 2, middle - 8, "middle"]);
      if (begins)
        drawing.append(
          first
            ? formula("a_0", a + (backwards ? 4 : -4), middle + 4, backwards ? "start" : "end")
            : dots(a + (backwards ? 6 : -6), middle, backwards),
        );
      if (ends) drawing.append(dots(b + 8 * order, middle, backwards));
    }
    for (let i = 0; i < count; i++) {
      const t = from + i,
        x = centre(i),
        answers = answersOf(state).at(t) !== null;
      arrow("W_ax", x, y.x + h.x + 2, x, y.a - 8, [x + 7, y.x + h.x + GAP / 2 + 1, "start"]);
      if (answers && n_y) arrow("W_ya", x, y.a + h.a + 5, x, y.y - 6, [x + 7, y.a + h.a + GAP / 2 + 3, "start"]);
      const column = el("svg:g", { class: "column" });
      column.append(
        el("svg:rect", { class: "cell", x: x - WIDE / 2 - 6, y: y.a - 6, width: WIDE + 12, height: h.a + 12, rx: 9 }),
        el("svg:text", { class: "when", x, y: 14, "text-anchor": "middle" }, ""),
      );
      const parts = { x: strip(column, x, y.x, h.x, n_x), a: strip(column, x, y.a, h.a, layer.n) };
      if (answers && n_y) parts.y = strip(column, x, y.y, h.y, n_y);
      const unit = el("svg:path", { class: "chosen", d: `M${x - WIDE / 2 - 1},0 l-5,-3.5 v7 z` });
      column.append(unit);
      const says = el("svg:text", { class: "says", x, y: y.y + h.y + 17, "text-anchor": "middle" });
      column.append(says);
      const cost = el("svg:text", { class: "cost", x, y: y.cost + 10, "text-anchor": "middle" });
      column.append(cost);
      column.addEventListener("click", ({ clientY }) => {
        const box = drawing.getBoundingClientRect(),
          place = ((clientY - box.top) / box.height) * height;
        const at = Math.floor(((place - y.a) / h.a) * layer.n);
        state.t = t;
        state.choose(at >= 0 && at < layer.n ? { unit: state.order()[at] } : {});
      });
      drawing.append(column);
      this.columns.push({
        t,
        parts,
        column,
        cost,
        says,
        unit,
        from: y.a,
        high: h.a,
        when: column.querySelector(".when"),
      });
    }
  }

  marks() {
    const tip = (id) =>
      el(
        "svg:marker",
        {
          id,
          viewBox: "0 0 8 8",
          refX: 7,
          refY: 4,
          markerWidth: 8,
          markerHeight: 8,
          markerUnits: "userSpaceOnUse",
          orient: "auto-start-reverse",
        },
        el("svg:path", { d: "M0,0.8 L8,4 L0,7.2 z", class: id }),
      );
    return [el("svg:defs", {}, tip("tip"), tip("lit"))];
  }

  colour({ layer }) {
    const { state, drawing } = this,
      run = state.run(),
      a = inTime(run),
      answers = answersOf(state);
    const order = state.order(),
      same = Array.from({ length: Math.max(last(run.x), answers.n) }, (_, i) => i);
    const likely = areProbabilities(state);
    const most = {
      x: largestOf(state, layer, "x"),
      a: largestOf(state, layer, "a"),
      y: likely ? 1 : largestOf(state, layer, "y"),
    };
    for (const { t, parts, column, cost, says, when, unit, from, high } of this.columns) {
      paintStrip(parts.x, row(run.x, t), same, "value", most.x);
      paintStrip(parts.a, row(a, t), order, "value", most.a);
      unit.setAttribute(
        "transform",
        `translate(0 ${from + ((order.indexOf(state.chosen.unit) + 0.5) * high) / layer.n})`,
      );
      const y_t = answers.at(t);
      if (parts.y && y_t) paintStrip(parts.y, y_t, same, likely ? "size" : "value", most.y);
      if (y_t) says.textContent = state.answer(y_t);
      column.classList.toggle("now", t === state.t);
      column.classList.toggle("masked", Boolean(run.mask && !run.mask[t]));
      when.textContent = state.label(t);
      const L_t = answers.cost(t);
      cost.replaceChildren(...(L_t === null ? [] : [symbol("L", t + 1), ` ${told(L_t)}`]));
    }
    for (const use of drawing.querySelectorAll(".use"))
      use.classList.toggle("lit", use.dataset.weight === state.chosen.weight);
    const r = placeOf(run, state.t);
    drawing.setAttribute(
      "aria-label",
      `The network unrolled, at step ${state.t + 1} of ${run.T}, the ${r + 1}. that it reads.`,
    );
  }
}

function strip(group, x, y, height, n) {
  const bins = Math.min(n, MOST_BINS),
    each = height / bins;
  const rects = Array.from({ length: bins }, (_, i) =>
    el("svg:rect", { x: x - WIDE / 2, y: (y + i * each).toFixed(2), width: WIDE, height: (each + 0.3).toFixed(2) }),
  );
  group.append(...rects, el("svg:rect", { class: "frame", x: x - WIDE / 2, y, width: WIDE, height, rx: 3 }));
  return { rects, n };
}

function paintStrip({ rects, n }, numbers, order, kind, most) {
  rects.forEach((rect, i) => {
    const [top, bottom] = bin(i, rects.length, n);
    let sum = 0;
    for (let k = top; k < bottom; k++) sum += numbers[order[k]];
    const fill = colour(kind, sum / (bottom - top), most);
    if (rect.own !== fill) rect.setAttribute("fill", (rect.own = fill));
  });
}

// "W_aa" as text of a drawing, with its index below.
function formula(name, x, y, anchor, more = "") {
  const [letter, below] = name.split("_");
  return el(
    "svg:text",
    { x, y, "text-anchor": anchor, class: `formula ${more}` },
    letter,
    el("svg:tspan", { dy: 3, class: "below" }, below),
  );
}

const symbol = (letter, below) =>
  el(
    "svg:tspan",
    { class: "formula" },
    letter,
    el("svg:tspan", { dy: 3, class: "below" }, String(below)),
    el("svg:tspan", { dy: -3 }, "\u200b"),
  );

const dots = (x, y, after) =>
  el("svg:text", { x, y: y + 3, "text-anchor": after ? "start" : "end", class: "dots" }, "···");
