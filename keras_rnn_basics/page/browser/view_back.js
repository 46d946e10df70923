// The way back: each step has a share in ∂L/∂W_aa, and stepping back through time they grow into the whole.

import { last, row } from "./arrays.js";
import { clamp, el, math, sentence, told } from "./dom.js";
import { HeatMap, largest } from "./heat_map.js";
import { placeOf } from "./state.js";

export class Back {
  constructor(state, box) {
    Object.assign(this, { state, box });
    this.slider = el("input", { type: "range", min: 0, step: 1, "aria-label": "how far back in time" });
    this.slider.addEventListener("input", () => state.goTo(Number(this.slider.value)));
    this.play = el("button", { type: "button", class: "primary", onclick: () => this.run() }, "Go back through time");
    this.share = this.picture("the share of this step");
    this.sum = this.picture("the sum so far");
    this.chart = el("svg:svg", { class: "growth", role: "img", preserveAspectRatio: "none" });
    this.said = el("p", { class: "said" });
    box.append(
      el("div", { class: "controls" }, this.play, this.slider),
      el(
        "div",
        { class: "growing" },
        el("div", { class: "pair" }, this.share.figure, this.sum.figure),
        el(
          "div",
          {},
          this.said,
          this.chart,
          el(
            "p",
            { class: "note" },
            "Bars: the length of each step's share. Line: the length of their sum, from the last step read down to each. It need not only grow: shares of opposite signs take from each other.",
          ),
        ),
      ),
    );
    new ResizeObserver(() => state.tell()).observe(box);
    state.listen(() => this.draw(), box.parentElement);
  }

  picture(words) {
    const canvas = el("canvas", { role: "img" }),
      title = el("span", {});
    const figure = el(
      "figure",
      {},
      el("figcaption", {}, title, el("span", {}, words)),
      el("div", { class: "frame square" }, canvas),
    );
    return { figure, title, canvas, map: new HeatMap(canvas) };
  }

  // From the last step read to the first, in three to four seconds.
  run() {
    const { state } = this,
      { layer, T } = state,
      { order } = state.run();
    clearInterval(this.timer);
    let r = T - 1;
    state.goTo(order[r]);
    this.timer = setInterval(
      () => {
        if (--r < 0 || state.T !== T || state.layer !== layer) return clearInterval(this.timer);
        state.goTo(order[r]);
      },
      clamp(3500 / T, 30, 400),
    );
  }

  draw() {
    const { state } = this,
      { layer, T } = state,
      shares = state.shares();
    this.box.hidden = !shares;
    if (!shares) return;
    const run = state.run(),
      { t } = state,
      r = placeOf(run, t);
    this.slider.max = T - 1;
    this.slider.value = t;
    this.slider.setAttribute("aria-valuetext", `back to step ${t + 1}`);
    // Pictures are the dear part: only while they can be seen, and when something has changed.
    const key = [r, layer.name, state.sorted, state.dark, this.box.clientWidth].join();
    if (this.key !== key || this.of !== shares) this.pictures(shares, r, layer);
    Object.assign(this, { key, of: shares });
    this.share.title.replaceChildren(math(`a_${layer.back ? t + 2 : t}`), "ᵀ ", math("δ_" + (t + 1)));
    this.sum.title.replaceChildren(math("∂L"), "/", math("∂W_aa"));
    const together =
      T - r === 1
        ? "It is the first on the way back."
        : `With the ${T - r - 1} share${T - r > 2 ? "s" : ""} before it on the way back: ${told(shares.grown[r])}.`;
    const zero =
      shares.each[r] === 0
        ? ` It has none: ${largest(row(run.states[0], r)) === 1 && !row(run.states[0], r).some(Boolean) ? `\`a_${r}\` is zero` : "no error arrives here"}.`
        : ` Its share has the length ${told(shares.each[r])}.`;
    this.said.replaceChildren(...sentence(`Step ${t + 1}.${zero} ${together} The whole has ${told(shares.grown[0])}.`));
    this.grow(shares, r, run);
  }

  pictures(shares, r, layer) {
    const { state } = this,
      own = state.share(r, r),
      sum = r === 0 ? shares.whole : state.share(r, state.T - 1),
      m = last(sum),
      per = layer.n;
    const order = state.order(),
      across = Array.from({ length: m / per }, (_, k) => order.map((j) => k * per + j)).flat();
    const most = largest(shares.whole.data);
    for (const [{ map, canvas }, { data }, words] of [
      [this.share, own, "The share"],
      [this.sum, sum, "The sum"],
    ]) {
      map.draw((i, j) => data[order[i] * m + across[j]], per, m, "value", most);
      canvas.setAttribute("aria-label", `${words}, ${per} by ${m} numbers, the largest of them ${told(largest(data))}`);
    }
  }

  grow({ each, grown }, r, { T, order }) {
    const width = Math.max(200, this.chart.clientWidth),
      height = 130,
      most = Math.max(largest(each), largest(grown)),
      wide = width / T;
    const place = (own) => order[own] * wide,
      y = (value) => height - (value / most) * (height - 6);
    this.chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.chart.setAttribute(
      "aria-label",
      `The shares of ${T} steps and their growing sum, ${told(grown[0])} in the end`,
    );
    const bars = Array.from(each, (value, own) =>
      el("svg:rect", {
        class: own < r ? "later" : own === r ? "now" : "",
        x: place(own) + Math.min(1.5, wide * 0.12),
        y: y(value),
        width: Math.max(0.5, wide - Math.min(3, wide * 0.24)),
        height: height - y(value),
      }),
    );
    const points = Array.from(grown, (value, own) => [place(own) + wide / 2, y(value), own]).filter(
      ([, , own]) => own >= r,
    );
    const line = points.map(([px, py], k) => `${k ? "L" : "M"}${px.toFixed(1)},${py.toFixed(1)}`).join("");
    this.chart.replaceChildren(
      ...bars,
      el("svg:path", { class: "sum", d: line }),
      el("svg:circle", { class: "sum", cx: points[0][0], cy: points[0][1], r: 4 }),
    );
  }
}
