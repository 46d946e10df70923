// One step of a cell, a_{t-1} -> a_t, and one step back, ∂L/∂a_t -> ∂L/∂a_{t-1}.
//
// A cell is {W, g, gate, n, ...}: W is W_aa. A step reads z = x_t W_ax + b and the states before, writes the states after, and
// keeps in `kept` what its way back needs. The way back adds ∂L/∂(states before) to `dBefore`, and writes
// `delta` = ∂L/∂(a_{t-1} W_aa), so that the step's share of ∂L/∂W_aa is a_{t-1}ᵀ delta, and `dz` = ∂L/∂z.

import { addProduct, addTransposed } from "./arrays.js";
import { FUNCTIONS } from "./activations.js";

// s_t = z_t + a_{t-1} W_aa, the sum that most cells begin with.
function sum({ W, n }, z, a_prev, s) {
  s.set(z);
  addProduct(s, a_prev, W, n, s.length);
}

// a_t = g(s_t)
const plain = {
  width: 1,
  keeps: ["s"],
  step(cell, z, [a_prev], [a], { s }) {
    const [g] = FUNCTIONS[cell.g];
    sum(cell, z, a_prev, s);
    for (let j = 0; j < cell.n; j++) a[j] = g(s[j]);
  },
  back(cell, z, [a_prev], [a], { s }, [da], [dBefore], delta, dz) {
    const slope = FUNCTIONS[cell.g][1];
    for (let j = 0; j < cell.n; j++) delta[j] = dz[j] = da[j] * slope(s[j], a[j]);
    addTransposed(dBefore, delta, cell.W, cell.n, cell.n);
  },
};

// a_t = (1 - α) a_{t-1} + α g(s_t)
const leaky = {
  width: 1,
  keeps: ["s"],
  step(cell, z, [a_prev], [a], { s }) {
    const [g] = FUNCTIONS[cell.g];
    sum(cell, z, a_prev, s);
    for (let j = 0; j < cell.n; j++) a[j] = (1 - cell.alpha[j]) * a_prev[j] + cell.alpha[j] * g(s[j]);
  },
  back(cell, z, [a_prev], [a], { s }, [da], [dBefore], delta, dz) {
    const [g, slope] = FUNCTIONS[cell.g];
    for (let j = 0; j < cell.n; j++) {
      delta[j] = dz[j] = da[j] * cell.alpha[j] * slope(s[j], g(s[j]));
      dBefore[j] += da[j] * (1 - cell.alpha[j]);
    }
    addTransposed(dBefore, delta, cell.W, cell.n, cell.n);
  },
};

// a_t = g(γ (s_t - μ) / sqrt(σ² + ε) + β)
const layer_norm = {
  width: 1,
  keeps: ["s"],
  normalised({ epsilon, n }, s) {
    const mean = s.reduce((a, b) => a + b, 0) / n;
    const by = 1 / Math.sqrt(s.reduce((a, b) => a + (b - mean) ** 2, 0) / n + epsilon);
    return [s.map((one) => (one - mean) * by), by];
  },
  step(cell, z, [a_prev], [a], { s }) {
    const [g] = FUNCTIONS[cell.g];
    sum(cell, z, a_prev, s);
    const [normal] = layer_norm.normalised(cell, s);
    for (let j = 0; j < cell.n; j++) a[j] = g(cell.gamma[j] * normal[j] + cell.beta[j]);
  },
  back(cell, z, [a_prev], [a], { s }, [da], [dBefore], delta, dz) {
    const slope = FUNCTIONS[cell.g][1];
    const [normal, by] = layer_norm.normalised(cell, s);
    const d = normal.map((own, j) => da[j] * slope(cell.gamma[j] * own + cell.beta[j], a[j]) * cell.gamma[j]);
    const mean = d.reduce((a, b) => a + b, 0) / cell.n;
    const along = d.reduce((a, b, j) => a + b * normal[j], 0) / cell.n;
    for (let j = 0; j < cell.n; j++) delta[j] = dz[j] = by * (d[j] - mean - normal[j] * along);
    addTransposed(dBefore, delta, cell.W, cell.n, cell.n);
  },
};

