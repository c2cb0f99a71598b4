/** Items for the tests of sweeps: clusters with noise, the same on every host. */

import { mix } from "../../../bindings/js/items/sample.ts";

export function makeCatalogue(rows: number, dim: number): { data: Float32Array; rows: number; dim: number } {
  const noise = (k: number) => mix(k) / 2 ** 32 - 0.5;
  const data = Float32Array.from({ length: rows * dim }, (_, k) => {
    const [i, j] = [Math.floor(k / dim), k % dim];
    return ((((i % 7) + 1) * (j + 2)) % 5) + noise(k);
  });
  return { data, rows, dim };
}
