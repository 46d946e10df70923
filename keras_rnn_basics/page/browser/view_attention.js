// Where the decoder looks: a row for each step that writes, a column for each step that was read.

import { clamp, el, told } from "./dom.js";
import { HeatMap } from "./heat_map.js";

export class Attention {
  constructor(state, box) {
    Object.assign(this, { state, box });
    this.step = state.network.steps.find(({ op }) => op === "attention");
    box.hidden = !this.step;
    if (!this.step) return;
    this.canvas = el("canvas", { role: "img", tabindex: 0 });
    this.map = new HeatMap(this.canvas);
    this.mark = el("div", { class: "mark" });
    this.frame = el("div", { class: "frame" }, this.canvas, this.mark);
    [this.read, this.written] = [el("div", { class: "read" }), el("div", { class: "written" })];
    this.said = el("p", { class: "said" });
    box
      .querySelector(".figure")
      .append(el("div", { class: "looking" }, el("span", {}), this.read, this.written, this.frame), this.said);
    this.frame.addEventListener("pointermove", (event) => {
      const area = this.frame.getBoundingClientRect(),
        [T, S] = this.shape;
      this.at = [
        clamp(Math.floor((T * (event.clientY - area.top)) / area.height), 0, T - 1),
        clamp(Math.floor((S * (event.clientX - area.left)) / area.width), 0, S - 1),
      ];
      state.tell();
    });
    this.frame.addEventListener("pointerdown", () => {
      const writer = state.layers.find((layer) => state.source(layer) === state.answerSource) ?? state.layer;
      if (state.layer !== writer) state.use(writer);
      state.goTo(this.at[0]);
    });
    new ResizeObserver(() => state.tell()).observe(this.frame);
    state.listen(() => this.draw(), this.frame);
  }

  draw() {
    const { state, step } = this,
      { shape, data } = state.value(step.out[1]),
      [T, S] = (this.shape = shape);
    this.frame.style.height = `${clamp(T * 16, 60, 420)}px`;
    this.map.draw((t, s) => data[t * S + s], T, S, "size", 1);
    const sources = state.told.inputs.map(({ id }) => state.tokensOf(id));
    const [read, written] = [sources.find((own) => own?.length === S) ?? null, sources.at(-1)];
    fill(this.read, read, S, this.frame.clientWidth / S, "left");
    fill(this.written, written, T, this.frame.clientHeight / T, "top");
    const here = state.source() === state.answerSource ? state.t : T - 1,
      [t, s] = this.at?.[0] < T && this.at[1] < S ? this.at : [here, bestOf(data, here, S)];
    Object.assign(this.mark.style, { top: `${(100 * here) / T}%`, height: `${100 / T}%`, left: 0, width: "100%" });
    const words = `After ${written ? `“${written[t]}”` : `step ${t + 1}`} it gives ${told(data[t * S + s])} of its attention to ${read ? `“${read[s]}”` : `step ${s + 1}`}.`;
    this.said.textContent = words;
    this.canvas.setAttribute("aria-label", `Attention of ${T} steps to ${S} steps. ${words}`);
  }
}

const bestOf = (data, t, S) =>
  Array.from({ length: S }, (_, s) => s).reduce((best, s) => (data[t * S + s] > data[t * S + best] ? s : best), 0);

function fill(box, words, count, room, side) {
  const every = Math.max(1, Math.ceil(12 / room)),
    key = [words?.join("|"), count, every].join();
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  box.replaceChildren(
    ...Array.from({ length: count }, (_, k) => k)
      .filter((k) => k % every === 0)
      .map((k) => el("span", { style: `${side}:${(100 * (k + 0.5)) / count}%` }, words?.[k] ?? String(k + 1))),
  );
}
