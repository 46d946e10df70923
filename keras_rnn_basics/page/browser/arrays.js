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

// out += a W, for a row a (n) and W (n, m). Four rows of W at a time: `out` is then read and written four times less.
export function addProduct(out, a, W, n, m) {
  let i = 0;
  for (; i + 3 < n; i += 4) {
    const [a0, a1, a2, a3] = [a[i], a[i + 1], a[i + 2], a[i + 3]],
      r0 = i * m,
      r1 = r0 + m,
      r2 = r1 + m,
      r3 = r2 + m;
    for (let j = 0; j < m; j++) out[j] += a0 * W[r0 + j] + a1 * W[r1 + j] + a2 * W[r2 + j] + a3 * W[r3 + j];
  }
  for (; i < n; i++) for (let j = 0, at = i * m; j < m; j++, at++) out[j] += a[i] * W[at];
}

// out += d Wᵀ, for a row d (m) and W (n, m). Four sums at a time, which do not wait for each other.
export function addTransposed(out, d, W, n, m) {
  let i = 0;
  for (; i + 3 < n; i += 4) {
    const r0 = i * m,
      r1 = r0 + m,
      r2 = r1 + m,
      r3 = r2 + m;
    let s0 = 0,
      s1 = 0,
      s2 = 0,
      s3 = 0;
    for (let j = 0; j < m; j++) {
      const d_j = d[j];
      s0 += d_j * W[r0 + j];
      s1 += d_j * W[r1 + j];
      s2 += d_j * W[r2 + j];
      s3 += d_j * W[r3 + j];
    }
    out[i] += s0;
    out[i + 1] += s1;
    out[i + 2] += s2;
    out[i + 3] += s3;
  }
  for (; i < n; i++) {
    let sum = 0;
    for (let j = 0, at = i * m; j < m; j++, at++) sum += d[j] * W[at];
    out[i] += sum;
  }
}

export function length(row) {
  let sum = 0;
  for (const number of row) sum += number * number;
  return Math.sqrt(sum);
}

export const row = (x, t) => x.data.subarray(t * last(x), (t + 1) * last(x));
