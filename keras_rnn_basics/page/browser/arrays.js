// Numbers on axes: {shape, data, mask}. The batch has no axis, so a sequence is (T, n) and a vector (n).
// `mask` is null, or says for each step whether it counts.

export function array(shape, data = null, mask = null) {
  return { shape, data: data ?? new Float64Array(shape.reduce((n, m) => n * m, 1)), mask };
}

// What Python wrote: float32 in base64.
export function decoded({ shape, float32 }) {
  const bytes = Uint8Array.from(atob(float32), (letter) => letter.charCodeAt(0));
  return array(shape, Float64Array.from(new Float32Array(bytes.buffer)));
}

export const last = (x) => x.shape.at(-1) ?? 1;
export const rows = (x) => x.data.length / last(x);
export const steps = (x) => (x.shape.length ? x.shape[0] : 1);

export function copied(x) {
  return array([...x.shape], x.data.slice(), x.mask);
}

// out += a W, for a row a (n) and W (n, m).
export function addProduct(out, a, W, n, m) {
  for (let i = 0; i < n; i++) {
    const a_i = a[i];
    if (a_i === 0) continue;
    for (let j = 0, at = i * m; j < m; j++, at++) out[j] += a_i * W[at];
  }
}

// out += d Wᵀ, for a row d (m) and W (n, m).
export function addTransposed(out, d, W, n, m) {
  for (let i = 0, at = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < m; j++, at++) sum += d[j] * W[at];
    out[i] += sum;
  }
}

export function length(row) {
  let sum = 0;
  for (const number of row) sum += number * number;
  return Math.sqrt(sum);
}

export const row = (x, t) => x.data.subarray(t * last(x), (t + 1) * last(x));
