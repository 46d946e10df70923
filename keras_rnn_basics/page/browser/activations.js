// The functions g and h: y = f(s), and their slopes dy/ds, by the names that Keras gives them.

const sigmoid = (s) => 1 / (1 + Math.exp(-s));
const SELU = [1.0507009873554805, 1.6732632423543772];
const erf = (x) => {
  // Abramowitz and Stegun 7.1.26 is too coarse here: the series near zero, the continued fraction beyond.
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  let sum = z,
    term = z;
  for (let n = 1; n < 120; n++) {
    term *= (-z * z) / n;
    sum += term / (2 * n + 1);
  }
  return Math.sign(x) * Math.min(1, (2 / Math.sqrt(Math.PI)) * sum);
};
const clipped = (low, high) => [(s) => Math.min(high, Math.max(low, s)), (s) => (s > low && s < high ? 1 : 0)];
const normal = (s) => Math.exp((-s * s) / 2) / Math.sqrt(2 * Math.PI);

// Each: the function of s; its slope, of s and y.
export const FUNCTIONS = {
  linear: [(s) => s, () => 1],
  tanh: [Math.tanh, (s, y) => 1 - y * y],
  sigmoid: [sigmoid, (s, y) => y * (1 - y)],
  relu: [(s) => Math.max(0, s), (s) => (s > 0 ? 1 : 0)],
  relu6: clipped(0, 6),
  leaky_relu: [(s) => (s > 0 ? s : 0.2 * s), (s) => (s > 0 ? 1 : 0.2)],
  elu: [(s) => (s > 0 ? s : Math.expm1(s)), (s, y) => (s > 0 ? 1 : y + 1)],
  selu: [(s) => SELU[0] * (s > 0 ? s : SELU[1] * Math.expm1(s)), (s) => SELU[0] * (s > 0 ? 1 : SELU[1] * Math.exp(s))],
  exponential: [Math.exp, (s, y) => y],
  softplus: [(s) => Math.max(0, s) + Math.log1p(Math.exp(-Math.abs(s))), sigmoid],
  softsign: [(s) => s / (1 + Math.abs(s)), (s) => 1 / (1 + Math.abs(s)) ** 2],
  hard_tanh: clipped(-1, 1),
  hard_sigmoid: [(s) => Math.min(1, Math.max(0, s / 6 + 0.5)), (s) => (Math.abs(s) < 3 ? 1 / 6 : 0)],
  silu: [(s) => s * sigmoid(s), (s) => sigmoid(s) * (1 + s * (1 - sigmoid(s)))],
  gelu: [(s) => (s * (1 + erf(s / Math.SQRT2))) / 2, (s) => (1 + erf(s / Math.SQRT2)) / 2 + s * normal(s)],
};

// A row s -> y, in place.
export function apply(name, s) {
  if (name === "softmax" || name === "log_softmax") {
    const most = s.reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    for (let j = 0; j < s.length; j++) sum += Math.exp(s[j] - most);
    for (let j = 0; j < s.length; j++) {
      const log = s[j] - most - Math.log(sum);
      s[j] = name === "softmax" ? Math.exp(log) : log;
    }
    return s;
  }
  const [f] = FUNCTIONS[name];
  for (let j = 0; j < s.length; j++) s[j] = f(s[j]);
  return s;
}

// Rows s, y and ∂L/∂y -> ∂L/∂s.
export function slope(name, s, y, dy) {
  const ds = new Float64Array(dy.length);
  if (name === "softmax") {
    const inner = dy.reduce((sum, d, j) => sum + d * y[j], 0);
    for (let j = 0; j < ds.length; j++) ds[j] = y[j] * (dy[j] - inner);
  } else if (name === "log_softmax") {
    const sum = dy.reduce((a, b) => a + b, 0);
    for (let j = 0; j < ds.length; j++) ds[j] = dy[j] - Math.exp(y[j]) * sum;
  } else {
    const df = FUNCTIONS[name][1];
    for (let j = 0; j < ds.length; j++) ds[j] = dy[j] * df(s[j], y[j]);
  }
  return ds;
}
