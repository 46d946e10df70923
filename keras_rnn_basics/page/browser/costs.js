// The cost L_t of one answer, and ∂L_t/∂ŷ_t: (y, ŷ) -> [L_t, (n_y)].

import { apply } from "./activations.js";

const TINY = 1e-7; // as Keras' epsilon
const mean = (f, df) => (y, y_hat) => {
  const n = y_hat.length;
  return [y_hat.reduce((sum, own, j) => sum + f(own - y[j]) / n, 0), y_hat.map((own, j) => df(own - y[j]) / n)];
};
const clip = (p) => Math.min(1 - TINY, Math.max(TINY, p));
const inside = (p) => (p > TINY && p < 1 - TINY ? 1 : 0);

// -Σ_j y_j log p_j, where p is the softmax of ŷ, or ŷ itself.
function crossEntropy(y, y_hat, from_logits) {
  if (from_logits) {
    const log = apply("log_softmax", y_hat.slice()),
      sum = y.reduce((a, b) => a + b, 0);
    return [
      -log.reduce((all, own, j) => all + (y[j] ? y[j] * own : 0), 0),
      log.map((own, j) => sum * Math.exp(own) - y[j]),
    ];
  }
  const whole = y_hat.reduce((a, b) => a + b, 0),
    p = y_hat.map((own) => clip(own / whole));
  const d = y_hat.map((own, j) => (-y[j] / p[j]) * inside(own / whole)),
    along = d.reduce((a, b, j) => a + (b * y_hat[j]) / whole, 0);
  return [
    -p.reduce((all, own, j) => all + (y[j] ? y[j] * Math.log(own) : 0), 0),
    d.map((own) => (own - along) / whole),
  ];
}

const oneHot = (label, n) => Float64Array.from({ length: n }, (_, j) => (j === label ? 1 : 0));

export const COSTS = {
  mean_squared_error: mean(
    (e) => e * e,
    (e) => 2 * e,
  ),
  mean_absolute_error: mean(Math.abs, Math.sign),
  huber: mean(
    (e) => (Math.abs(e) <= 1 ? 0.5 * e * e : Math.abs(e) - 0.5),
    (e) => Math.max(-1, Math.min(1, e)),
  ),
  log_cosh: mean((e) => Math.abs(e) + Math.log1p(Math.exp(-2 * Math.abs(e))) - Math.LN2, Math.tanh),
  categorical_crossentropy: crossEntropy,
  sparse_categorical_crossentropy: (y, y_hat, from_logits) =>
    crossEntropy(oneHot(y[0], y_hat.length), y_hat, from_logits),
  binary_crossentropy(y, y_hat, from_logits) {
    const n = y_hat.length,
      p = y_hat.map((own) => (from_logits ? 1 / (1 + Math.exp(-own)) : clip(own)));
    const each = y_hat.map((s, j) =>
      from_logits
        ? Math.max(s, 0) - s * y[j] + Math.log1p(Math.exp(-Math.abs(s)))
        : -y[j] * Math.log(p[j] + TINY) - (1 - y[j]) * Math.log(1 - p[j] + TINY),
    );
    const d = y_hat.map((s, j) =>
      from_logits ? (p[j] - y[j]) / n : (inside(s) * ((1 - y[j]) / (1 - p[j] + TINY) - y[j] / (p[j] + TINY))) / n,
    );
    return [each.reduce((a, b) => a + b, 0) / n, d];
  },
};

// In the page's words.
export const NAMES = {
  mean_squared_error: "squared error",
  mean_absolute_error: "absolute error",
  huber: "Huber loss",
  log_cosh: "log cosh of the error",
  categorical_crossentropy: "cross-entropy",
  sparse_categorical_crossentropy: "cross-entropy",
  binary_crossentropy: "cross-entropy",
};
