// What stands around the recurrent layers. Each operation has a way forward, (step, inputs) -> outputs, and a way back,
// (step, inputs, outputs, ∂L/∂outputs) -> ∂L/∂inputs; `null` where nothing is to be said.

import { addProduct, addTransposed, array, last, row, rows, steps } from "./arrays.js";
import { apply, slope } from "./activations.js";

const same = {
  forward: (step, [x]) => [array([...x.shape], x.data)],
  back: (step, [x], [y], [dy]) => [array([...x.shape], dy.data)],
};

// A function of two arrays of which one may be repeated along the other's axes, as numpy does.
function binary(f, slopes) {
  const at = (x, y, k) => {
    let place = 0,
      rest = k,
      size = 1;
    for (let i = 1; i <= y.shape.length; i++) {
      const n = y.shape.at(-i),
        own = x.shape.at(-i) ?? 1,
        index = rest % n;
      rest = (rest - index) / n;
      if (own > 1) place += index * size;
      size *= own;
    }
    return place;
  };
  const both = ({ constants }, inputs) => {
    const given = [...inputs];
    return constants.map((own) => own ?? given.shift());
  };
  return {
    forward(step, inputs) {
      const [a, b] = both(step, inputs),
        axes = Math.max(a.shape.length, b.shape.length);
      const shape = Array.from({ length: axes }, (_, i) =>
        Math.max(a.shape.at(i - axes) ?? 1, b.shape.at(i - axes) ?? 1),
      );
      const y = array(shape);
      for (let k = 0; k < y.data.length; k++) y.data[k] = f(a.data[at(a, y, k)], b.data[at(b, y, k)]);
      return [y];
    },
    back(step, inputs, [y], [dy]) {
      const pair = both(step, inputs),
        d = pair.map((own) => array([...own.shape]));
      for (let k = 0; k < y.data.length; k++) {
        const [i, j] = pair.map((own) => at(own, y, k)),
          [a, b] = [pair[0].data[i], pair[1].data[j]];
        d[0].data[i] += dy.data[k] * slopes[0](a, b);
        d[1].data[j] += dy.data[k] * slopes[1](a, b);
      }
      return d.filter((_, i) => step.constants[i] === null);
    },
  };
}

const one = () => 1;

