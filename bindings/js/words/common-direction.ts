/** What all titles of a catalogue have in common. */

/** Rounds of the power iteration: the first direction of averages of words stands out, so that these are more than enough. */
const ROUNDS = 100;

/**
 * The direction, of length 1, along which rows are largest: the first right singular vector of the matrix, not centred. Undefined if all
 * rows are zero. Only + - x / and square roots in a fixed order, so that every engine finds the same bits.
 * @param rows n x dim
 */
export function commonDirection(rows: Float64Array, dim: number): Float64Array | undefined {
  const products = new Float64Array(dim * dim);
  for (let row = 0; row < rows.length; row += dim) {
    for (let i = 0; i < dim; i++) {
      const x = rows[row + i]!;
      if (x === 0) continue;
      for (let j = i; j < dim; j++) products[i * dim + j]! += x * rows[row + j]!;
    }
  }
  for (let i = 0; i < dim; i++) for (let j = 0; j < i; j++) products[i * dim + j] = products[j * dim + i]!;
  let direction = new Float64Array(dim);
  // Begins along the axis with the largest rows, which cannot be at right angles to the direction unless it is not the largest.
  let widest = 0;
  for (let i = 1; i < dim; i++) if (products[i * dim + i]! > products[widest * dim + widest]!) widest = i;
  if (products[widest * dim + widest] === 0) return undefined;
  for (let j = 0; j < dim; j++) direction[j] = products[widest * dim + j]!;
  for (let round = 0; round <= ROUNDS; round++) {
    let squares = 0;
    for (let j = 0; j < dim; j++) squares += direction[j]! * direction[j]!;
    const length = Math.sqrt(squares);
    for (let j = 0; j < dim; j++) direction[j]! /= length;
    if (round === ROUNDS) break;
    const next = new Float64Array(dim);
    for (let i = 0; i < dim; i++) {
      let sum = 0;
      for (let j = 0; j < dim; j++) sum += products[i * dim + j]! * direction[j]!;
      next[i] = sum;
    }
    direction = next;
  }
  return direction;
}
