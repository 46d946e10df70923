// One number of a_t, taken apart: every term of the sum, and g of it.

import { last, row } from "./arrays.js";
import { FUNCTIONS } from "./activations.js";
import { clamp, el, math, sentence, told } from "./dom.js";
import { inTime, placeOf } from "./state.js";

const SHOWN = { x: 6, a: 8 };
const BLOCKS = {
  gru: ["update gate", "reset gate", "candidate"],
  lstm: ["input gate", "forget gate", "candidate", "output gate"],
};

export class Unit {
  constructor(state, box) {
    Object.assign(this, { state, box });
    this.terms = el("div", { class: "terms", role: "table", "aria-label": "The terms of the sum" });
    this.curve = el("svg:svg", { class: "curve", viewBox: "0 0 220 150", role: "img" });
    this.said = el("p", { class: "said" });
    this.choice = el("div", { class: "choice" });
    box.append(this.choice, el("div", { class: "apart" }, this.terms, el("div", {}, this.curve, this.said)));
    state.listen(() => this.draw(), box);
  }

  draw() {
    const { state } = this,
      { layer, t } = state,
      run = state.run(),
      r = placeOf(run, t),
      { unit: j, block } = state.chosen;
    this.choose(layer, j, block);
    if (layer.unknown) {
      this.terms.replaceChildren(
        el(
          "p",
          { class: "said" },
          ...sentence(
            `\`a_t\`[${j + 1}] = ${told(row(inTime(run), t)[j])}, as the model computed it. This page does not know the equations of the ${layer.unknown}, so it cannot take the number apart.`,
          ),
        ),
      );
      return this.function_(null);
    }
    const n = layer.n,
      column = block * n + j,
      x = row(run.x, t),
      a_prev = row(run.states[0], r),
      labels = state.labels();
    const W_ax = layer.W_ax.data,
      W_aa = layer.W_aa.data,
      n_z = last(layer.W_ax);
    if (run.mask && !run.mask[t]) {
      this.terms.replaceChildren(
        el("p", { class: "said" }, ...sentence(`Step ${t + 1} is masked: it keeps \`a_t\` as it was.`)),
      );
      return this.function_(null);
    }
    const of = (numbers, W, name) =>
      Array.from(numbers, (number, i) => ({
        i,
        number,
        weight: W[i * n_z + column],
        value: number * W[i * n_z + column],
        name: name(i),
      }));
    const before = layer.back ? "a_t+1" : "a_t−1"; // the state that was there before
    const parts = [
      ["`x_t` `W_ax`", of(x, W_ax, (i) => labels?.[i] ?? [math("x_t"), `[${i + 1}]`]), SHOWN.x],
      ["biases", layer.z_biases.map((name) => ({ name: [math(name)], value: layer.weights[name].data[column] })), 9],
      [`\`${before}\` \`W_aa\``, of(a_prev, W_aa, (i) => [math(before), `[${i + 1}]`]), SHOWN.a],
    ];
    if (layer.cell.b_a) parts[2][1].push({ name: [math("b_a")], value: layer.cell.b_a[column] });
    const lines = [];
    let sum = 0;
    for (const [title, terms, shown] of parts) {
      if (!terms.length) continue;
      const sorted = terms.toSorted((p, q) => Math.abs(q.value) - Math.abs(p.value)),
        whole = terms.reduce((all, { value }) => all + value, 0);
      lines.push({ title, value: whole });
      const most = sorted.filter(({ value }) => value !== 0).slice(0, shown),
        rest = sorted.slice(most.length);
      for (const term of most) lines.push({ ...term, from: sum, to: (sum += term.value) });
      if (rest.length) {
        const others = rest.reduce((all, { value }) => all + value, 0);
        lines.push({
          name: `${rest.length} ${others ? "smaller ones" : rest.length > 1 ? "zeros" : "zero"}`,
          value: others,
          from: sum,
          to: (sum += others),
        });
      }
    }
    const ends = lines.flatMap(({ from, to }) => (from === undefined ? [] : [from, to])).concat(0);
    const low = Math.min(...ends),
      high = Math.max(...ends),
      place = (s) => (100 * (s - low)) / (high - low || 1);
    const zero = el("i", { class: "zero", style: `left:${place(0)}%` });
    this.terms.replaceChildren(
      ...lines.map(({ title, name, number, weight, value, from, to }) => {
        if (title)
          return el(
            "div",
            { class: "title", role: "row" },
            el("span", { role: "cell" }, ...sentence(title)),
            el("span", { class: "value", role: "cell" }, told(value)),
          );
        const [left, right] = [place(Math.min(from, to)), place(Math.max(from, to))];
        return el(
          "div",
          { class: "term", role: "row" },
          el("span", { role: "cell" }, ...[name].flat()),
          el(
            "span",
            { class: "product", role: "cell" },
            weight === undefined ? "" : `${told(number)} × ${told(weight)}`,
          ),
          el(
            "span",
            { class: "bar", "aria-hidden": "true" },
            zero.cloneNode(),
            el("i", { class: value < 0 ? "less" : "more", style: `left:${left}%;width:${right - left}%` }),
          ),
          el("span", { class: "value", role: "cell" }, told(value)),
        );
      }),
      el(
        "div",
        { class: "title sum", role: "row" },
        el("span", { role: "cell" }, "the sum"),
        el("span", { class: "value", role: "cell" }, told(sum)),
      ),
    );
    const a = row(inTime(run), t)[j];
    this.function_({ layer, block, sum, a, j, r, run });
  }

