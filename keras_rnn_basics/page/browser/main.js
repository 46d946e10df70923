import { decoded } from "./arrays.js";
import { State } from "./state.js";

const told = JSON.parse(document.getElementById("network").textContent, (name, value) => (value?.float32 !== undefined ? decoded(value) : value));
const state = new State(told);
globalThis.page = state;
