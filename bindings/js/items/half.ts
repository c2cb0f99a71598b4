/** Half floats, for which not every engine has arrays: their bits, as Uint16Array, and their values. */

let table: Float32Array | undefined;

/** The values of all 65,536 half floats (IEEE binary16), by their bits. */
export function halfValues(): Float32Array {
  if (table) return table;
  table = new Float32Array(1 << 16);
  for (let bits = 0; bits < 1 << 16; bits++) {
    const exponent = (bits >> 10) & 31;
    const mantissa = bits & 1023;
    const sign = bits & 0x8000 ? -1 : 1;
    if (exponent === 31) table[bits] = mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else table[bits] = sign * (exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25));
  }
  return table;
}

/** Writes the values of half floats to `target`, starting at its entry `at`. */
export function widenHalves(halves: ArrayLike<number>, target: { [i: number]: number }, at = 0): void {
  const values = halfValues();
  for (let i = 0; i < halves.length; i++) target[at + i] = values[halves[i]!]!;
}