  // The last step: g of the sum, drawn and said.
  function_(known) {
    const { curve, said } = this;
    curve.toggleAttribute("hidden", !known);
    said.replaceChildren();
    if (!known) return;
    const { layer, block, sum, a, j, r, run } = known;
    const value = (name) => row(run.kept[name], r)[j];
    const names = BLOCKS[layer.cell.kind],
      gate = names && names[block].endsWith("gate");
    let s = sum,
      name = gate ? layer.cell.gate : layer.cell.g;
    const lines = [];
    if (layer.cell.kind === "gru" && block === 2) {
      s = row(run.z, r)[2 * layer.n + j] + value("r") * row(run.kept.p, r)[2 * layer.n + j];
      lines.push(
        `Here the reset gate, ${told(value("r"))}, multiplies the part of \`a_t−1\` first: the sum is then ${told(s)}.`,
      );
    }
    if (layer.cell.kind === "layer_norm") {
      const [normal] = layer.of.normalised(layer.cell, row(run.kept.s, r));
      s = layer.cell.gamma[j] * normal[j] + layer.cell.beta[j];
      lines.push(`The sum is normalised over all units, multiplied by \`γ\` and \`β\` is added: ${told(s)}.`);
    }
    const f = FUNCTIONS[name][0],
      y = f(s),
      letter = name === layer.cell.g ? "g" : "σ";
    lines.push(`\`${letter}\` is ${name.replaceAll("_", " ")}: ${told(s)} becomes ${told(y)}.`);
    const at = `\`a_t\`[${j + 1}]`;
    if (layer.cell.kind === "leaky") {
      const share = layer.cell.alpha[j],
        before = row(run.states[0], r)[j];
      lines.push(
        `The unit keeps ${told(1 - share)} of what it was, ${told(before)}, and takes ${told(share)} of it: ${at} = ${told(a)}.`,
      );
    } else if (layer.cell.kind === "gru") {
      lines.push(
        `The update gate, ${told(value("u"))}, says how much of ${told(row(run.states[0], r)[j])} stays; the rest is the candidate, ${told(value("h"))}: ${at} = ${told(a)}.`,
      );
    } else if (layer.cell.kind === "lstm") {
      const [c_prev, c] = [row(run.states[1], r)[j], row(run.states[1], r + 1)[j]];
      lines.push(
        `The forget gate multiplies the long memory, \`c_t−1\` = ${told(c_prev)}, the input gate adds the candidate: \`c_t\` = ${told(c)}. The output gate shows ${at} = ${told(a)} of it.`,
      );
    } else lines.push(`${at} = ${told(a)}.`);
    said.append(...lines.flatMap((line) => [el("span", { class: "line" }, ...sentence(line))]));
    this.plot(f, s, y, `${letter}(${told(s)}) = ${told(y)}`);
  }

  plot(f, s, y, words) {
    const far = Math.max(3, Math.ceil(Math.abs(s) + 0.5)),
      points = Array.from({ length: 81 }, (_, k) => -far + (2 * far * k) / 80);
    const high = Math.max(1.1, ...points.map((p) => Math.abs(f(p)))),
      px = (p) => 110 + (100 * p) / far,
      py = (v) => 75 - (65 * v) / high;
    this.curve.replaceChildren(
      el("svg:path", { class: "axes", d: `M8,75 H212 M110,8 V142` }),
      el("svg:path", {
        class: "f",
        d: points.map((p, k) => `${k ? "L" : "M"}${px(p).toFixed(1)},${py(f(p)).toFixed(1)}`).join(""),
      }),
      el("svg:path", { class: "drop", d: `M${px(s)},75 V${py(y)} H110` }),
      el("svg:circle", { cx: px(s), cy: py(y), r: 4.5, class: y < 0 ? "less" : "more" }),
    );
    this.curve.setAttribute("aria-label", words);
  }

  choose(layer, j, block) {
    const key = [layer.name, layer.n].join();
    if (this.key !== key) {
      this.key = key;
      this.number = el("input", { type: "number", min: 1, max: layer.n, "aria-label": "unit" });
      this.number.addEventListener("input", () => {
        const unit = clamp(Math.round(Number(this.number.value)) - 1, 0, layer.n - 1);
        if (this.number.value) this.state.choose({ unit });
      });
      const blocks = BLOCKS[layer.cell.kind];
      this.blocks =
        blocks &&
        el(
          "select",
          { "aria-label": "which sum", onchange: () => this.state.choose({ block: this.blocks.selectedIndex }) },
          blocks.map((name) => el("option", {}, name)),
        );
      this.choice.replaceChildren(
        ...[el("label", {}, "unit ", this.number, ` of ${layer.n}`), this.blocks].filter(Boolean),
      );
    }
    if (document.activeElement !== this.number) this.number.value = j + 1;
    if (this.blocks) this.blocks.selectedIndex = block;
  }
}
