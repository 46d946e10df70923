// Change what is read: drag a value, or type one.

import { el, math } from "./dom.js";

export class Inputs {
  constructor(state, box) {
    Object.assign(this, { state, box });
    this.list = el("div", { class: "inputs" });
    this.title = el("h3", {});
    box.append(this.title, this.list);
    state.listen(() => this.draw(), box.parentElement);
  }

  draw() {
    const { state } = this,
      source = state.source(),
      values = state.value(source),
      tokens = state.inputOf(source)?.tokens;
    this.box.hidden = Boolean(tokens) || !state.mayChange(source);
    if (this.box.hidden) return;
    const shape = values.shape,
      steps = shape.length > 1 && shape[0] === state.T,
      n = steps ? values.data.length / state.T : values.data.length;
    const key = [source, n, state.number].join();
    if (this.key !== key) this.build(source, n, values, steps);
    this.key = key;
    this.title.replaceChildren("Change ", math("x_t"), ` at t = ${state.t + 1}`);
    const from = steps ? state.t * n : 0;
    this.fields.forEach(({ slider, number, line }, i) => {
      const value = values.data[from + i],
        first = this.first[from + i];
      if (document.activeElement !== number) number.value = Number(value.toPrecision(4));
      slider.value = value;
      line.classList.toggle("changed", first !== undefined && value !== first);
    });
  }

  build(source, n, values, steps) {
    const { state } = this,
      labels = state.inputOf(source)?.labels,
      all = values.data;
    this.first = (
      state.inputOf(source)
        ? state.example.inputs[state.told.inputs.indexOf(state.inputOf(source))]
        : state.example.recorded[source]
    ).data;
    this.fields = Array.from({ length: n }, (_, i) => {
      const own = Array.from({ length: Math.max(1, all.length / n) }, (_, t) => all[t * n + i]);
      const low = Math.min(...own),
        high = Math.max(...own),
        reach = high - low || Math.abs(high) || 1;
      const name = labels?.length === n ? labels[i] : null,
        said = name ?? `x[${i + 1}]`;
      const slider = el("input", {
        type: "range",
        min: low - reach,
        max: high + reach,
        step: (3 * reach) / 400,
        "aria-label": said,
      });
      const number = el("input", { type: "number", step: "any", "aria-label": `${said}, its value` });
      const change = (text) => {
        const value = Number(text);
        if (text !== "" && Number.isFinite(value)) state.change(source, (steps ? state.t * n : 0) + i, value);
      };
      slider.addEventListener("input", () => change(slider.value));
      number.addEventListener("input", () => change(number.value));
      const line = el(
        "label",
        { class: labels?.length === n ? "input named" : "input" },
        el("span", { title: said }, name ?? [math("x_t"), `[${i + 1}]`]),
        slider,
        number,
      );
      return { slider, number, line };
    });
    this.list.replaceChildren(...this.fields.map(({ line }) => line));
  }
}
