/** How many dimensions a set of vectors fills. */

/** exp of the entropy of the covariance's eigenvalues, as shares of their sum. */
export function effectiveRank(data: Float32Array, rows: number, dim: number): number {
  const eigenvalues = symmetricEigenvalues(covariance(data, rows, dim), dim).map((value) => Math.max(0, value));
  const total = eigenvalues.reduce((sum, value) => sum + value, 0);
  const shares = eigenvalues.filter((value) => value > 0).map((value) => value / total);
  return Math.exp(-shares.reduce((sum, p) => sum + p * Math.log(p), 0));
}

/** Only the lower triangle is filled. */
function covariance(data: Float32Array, rows: number, dim: number): Float64Array {
  const mean = new Float64Array(dim);
  for (let i = 0; i < rows * dim; i++) mean[i % dim]! += data[i]! / rows;
  const result = new Float64Array(dim * dim);
  const centred = new Float64Array(dim);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < dim; j++) centred[j] = data[i * dim + j]! - mean[j]!;
    for (let j = 0; j < dim; j++) {
      const value = centred[j]! / rows;
      for (let k = 0; k <= j; k++) result[j * dim + k]! += value * centred[k]!;
    }
  }
  return result;
}

/** Of a symmetric matrix given by its lower triangle: Householder's reduction to a tridiagonal one, then bisection (Sturm). */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const a = matrix.slice();
  const at = (i: number, j: number) => a[i >= j ? i * n + j : j * n + i]!;
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(n); // [k] couples k and k + 1
  const v = new Float64Array(n);
  const p = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    diagonal[k] = at(k, k);
    if (k === n - 1) break;
    let squared = 0;
    for (let i = k + 1; i < n; i++) squared += at(i, k) ** 2;
    const length = Math.sqrt(squared);
    const alpha = at(k + 1, k) > 0 ? -length : length;
    offDiagonal[k] = alpha;
    for (let i = k + 1; i < n; i++) v[i] = at(i, k) - (i === k + 1 ? alpha : 0);
    const norm = 2 * (squared - alpha * at(k + 1, k)); // |v|^2
    if (norm === 0) continue;
    // A' = A - v q^T - q v^T with p = 2 A v / |v|^2, q = p - (v.p / |v|^2) v
    p.fill(0);
    for (let i = k + 1; i < n; i++) {
      for (let j = k + 1; j < i; j++) {
        p[i]! += a[i * n + j]! * v[j]!;
        p[j]! += a[i * n + j]! * v[i]!;
      }
      p[i]! += a[i * n + i]! * v[i]!;
    }
    let dot = 0;
    for (let i = k + 1; i < n; i++) {
      p[i]! *= 2 / norm;
      dot += (v[i]! * p[i]!) / norm;
    }
    for (let i = k + 1; i < n; i++) p[i]! -= dot * v[i]!;
    for (let i = k + 1; i < n; i++) {
      for (let j = k + 1; j <= i; j++) a[i * n + j]! -= v[i]! * p[j]! + p[i]! * v[j]!;
    }
  }
  const radius = (k: number) => Math.abs(offDiagonal[k - 1] ?? 0) + Math.abs(k < n - 1 ? offDiagonal[k]! : 0);
  const lowest = Math.min(...diagonal.map((value, k) => value - radius(k)));
  const highest = Math.max(...diagonal.map((value, k) => value + radius(k)));
  /** Number of eigenvalues below x. */
  const below = (x: number) => {
    let count = 0;
    let q = 1;
    for (let k = 0; k < n; k++) {
      q = diagonal[k]! - x - (k === 0 ? 0 : offDiagonal[k - 1]! ** 2 / q);
      if (q === 0) q = 1e-300;
      if (q < 0) count++;
    }
    return count;
  };
  return Float64Array.from({ length: n }, (_, index) => {
    let [low, high] = [lowest, highest];
    for (let step = 0; step < 50; step++) {
      const middle = (low + high) / 2;
      if (below(middle) > index) high = middle;
      else low = middle;
    }
    return (low + high) / 2;
  });
}
