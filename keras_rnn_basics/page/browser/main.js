// Reads what Python wrote of the model, and puts the page together.

import { decoded } from "./arrays.js";
import { useScheme } from "./colours.js";
import { NAMES } from "./costs.js";
import { clamp, el, math, sentence } from "./dom.js";
import { difference, State } from "./state.js";
import { Attention } from "./view_attention.js";
import { Back } from "./view_back.js";
import { Inputs } from "./view_inputs.js";
import { Strips } from "./view_strips.js";
import { Text } from "./view_text.js";
import { Unit } from "./view_unit.js";
import { Unrolled } from "./view_unrolled.js";
import { Weights } from "./view_weights.js";

const written = document.getElementById("network").textContent;
const state = new State(JSON.parse(written, (name, value) => (value?.float32 !== undefined ? decoded(value) : value)));
const find = (id) => document.getElementById(id);
globalThis.page = state; // for the console, and for the tests

const dark = matchMedia("(prefers-color-scheme: dark)"),
  print = matchMedia("print");
function scheme() {
  state.dark = dark.matches && !print.matches;
  useScheme(state.dark);
  state.tell();
}
for (const media of [dark, print]) media.addEventListener("change", scheme);
scheme();
addEventListener("beforeprint", () => state.draw());

// The time: a slider, two buttons, and the arrow keys anywhere.
const slider = find("time");
slider.addEventListener("input", () => state.goTo(Number(slider.value)));
find("before").addEventListener("click", () => state.goTo(state.t - 1));
find("after").addEventListener("click", () => state.goTo(state.t + 1));
let playing = null;
const play = find("play");
play.addEventListener("click", () => {
  if (playing) return stop();
  if (state.t === state.T - 1) state.goTo(0);
  playing = setInterval(
    () => (state.t < state.T - 1 ? state.goTo(state.t + 1) : stop()),
    clamp(6000 / state.T, 40, 700),
  );
  play.setAttribute("aria-pressed", "true");
});
function stop() {
  clearInterval(playing);
  playing = null;
  play.setAttribute("aria-pressed", "false");
}
addEventListener("keydown", (event) => {
  const place = { ArrowLeft: state.t - 1, ArrowRight: state.t + 1, Home: 0, End: state.T - 1 }[event.key];
  const own = event.target.matches("input, textarea, select") && event.target !== slider;
  if (place === undefined || own || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  state.goTo(place);
});

const choose = (id, names, use) => {
  const select = find(id);
  select.closest("label").hidden = names.length < 2;
  select.append(...names.map((name) => el("option", {}, name)));
  select.addEventListener("change", () => use(select.selectedIndex));
  return select;
};
const sequence = choose(
  "sequence",
  state.told.examples.map((_, k) => `sequence ${k + 1}`),
  (k) => state.show(k),
);
const layer = choose(
  "layer",
  state.layers.map(({ name }) => name),
  (k) => state.use(state.layers[k]),
);
find("sorted").addEventListener("change", ({ target }) => {
  state.sorted = target.checked;
  state.tell();
});
find("reset").addEventListener("click", () => state.show(state.number));

new Unrolled(state, find("unrolled"));
new Inputs(state, find("inputs"));
new Text(state, find("text"));
new Strips(state, find("strips"));
new Unit(state, find("unit"));
new Weights(state, find("weights"));
new Attention(state, find("attention"));
new Back(state, find("back"));

// The sentences around the pictures.
const equations = {
  plain: ["`a_t` = `g`( `x_t` `W_ax` + `b_x` + `b_a` + `a_t−1` `W_aa` )"],
  leaky: ["`a_t` = (1 − `α`) `a_t−1` + `α` `g`( `x_t` `W_ax` + `b_x` + `b_a` + `a_t−1` `W_aa` )"],
  layer_norm: [
    "`s_t` = `x_t` `W_ax` + `b_x` + `b_a` + `a_t−1` `W_aa`",
    "`a_t` = `g`( `γ` (`s_t` − `μ_t`) / `σ_t` + `β` )",
  ],
  gru: ["`a_t` = `u_t` `a_t−1` + (1 − `u_t`) `g`( … `r_t` … )"],
  lstm: ["`c_t` = `f_t` `c_t−1` + `i_t` `g`( … )", "`a_t` = `o_t` `g`( `c_t` )"],
};
function words() {
  const { layer: own, told, T } = state,
    n_x = Math.round(state.value(state.source()).data.length / T);
  const reads = state.tokensOf(state.source())
    ? `${T} tokens`
    : T === 1
      ? `one step of ${n_x} numbers`
      : `${T} steps of ${n_x} number${n_x > 1 ? "s" : ""}`;
  find("summary").textContent =
    `It reads ${reads} and remembers in ${own.n} hidden units${state.layers.length > 1 ? ` of ${own.name}` : ""}. Everything below is computed here, in this page, from its own weights.`;
  const lines = (equations[own.cell.kind] ?? []).map((line) =>
    own.weights.b_a || own.cell.kind === "gru" ? line : line.replace("`b_x` + `b_a`", own.weights.b ? "`b`" : "0"),
  );
  if (own.back) lines[0] = lines[0].replace("t−1", "t+1");
  if (own.W_ya) lines.push("`ŷ_t` = `h`( `a_t` `W_ya` + `b_y` )");
  find("equations").replaceChildren(...lines.map((line) => el("span", {}, ...sentence(line))));
  const notes = [...new Set(Object.values(told.recorded))];
  find("recorded").hidden = !notes.length;
  find("recorded").textContent = notes.length
    ? `What the ${notes.join(" and the ")} makes is shown as the model computed it: this page does not know its equations, so nothing before it can be changed here.`
    : "";
  document.body.classList.toggle("one", T === 1);
  find("masked").hidden = !state.run().mask?.some((there) => !there);
  find("cost").replaceChildren(
    ...(told.cost
      ? sentence(
          `\`L_t\` is the ${NAMES[told.cost.kind]} of step t, and \`L\` = Σ \`L_t\` is what training makes small.`,
        )
      : []),
  );
  find("learns").hidden = !state.learns.has(own) || T === 1;
}

state.listen(() => {
  slider.max = state.T - 1;
  slider.value = state.t;
  const said = state.tokensOf(state.source());
  slider.setAttribute("aria-valuetext", `step ${state.t + 1} of ${state.T}${said ? `, ${said[state.t]}` : ""}`);
  find("now").replaceChildren(math("t"), ` = ${state.t + 1}`, el("small", {}, ` of ${state.T}`));
  find("reset").disabled = !state.changed;
  [sequence.selectedIndex, layer.selectedIndex] = [state.number, state.layers.indexOf(state.layer)];
  words();
});

// Is the page right? The model's own numbers came with it.
const { answer, costs } = state.example,
  off = Math.max(
    difference(state.found.answer.data, answer.data),
    costs ? difference(state.costs.each, costs.data) : 0,
  );
find("check").textContent =
  `Beside the model's own numbers${costs ? ", answers and costs," : ""} those of this page differ by at most ${off.toExponential(1)}.`;
if (off > 1e-3 * (1 + Math.max(...answer.data.map(Math.abs)))) find("check").classList.add("wrong");

// The section that the address names, such as #weights: its place is known once all sections are drawn. (scrollIntoView
// would also move a page that this one stands in.)
const named = location.hash && document.getElementById(location.hash.slice(1))?.closest("section");
if (named)
  addEventListener("load", () =>
    requestAnimationFrame(() => {
      state.draw();
      scrollBy(0, named.getBoundingClientRect().top - document.querySelector("nav").offsetHeight);
    }),
  );
document.documentElement.classList.add("ready");
