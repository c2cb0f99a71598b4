import { type ModelOptions, residualKMeans } from "rqvae";
import type { Line } from "./types.ts";
import { evenly, type Vectors } from "./vectors.ts";

/** Numbers up to which the simple method is tried before the training; larger catalogues have it measured with their report. */
const QUICK = 1 << 20;

/** What residual k-means of the same size makes of the items; undefined where that would take long. */
export async function measureLine(
  vectors: Vectors,
  { codebookSize, nQuantizationLayers, encodeBeam }: ModelOptions,
  signal: AbortSignal,
): Promise<Line | undefined> {
  const { rows, dim } = vectors;
  if (rows * dim > QUICK) return undefined;
  const items = await vectors.take(evenly(rows, rows));
  const model = await residualKMeans(items, {
    ...{ signal, encodeBeam: encodeBeam ?? 1 },
    ...(codebookSize === undefined ? {} : { codebookSize }),
    ...(nQuantizationLayers === undefined ? {} : { nQuantizationLayers }),
  });
  try {
    const ids = await model.encodeAsync(items, { signal });
    const restored = model.decode(ids);
    const error = squaredError(restored, items.data);
    const holders = new Map<string, number>();
    for (const id of ids) holders.set(id.join(), (holders.get(id.join()) ?? 0) + 1);
    let own = 0;
    for (const count of holders.values()) if (count === 1) own++;
    const variance = meanSquaredDistance(items) * rows;
    return { kept: variance > 0 ? 1 - error / variance : 1, own: own / rows };
  } finally {
    model.dispose();
  }
}

/** ||a - b||^2, over all rows. */
export function squaredError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let error = 0;
  for (let i = 0; i < a.length; i++) error += (a[i]! - b[i]!) ** 2;
  return error;
}

/** Mean ||x - mean||^2 of some rows. */
export function meanSquaredDistance({
  data,
  rows,
  dim,
}: {
  data: ArrayLike<number>;
  rows: number;
  dim: number;
}): number {
  const mean = new Float64Array(dim);
  let squares = 0;
  for (let i = 0; i < data.length; i++) {
    mean[i % dim]! += data[i]! / rows;
    squares += (data[i]! * data[i]!) / rows;
  }
  return squares - mean.reduce((sum, x) => sum + x * x, 0);
}