export const OPERATIONS = {
  same,
  // y = h(x W + b)
  dense: {
    sums({ W, b }, x) {
      const [n, m] = W.shape,
        s = array([...x.shape.slice(0, -1), m]);
      for (let t = 0; t < rows(x); t++) {
        if (b) row(s, t).set(b.data);
        addProduct(row(s, t), row(x, t), W.data, n, m);
      }
      return s;
    },
    forward(step, [x]) {
      const y = OPERATIONS.dense.sums(step, x);
      for (let t = 0; t < rows(y); t++) apply(step.h, row(y, t));
      return [y];
    },
    back(step, [x], [y], [dy]) {
      const s = OPERATIONS.dense.sums(step, x),
        dx = array([...x.shape]),
        [n, m] = step.W.shape;
      for (let t = 0; t < rows(y); t++) {
        addTransposed(row(dx, t), slope(step.h, row(s, t), row(y, t), row(dy, t)), step.W.data, n, m);
      }
      return [dx];
    },
  },
  embedding: {
    forward({ E, masks }, [tokens]) {
      const y = array(
        [...tokens.shape, last(E)],
        null,
        masks ? Uint8Array.from(tokens.data, (token) => token !== 0) : null,
      );
      tokens.data.forEach((token, t) => row(y, t).set(row(E, token)));
      return [y];
    },
    back: () => [null],
  },
  activation: {
    forward({ h }, [x]) {
      const y = array([...x.shape], x.data.slice());
      for (let t = 0; t < rows(y); t++) apply(h, row(y, t));
      return [y];
    },
    back({ h }, [x], [y], [dy]) {
      const dx = array([...x.shape]);
      for (let t = 0; t < rows(y); t++) row(dx, t).set(slope(h, row(x, t), row(y, t), row(dy, t)));
      return [dx];
    },
  },
  affine: {
    forward: ({ by, add }, [x]) => [
      array(
        [...x.shape],
        x.data.map((own, k) => own * by.data[k % by.data.length] + add.data[k % add.data.length]),
      ),
    ],
    back: ({ by }, [x], [y], [dy]) => [
      array(
        [...x.shape],
        dy.data.map((own, k) => own * by.data[k % by.data.length]),
      ),
    ],
  },
  // y = γ (x - μ) / sqrt(σ² + ε) + β, each row by itself
  layer_norm: {
    normal(step, x) {
      const mean = x.reduce((a, b) => a + b, 0) / x.length;
      const by = 1 / Math.sqrt(x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length + step.epsilon);
      return [x.map((own) => (own - mean) * by), by];
    },
    forward(step, [x]) {
      const y = array([...x.shape]);
      for (let t = 0; t < rows(x); t++) {
        const [normal] = OPERATIONS.layer_norm.normal(step, row(x, t));
        row(y, t).set(normal.map((own, j) => own * (step.gamma?.data[j] ?? 1) + (step.beta?.data[j] ?? 0)));
      }
      return [y];
    },
    back(step, [x], [y], [dy]) {
      const dx = array([...x.shape]);
      for (let t = 0; t < rows(x); t++) {
        const [normal, by] = OPERATIONS.layer_norm.normal(step, row(x, t));
        const d = row(dy, t).map((own, j) => own * (step.gamma?.data[j] ?? 1));
        const mean = d.reduce((a, b) => a + b, 0) / d.length;
        const along = d.reduce((a, b, j) => a + b * normal[j], 0) / d.length;
        row(dx, t).set(d.map((own, j) => by * (own - mean - normal[j] * along)));
      }
      return [dx];
    },
  },
  one_hot: {
    forward({ size }, [tokens]) {
      const y = array([...tokens.shape, size]);
      tokens.data.forEach((token, t) => (row(y, t)[token] = 1));
      return [y];
    },
    back: () => [null],
  },
  masking: {
    forward({ value }, [x]) {
      const width = x.data.length / steps(x),
        y = array([...x.shape], x.data.slice(), new Uint8Array(steps(x)));
      for (let t = 0; t < steps(x); t++) {
        const own = y.data.subarray(t * width, (t + 1) * width);
        y.mask[t] = own.some((number) => number !== value) ? 1 : 0;
        if (!y.mask[t]) own.fill(0);
      }
      return [y];
    },
    back: same.back,
  },
  reshape: {
    forward({ shape }, [x]) {
      const known = shape.map((n, i) => n ?? x.shape[i]);
      const rest = x.data.length / known.reduce((n, m) => (m < 0 ? n : n * m), 1);
      return [
        array(
          known.map((n) => (n < 0 ? rest : n)),
          x.data,
        ),
      ];
    },
    back: same.back,
  },
  add: binary((a, b) => a + b, [one, one]),
  subtract: binary((a, b) => a - b, [one, () => -1]),
  multiply: binary((a, b) => a * b, [(a, b) => b, (a) => a]),
  divide: binary((a, b) => a / b, [(a, b) => 1 / b, (a, b) => -a / (b * b)]),
  average: {
    forward: (step, inputs) => [
      array(
        [...inputs[0].shape],
        inputs[0].data.map((_, k) => inputs.reduce((sum, x) => sum + x.data[k], 0) / inputs.length),
      ),
    ],
    back: (step, inputs, [y], [dy]) =>
      inputs.map((x) =>
        array(
          [...x.shape],
          dy.data.map((own) => own / inputs.length),
        ),
      ),
  },
  concatenate: {
    forward(step, inputs) {
      const y = array([...inputs[0].shape.slice(0, -1), inputs.reduce((n, x) => n + last(x), 0)]);
      for (let t = 0; t < rows(y); t++) {
        let at = 0;
        for (const x of inputs) {
          row(y, t).set(row(x, t), at);
          at += last(x);
        }
      }
      return [y];
    },
    back(step, inputs, [y], [dy]) {
      let at = 0;
      return inputs.map((x) => {
        const dx = array([...x.shape]);
        for (let t = 0; t < rows(x); t++) row(dx, t).set(row(dy, t).subarray(at, at + last(x)));
        at += last(x);
        return dx;
      });
    },
  },
  flip: {
    forward(step, [x]) {
      const y = array([...x.shape]),
        T = steps(x);
      for (let t = 0; t < T; t++) row(y, t).set(row(x, T - 1 - t));
      return [y];
    },
    back: (step, inputs, outputs, [dy]) => OPERATIONS.flip.forward(step, [dy]),
  },
  slice: {
    // The place in x of every number of y, and y's shape.
    places({ key }, x) {
      const shape = [],
        taken = [];
      let axis = 0;
      for (const own of [...key, ...Array(x.shape.length).fill({ from: null, to: null })]) {
        if (own === "new") {
          shape.push(1);
          continue;
        }
        if (axis === x.shape.length) continue;
        const n = x.shape[axis++],
          place = (k) => Math.min(n, Math.max(0, k < 0 ? k + n : k));
        if (typeof own === "number") taken.push([place(own)]);
        else {
          const from = place(own.from ?? 0),
            to = place(own.to ?? n);
          taken.push(Array.from({ length: Math.max(0, to - from) }, (_, k) => from + k));
          shape.push(taken.at(-1).length);
        }
      }
      let places = [0];
      taken.forEach((own, i) => (places = places.flatMap((place) => own.map((k) => place * x.shape[i] + k))));
      return [places, shape];
    },
    forward(step, [x]) {
      const [places, shape] = OPERATIONS.slice.places(step, x);
      return [
        array(
          shape,
          Float64Array.from(places, (place) => x.data[place]),
        ),
      ];
    },
    back(step, [x], [y], [dy]) {
      const dx = array([...x.shape]);
      OPERATIONS.slice.places(step, x)[0].forEach((place, k) => (dx.data[place] += dy.data[k]));
      return [dx];
    },
  },
  not_equal: {
    forward: ({ value }, [x]) => [
      array(
        [...x.shape],
        x.data.map((own) => (own !== value ? 1 : 0)),
      ),
    ],
    back: () => [null],
  },
  any: {
    forward: (step, [x]) => [
      array(
        x.shape.slice(0, -1),
        Float64Array.from({ length: rows(x) }, (_, t) => (row(x, t).some(Boolean) ? 1 : 0)),
      ),
    ],
    back: () => [null],
  },
  // The steps of x up to a length.
  within: {
    forward: (step, [length, x]) => [
      array(
        [steps(x)],
        Float64Array.from({ length: steps(x) }, (_, t) => (t < length.data[0] ? 1 : 0)),
      ),
    ],
    back: () => [null, null],
  },
  // The condition is repeated along the last axis.
  where: {
    forward: ({ other }, [there, x]) => [
      array(
        [...x.shape],
        x.data.map((own, k) => (there.data[Math.floor((k * there.data.length) / x.data.length)] ? own : other)),
      ),
    ],
    back: (step, [there, x], [y], [dy]) => [
      null,
      array(
        [...x.shape],
        dy.data.map((own, k) => (there.data[Math.floor((k * there.data.length) / x.data.length)] ? own : 0)),
      ),
    ],
  },
  // weights_ts = softmax_s(a_t · memory_s) where the memory counts;  c_t = Σ_s weights_ts memory_s
  attention: {
    forward(step, [a, memory, there]) {
      const [T, S, n] = [steps(a), steps(memory), last(memory)],
        c = array([T, n]),
        weights = array([T, S]);
      for (let t = 0; t < T; t++) {
        const w = row(weights, t);
        addTransposed(w, row(a, t), memory.data, S, n);
        for (let s = 0; s < S; s++) if (there && !there.data[s]) w[s] = -Infinity;
        apply("softmax", w);
        addProduct(row(c, t), w, memory.data, S, n);
      }
      return [c, weights];
    },
    back(step, [a, memory, there], [c, weights], [dc]) {
      const [T, S, n] = [steps(a), steps(memory), last(memory)],
        da = array([...a.shape]),
        dm = array([...memory.shape]);
      for (let t = 0; t < T; t++) {
        const w = row(weights, t),
          dw = new Float64Array(S);
        addTransposed(dw, row(dc, t), memory.data, S, n);
        const ds = slope("softmax", w, w, dw);
        addProduct(row(da, t), ds, memory.data, S, n);
        for (let s = 0; s < S; s++)
          for (let j = 0; j < n; j++) row(dm, s)[j] += w[s] * row(dc, t)[j] + ds[s] * row(a, t)[j];
      }
      return there ? [da, dm, null] : [da, dm];
    },
  },
};
