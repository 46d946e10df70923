// An order of units in which those that do the like stand beside each other.

// a (T, n) -> the n units: each is followed by the one whose course over time is most like its own, of those left.
export function byLikeness({ shape: [T, n], data }) {
  const course = Array.from({ length: n }, (_, j) => {
    const own = Float64Array.from({ length: T }, (_, t) => data[t * n + j]);
    const mean = own.reduce((a, b) => a + b, 0) / T;
    const size = Math.sqrt(own.reduce((a, b) => a + (b - mean) ** 2, 0)) || 1;
    return { mean, own: own.map((a) => (a - mean) / size) };
  });
  const alike = (i, j) => course[i].own.reduce((sum, a, t) => sum + a * course[j].own[t], 0);
  const left = new Set(course.keys());
  let unit = course.reduce((best, { mean }, j) => (mean > course[best].mean ? j : best), 0);
  const order = [];
  while (left.size) {
    left.delete(unit);
    order.push(unit);
    let most = -Infinity,
      next = unit;
    for (const j of left) {
      const own = alike(unit, j);
      if (own > most) [most, next] = [own, j];
    }
    unit = next;
  }
  return order;
}
