/** The figures of a sweep are those of the report and of the definitions, of the rows that they are said to be of. */

import { describe, expect, it } from "vitest";
import { explainedVariance } from "../../../bindings/js/items/measures.ts";
import { residualKMeans } from "../../../bindings/js/model/residual-kmeans.ts";
import { RQVAE } from "../../../bindings/js/model/rqvae.ts";
import { assessIds } from "../../../bindings/js/report/assess-ids.ts";
import { Catalogue } from "../../../bindings/js/sweep/catalogue.ts";
import { splitRows } from "../../../bindings/js/sweep/split.ts";
import type { ItemMatrix } from "../../../bindings/js/types.ts";
import { makeCatalogue } from "../support/sweep-items.ts";

const items = makeCatalogue(400, 6);
const { rows, dim, data } = items;

function pick(chosen: Uint32Array): ItemMatrix & { data: Float32Array } {
  const picked = new Float32Array(chosen.length * dim);
  chosen.forEach((row, i) => {
    picked.set(data.subarray(row * dim, (row + 1) * dim), i * dim);
  });
  return { data: picked, rows: chosen.length, dim };
}

const source = {
  rows,
  dim,
  read: async (first: number, count: number) => data.slice(first * dim, (first + count) * dim),
};

describe("Catalogue", () => {
  const split = splitRows(
    Uint32Array.from({ length: rows }, (_, row) => row),
    0.25,
    3,
  );

  it.each([
    ["in memory", items],
    ["of a source", source],
  ] as const)("divides items %s and measures a model on each part", async (_, given) => {
    const catalogue = await Catalogue.open(given, { share: 0.25, seed: 3 });
    expect(catalogue.heldOut).toEqual({ share: 0.25, seed: 3, rows: split.heldOut.length });
    const model = await residualKMeans(catalogue.seen, { codebookSize: [8, 4] });
    const figures = await catalogue.measure(model);
    const whole = await assessIds(model.encode(items), { items, model });
    expect(figures).toEqual({
      heldOutExplainedVariance: explainedVariance(pick(split.heldOut), model.reconstruct(pick(split.heldOut))),
      seenExplainedVariance: explainedVariance(pick(split.seen), model.reconstruct(pick(split.seen))),
      distinctIds: whole.perDepth.at(-1)!.distinct,
      collisions: whole.duplicates!.itemsColliding,
      perplexity: whole.perLevel.map(({ perplexity }) => perplexity),
      firstCodeNeighbours: whole.neighbours!.sharing[0],
    });
    // What was not seen is explained less well: the two are not mixed up.
    expect(figures.heldOutExplainedVariance).toBeLessThan(figures.seenExplainedVariance);
    model.dispose();
  });

  it("gives runs the same rows in memory as from a source", async () => {
    const [one, other] = await Promise.all(
      [items, source].map(async (given) => {
        const { seen, data: known } = await Catalogue.open(given, { share: 0.25, seed: 3 });
        const model = await RQVAE.fit(seen, { epochs: 1, hiddenDims: [8], codebookSize: 4 });
        return { known, fingerprint: model.fingerprint };
      }),
    );
    expect(one).toEqual(other);
  });

  it("knows its data by every number, and by the order of the rows", async () => {
    const of = async (given: ItemMatrix) => (await Catalogue.open(given, { share: 0.25, seed: 0 })).data.fingerprint;
    const changed = data.slice();
    changed[777] = changed[777]! + 1e-3;
    const swapped = data.slice();
    swapped.copyWithin(0, dim, 2 * dim);
    swapped.set(data.subarray(0, dim), dim);
    const prints = [data, changed, swapped].map((values) => of({ data: values, rows, dim }));
    expect(new Set(await Promise.all(prints)).size).toBe(3);
    expect(await of({ data: data.slice(), rows, dim })).toBe(await prints[0]);
  });

  it("refuses what is no number, and ends when it is told to", async () => {
    const holed = data.slice();
    holed[3 * dim + 2] = Number.NaN;
    await expect(Catalogue.open({ data: holed, rows, dim }, { share: 0.25, seed: 0 })).rejects.toThrow(
      "row 3, column 2 is NaN",
    );
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(Catalogue.open(items, { share: 0.25, seed: 0, signal })).rejects.toThrow("enough");
  });
});