// u, r = σ(the first two thirds of z + a_{t-1} W_aa + b_a);  a_t = u a_{t-1} + (1 - u) g(z_h + r (a_{t-1} W_aa + b_a)_h)
const gru = {
  width: 3,
  keeps: ["p", "u", "r", "h"],
  step(cell, z, [a_prev], [a], { p, u, r, h }) {
    const { n, b_a } = cell,
      [g] = FUNCTIONS[cell.g],
      [gate] = FUNCTIONS[cell.gate];
    b_a ? p.set(b_a) : p.fill(0);
    addProduct(p, a_prev, cell.W, n, 3 * n);
    for (let j = 0; j < n; j++) {
      u[j] = gate(z[j] + p[j]);
      r[j] = gate(z[n + j] + p[n + j]);
      h[j] = g(z[2 * n + j] + r[j] * p[2 * n + j]);
      a[j] = u[j] * a_prev[j] + (1 - u[j]) * h[j];
    }
  },
  back(cell, z, [a_prev], [a], { p, u, r, h }, [da], [dBefore], delta, dz) {
    const { n } = cell,
      g = FUNCTIONS[cell.g][1],
      gate = FUNCTIONS[cell.gate][1];
    for (let j = 0; j < n; j++) {
      const dh = da[j] * (1 - u[j]) * g(z[2 * n + j] + r[j] * p[2 * n + j], h[j]);
      delta[j] = dz[j] = da[j] * (a_prev[j] - h[j]) * gate(z[j] + p[j], u[j]);
      delta[n + j] = dz[n + j] = dh * p[2 * n + j] * gate(z[n + j] + p[n + j], r[j]);
      dz[2 * n + j] = dh;
      delta[2 * n + j] = dh * r[j];
      dBefore[j] += da[j] * u[j];
    }
    addTransposed(dBefore, delta, cell.W, n, 3 * n);
  },
};

// i, f, o = σ(the first, second and fourth quarter of s);  c_t = f c_{t-1} + i g(s_c);  a_t = o g(c_t)
const lstm = {
  width: 4,
  keeps: ["s"],
  step(cell, z, [a_prev, c_prev], [a, c], { s }) {
    const { n } = cell,
      [g] = FUNCTIONS[cell.g],
      [gate] = FUNCTIONS[cell.gate];
    sum(cell, z, a_prev, s);
    for (let j = 0; j < n; j++) {
      c[j] = gate(s[n + j]) * c_prev[j] + gate(s[j]) * g(s[2 * n + j]);
      a[j] = gate(s[3 * n + j]) * g(c[j]);
    }
  },
  back(cell, z, [a_prev, c_prev], [a, c], { s }, [da, dc], [dBefore, dcBefore], delta, dz) {
    const { n } = cell,
      [g, dg] = FUNCTIONS[cell.g],
      [gate, dgate] = FUNCTIONS[cell.gate];
    for (let j = 0; j < n; j++) {
      const i = gate(s[j]),
        f = gate(s[n + j]),
        m = g(s[2 * n + j]),
        o = gate(s[3 * n + j]),
        out = g(c[j]);
      const d = dc[j] + da[j] * o * dg(c[j], out);
      delta[j] = d * m * dgate(s[j], i);
      delta[n + j] = d * c_prev[j] * dgate(s[n + j], f);
      delta[2 * n + j] = d * i * dg(s[2 * n + j], m);
      delta[3 * n + j] = da[j] * out * dgate(s[3 * n + j], o);
      dcBefore[j] += d * f;
    }
    dz.set(delta);
    addTransposed(dBefore, delta, cell.W, n, 4 * n);
  },
};

export const CELLS = { plain, leaky, layer_norm, gru, lstm };
