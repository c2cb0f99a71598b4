/** The assignment problem: each row gets a column of its own, so that the sum of the costs is least, or that of the weights is largest. */

/** Columns that some rows begin with, at their least cost; -1 for the others. No column twice. */
export interface AssignmentStart {
  columns: Int32Array;
  costs: Float64Array;
}

/**
 * Solves it exactly by shortest augmenting paths (Jonker and Volgenant 1987; Crouse 2016 for more columns than rows), in
 * O(rows^2 x columns) at worst; rows that suit different columns cost O(columns) each. Sums of whole numbers are exact. Of equal
 * solutions, the order of the rows decides.
 * @param rows at most `columns`
 * @param costs of a row, one finite number per column
 * @param start The costs of rows that begin with a column are read only if another row would take it.
 * @returns the column of each row.
 */
export function assignCosts(
  rows: number,
  columns: number,
  costs: (row: number) => Float64Array,
  start?: AssignmentStart,
): Int32Array {
  const columnOf = start ? start.columns.slice() : new Int32Array(rows).fill(-1);
  const rowOf = new Int32Array(columns).fill(-1);
  columnOf.forEach((column, row) => {
    if (column >= 0) rowOf[column] = row;
  });
  const take = (row: number, column: number) => {
    columnOf[row] = column;
    rowOf[column] = row;
  };
  // Prices with which no pair costs less than they say: u[i] + v[j] <= cost, with equality for assigned pairs; v[j] <= 0, 0 for free columns.
  const u = start ? start.costs.slice() : new Float64Array(rows);
  const v = new Float64Array(columns);
  const distance = new Float64Array(columns);
  const before = new Int32Array(columns);
  const isDone = new Uint8Array(columns);
  for (let free = 0; free < rows; free++) {
    if (columnOf[free] !== -1) continue;
    distance.fill(Number.POSITIVE_INFINITY);
    isDone.fill(0);
    u[free] = 0;
    let row = free;
    let way = 0;
    let end = -1;
    while (end === -1) {
      const own = costs(row);
      const base = way - u[row]!;
      let nearest = -1;
      for (let j = 0; j < columns; j++) {
        if (isDone[j]) continue;
        const longer = base + own[j]! - v[j]!;
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
    u[free] = way;
    for (let j = 0; j < columns; j++) {
      if (!isDone[j] || j === end) continue;
      u[rowOf[j]!]! += way - distance[j]!;
      v[j]! -= way - distance[j]!;
    }
    for (let column = end; column !== -1; ) {
      const taker = before[column]!;
      const given = columnOf[taker]!;
      take(taker, column);
      column = given;
    }
  }
  return columnOf;
}

/**
 * The assignment of the largest sum of weights.
 * @param weights size x size, row-major.
 * @returns the column of each row.
 */
export function assign(weights: Float64Array, size: number): Int32Array {
  return assignCosts(size, size, (row) => weights.subarray(row * size, (row + 1) * size).map((weight) => -weight));
}
