/**
 * What content lets expect of behaviour: ridge regression, W = (C'C + λ I)^-1 C'B over the items whose behaviour is known. `coldMap` of
 * rqvae/behaviour needs the content of the whole catalogue; this map is small enough for a model's file, so that items of later are encoded
 * as those of the training were.
 */

import type { Matrix } from "../items/item-rows.ts";

/** λ, as a share of the mean of the diagonal of C'C. */
const RIDGE = 0.1;

/** @returns W as behaviour.dim x content.dim, row-major; both are centred. */
export function linearGuess(content: Matrix, behaviour: Matrix, known: ArrayLike<number>): Float32Array {
  const [d, k] = [content.dim, behaviour.dim];
  const gram = new Float64Array(d * d);
  const right = new Float64Array(d * k);
  for (let row = 0; row < content.rows; row++) {
    if (!known[row]) continue;
    for (let a = 0; a < d; a++) {
      const x = content.data[row * d + a]!;
      if (x === 0) continue;
      for (let b = 0; b <= a; b++) gram[a * d + b]! += x * content.data[row * d + b]!;
      for (let c = 0; c < k; c++) right[a * k + c]! += x * behaviour.data[row * k + c]!;
    }
  }
  let trace = 0;
  for (let a = 0; a < d; a++) trace += gram[a * d + a]!;
  for (let a = 0; a < d; a++) gram[a * d + a]! += (RIDGE * trace) / d || 1;
  // Cholesky, in place of the lower half; then forward and back.
  for (let a = 0; a < d; a++) {
    for (let b = 0; b <= a; b++) {
      let sum = gram[a * d + b]!;
      for (let e = 0; e < b; e++) sum -= gram[a * d + e]! * gram[b * d + e]!;
      gram[a * d + b] = a === b ? Math.sqrt(sum) : sum / gram[b * d + b]!;
    }
  }
  for (let c = 0; c < k; c++) {
    for (let a = 0; a < d; a++) {
      let sum = right[a * k + c]!;
      for (let e = 0; e < a; e++) sum -= gram[a * d + e]! * right[e * k + c]!;
      right[a * k + c] = sum / gram[a * d + a]!;
    }
    for (let a = d - 1; a >= 0; a--) {
      let sum = right[a * k + c]!;
      for (let e = a + 1; e < d; e++) sum -= gram[e * d + a]! * right[e * k + c]!;
      right[a * k + c] = sum / gram[a * d + a]!;
    }
  }
  const map = new Float32Array(k * d);
  for (let a = 0; a < d; a++) for (let c = 0; c < k; c++) map[c * d + a] = right[a * k + c]!;
  return map;
}
