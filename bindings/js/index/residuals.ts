/** What codes leave of a vector. */

/** r - C[k] */
export function subtract(residual: Float64Array, codebook: Float32Array, code: number): Float64Array<ArrayBuffer> {
  const at = code * residual.length;
  return Float64Array.from(residual, (value, j) => value - codebook[at + j]!);
}

/** ||r - C[k]||^2 for every k. */
export function squaredDistances(residual: Float64Array, codebook: Float32Array): Float64Array {
  const d = residual.length;
  const distances = new Float64Array(codebook.length / d);
  for (let k = 0, at = 0; k < distances.length; k++, at += d) {
    let sum = 0;
    for (let j = 0; j < d; j++) {
      const difference = residual[j]! - codebook[at + j]!;
      sum += difference * difference;
    }
    distances[k] = sum;
  }
  return distances;
}
