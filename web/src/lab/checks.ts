import type { ItemMatrix } from "rqvae";
import type { DataChecks } from "./protocol.ts";

/** Values of half floats, by their bits. */
let halves: Float32Array | undefined;

function halfValues(): Float32Array {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction === 0
            ? Number.POSITIVE_INFINITY
            : Number.NaN
          : (1024 + fraction) * 2 ** (exponent - 25);
    halves[bits] = bits & 0x8000 ? -size : size;
  }
  return halves;
}

/** Reads row `row` of any item matrix as numbers. */
export function rowReader({ data, dim }: ItemMatrix): (row: number, into: Float64Array) => Float64Array {
  const half = data instanceof Uint16Array ? halfValues() : undefined;
  return (row, into) => {
    const from = row * dim;
    if (half) for (let j = 0; j < dim; j++) into[j] = half[data[from + j]!]!;
    else for (let j = 0; j < dim; j++) into[j] = data[from + j]!;
    return into;
  };
}

/** Rows that are not all finite numbers. */
export function badRowsOf(items: ItemMatrix): Uint32Array {
  const read = rowReader(items);
  const row = new Float64Array(items.dim);
  const bad: number[] = [];
  for (let i = 0; i < items.rows; i++) if (!read(i, row).every(Number.isFinite)) bad.push(i);
  return Uint32Array.from(bad);
}

/** Number type of the items as they were read. */
export function numberType({ data }: ItemMatrix): string {
  if (data instanceof Uint16Array) return "float16";
  return data instanceof Float64Array ? "float64" : "float32";
}

/** Looks at every number once. */
export function checkItems(items: ItemMatrix, bad: Uint32Array): DataChecks {
  const { rows, dim } = items;
  const read = rowReader(items);
  const row = new Float64Array(dim);
  const first = new Float64Array(dim).fill(Number.NaN);
  const varies = new Uint8Array(dim);
  const isBad = new Set(bad);
  const seen = new Map<number, number[]>();
  const other = new Float64Array(dim);
  let zeroRows = 0;
  let repeatedRows = 0;
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  let sum = 0;
  let counted = 0;
  for (let i = 0; i < rows; i++) {
    if (isBad.has(i)) continue;
    read(i, row);
    if (counted === 0) first.set(row);
    let square = 0;
    let hash = 2166136261;
    for (let j = 0; j < dim; j++) {
      const x = row[j]!;
      square += x * x;
      if (x !== first[j]) varies[j] = 1;
      hash = Math.imul(hash ^ (x * 1048573), 16777619);
    }
    const norm = Math.sqrt(square);
    counted++;
    if (norm === 0) zeroRows++;
    else {
      if (norm < least) least = norm;
      if (norm > most) most = norm;
      sum += norm;
    }
    const alike = seen.get(hash);
    if (!alike) seen.set(hash, [i]);
    else if (alike.some((earlier) => read(earlier, other).every((x, j) => x === row[j]))) repeatedRows++;
    else alike.push(i);
  }
  return {
    badRows: bad.length,
    firstBadRows: [...bad.subarray(0, 5)],
    zeroRows,
    repeatedRows,
    constantColumns: counted > 1 ? varies.reduce((count, flag) => count + (flag === 0 ? 1 : 0), 0) : 0,
    norms: most > 0 ? { least, mean: sum / (counted - zeroRows), most } : { least: 0, mean: 0, most: 0 },
  };
}
