// Type a text and see what the network expects to follow; let it write.

import { apply } from "./activations.js";
import { answersOf } from "./answers.js";
import { el } from "./dom.js";
import { END } from "./text.js";

const SHOWN = 8,
  MOST = 400;

export class Text {
  constructor(state, box) {
    Object.assign(this, { state, box });
    this.fields = state.told.inputs
      .map(({ id, words, name }, number) => words && state.mayChange(id) && this.field(number, name))
      .filter(Boolean);
    this.box.hidden = !this.fields.length;
    if (!this.fields.length) return;
    box.append(...this.fields.map(({ element }) => element));
    if (state.told.writes) this.writing();
    state.listen(() => this.draw(), box.parentElement);
  }

  field(number, name) {
    const { state } = this,
      area = el("textarea", {
        rows: 2,
        spellcheck: "false",
        autocomplete: "off",
        autocapitalize: "off",
        "aria-label": name,
      });
    const many = state.told.inputs.length > 1,
      last = number === state.told.inputs.length - 1;
    const words = many
      ? last
        ? "What it writes (it may also be typed)"
        : "What it reads"
      : state.told.writes
        ? "A prompt"
        : "A text";
    area.addEventListener("input", () => {
      this.stop();
      state.read(number, state.words[number].encode(area.value));
      state.goTo(state.T - 1);
    });
    return { number, area, element: el("label", { class: "text" }, el("span", {}, words), area) };
  }

  writing() {
    const { state } = this,
      out = state.told.inputs.length - 1;
    this.heat = el("input", {
      type: "range",
      min: 0,
      max: 2,
      step: 0.05,
      value: out ? 0 : 0.8,
      "aria-label": "temperature",
    });
    this.hot = el("output", {});
    this.heat.addEventListener("input", () => state.tell());
    this.more = el("button", { type: "button", onclick: () => this.write(1) }, "Write one");
    this.go = el(
      "button",
      {
        type: "button",
        class: "primary",
        onclick: () => (this.timer ? this.stop() : this.write(state.words[out].level === "character" ? 120 : 40)),
      },
      "Write on",
    );
    this.odds = el("div", { class: "odds", role: "table", "aria-label": "The odds of what comes next" });
    this.title = el("h3", {});
    this.stop();
    this.box.append(
      el(
        "div",
        { class: "controls" },
        this.go,
        this.more,
        el("label", { class: "heat" }, "temperature ", this.heat, this.hot),
      ),
      this.title,
      this.odds,
    );
  }

  // The odds of every token after step t, at the temperature.
  likely(t) {
    const { state } = this,
      answer = answersOf(state, this.reader).at(t);
    if (!answer) return null;
    const heat = Number(this.heat.value),
      p = answer.slice();
    p[0] = p[1] = p[2] = -Infinity; // padding, the unknown and the start are no text
    if (heat === 0) {
      const best = p.indexOf(Math.max(...p));
      return p.map((_, k) => (k === best ? 1 : 0));
    }
    return apply(
      "softmax",
      p.map((own) => own / heat),
    );
  }

  get reader() {
    return this.state.layers.at(-1);
  }

  draw() {
    const { state } = this;
    for (const { number, area } of this.fields) {
      const tokens = Array.from(state.inputs[number].data).filter((token) => token !== 0 && token !== 2);
      if (document.activeElement !== area) area.value = state.words[number].decode(tokens);
    }
    if (!this.odds) return;
    const out = state.told.inputs.length - 1,
      t = state.layer === this.reader || !out ? state.t : state.run(this.reader).T - 1;
    this.hot.textContent = Number(this.heat.value).toFixed(2);
    const p = this.likely(t);
    if (!p) return;
    const words = state.words[out],
      after = words.shown(state.inputs[out].data[t]),
      best = Array.from(p.keys())
        .filter((k) => p[k] > 0)
        .sort((i, j) => p[j] - p[i])
        .slice(0, SHOWN);
    this.title.replaceChildren("What may follow ", el("b", { class: "token" }, after), ` at t = ${t + 1}`);
    const truth = state.y?.data[t];
    this.odds.replaceChildren(
      ...best.map((token) =>
        el(
          "div",
          { class: `odd${token === truth ? " true" : ""}`, role: "row" },
          el("b", { class: "token", role: "cell" }, words.shown(token)),
          el("span", { class: "bar", "aria-hidden": "true" }, el("i", { style: `width:${100 * p[token]}%` })),
          el("span", { class: "value", role: "cell" }, `${(100 * p[token]).toFixed(1)} %`),
        ),
      ),
    );
  }

  // Draws a token and reads it as the next; a translation begins anew.
  write(count) {
    const { state } = this,
      out = state.told.inputs.length - 1;
    if (out && count > 1) state.read(out, []);
    this.stop();
    let left = count;
    const next = () => {
      this.timer = null;
      const p = this.likely(state.run(this.reader).T - 1);
      let k = 0;
      for (let sum = Math.random() - p[0]; sum > 0 && k < p.length - 1;) sum -= p[++k];
      const before = Array.from(state.inputs[out].data).slice(1);
      if (k === END || before.length >= MOST) return this.stop();
      state.layer = this.reader;
      state.read(out, [...before, k]);
      state.goTo(state.T - 1);
      if (--left > 0) this.timer = setTimeout(next, 30);
      this.go.textContent = this.timer ? "Stop" : "Write on";
    };
    next();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.go) this.go.textContent = this.state.told.inputs.length > 1 ? "Translate" : "Write on";
  }
}
