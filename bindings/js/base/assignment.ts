/** The assignment problem: each row gets a column of its own, so that the sum of the weights is largest. */

/**
 * Solves it exactly by shortest augmenting paths (Jonker and Volgenant 1987), in O(size^3) at worst; rows and columns that suit each other
 * at once, which are most of them where two labellings resemble each other, cost O(size) each. Sums of whole numbers are exact.
 * @param weights size x size, row-major.
 * @returns the column of each row.
 */
export function assign(weights: Float64Array, size: number): Int32Array {
  const columnOf = new Int32Array(size).fill(-1);
  const rowOf = new Int32Array(size).fill(-1);
  // Prices under which no pair is worth more than it costs: u[i] + v[j] >= weight, with equality for assigned pairs.
  const u = new Float64Array(size);
  const v = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
  for (let k = 0; k < weights.length; k++) v[k % size] = Math.max(v[k % size]!, weights[k]!);
  for (let i = 0; i < size; i++) {
    u[i] = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < size; j++) u[i] = Math.max(u[i]!, weights[i * size + j]! - v[j]!);
    for (let j = 0; j < size && columnOf[i] === -1; j++) {
      if (rowOf[j] !== -1 || weights[i * size + j]! - v[j]! !== u[i]) continue;
      columnOf[i] = j;
      rowOf[j] = i;
    }
  }
  const distance = new Float64Array(size);
  const before = new Int32Array(size);
  const isDone = new Uint8Array(size);
  for (let free = 0; free < size; free++) {
    if (columnOf[free] !== -1) continue;
    distance.fill(Number.POSITIVE_INFINITY);
    isDone.fill(0);
    let row = free;
    let way = 0;
    let end = -1;
    while (end === -1) {
      let nearest = -1;
      for (let j = 0; j < size; j++) {
        if (isDone[j]) continue;
        const longer = way + u[row]! + v[j]! - weights[row * size + j]!;
        if (longer < distance[j]!) {
          distance[j] = longer;
          before[j] = row;
        }
        if (nearest === -1 || distance[j]! < distance[nearest]!) nearest = j;
      }
      isDone[nearest] = 1;
      way = distance[nearest]!;
      if (rowOf[nearest] === -1) end = nearest;
      else row = rowOf[nearest]!;
    }
    u[free]! -= way;
    for (let j = 0; j < size; j++) {
      if (!isDone[j] || j === end) continue;
      u[rowOf[j]!]! -= way - distance[j]!;
      v[j]! += way - distance[j]!;
    }
    for (let column = end; column !== -1; ) {
      const taker = before[column]!;
      const given = columnOf[taker]!;
      columnOf[taker] = column;
      rowOf[column] = taker;
      column = given;
    }
  }
  return columnOf;
}
