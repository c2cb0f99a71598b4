/** Reports that look at the items, the model and the labels; what is counted of the IDs alone is in report.test.ts. */
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { adviseCapacity, assessIds, RQVAE, residualKMeans, SemanticIds } from "rqvae";
import { readLabels } from "rqvae/formats";
import { beforeAll, describe, expect, test } from "vitest";
import { readNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { readIdsCsv } from "../../../bindings/js/formats/ids/ids.ts";
import { explainedVariance } from "../../../bindings/js/items/measures.ts";
import type { ItemMatrix } from "../../../bindings/js/types.ts";
import { catalogue, generator, sameBits } from "../support/catalogue.ts";
import { sourceOf } from "../support/embedding-sources.ts";
import { writeIdsCsv } from "../support/formats.ts";

/** IDs, vectors and labels of few different values, so that all cases are frequent. */
const someCatalogue = fc.tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 3 })).chain(([n, levels]) =>
  fc.record({
    rows: fc.array(fc.array(fc.nat(2), { minLength: levels, maxLength: levels }), { minLength: n, maxLength: n }),
    vectors: fc.array(fc.tuple(fc.constantFrom(0, -0, 1, 2), fc.nat(1)), { minLength: n, maxLength: n }),
    labels: fc.array(fc.constantFrom("", "a", "b", 3), { minLength: n, maxLength: n }),
  }),
);

describe("equals brute force", () => {
  test("duplicates, collisions, neighbours and labels of small catalogues", async () => {
    await fc.assert(
      fc.asyncProperty(someCatalogue, async ({ rows, vectors, labels }) => {
        const [n, levels] = [rows.length, rows[0]!.length];
        const ids = SemanticIds.from(rows, { codebookSizes: new Array(levels).fill(3) });
        const report = await assessIds(ids, { items: vectors, labels: { labels: { kind: labels } } });
        const all = rows.map((_, i) => i);
        const isTwin = (i: number, j: number) => vectors[i]!.every((x, k) => x === vectors[j]![k]);
        const shares = (i: number, j: number, depth: number) =>
          rows[i]!.slice(0, depth).join() === rows[j]!.slice(0, depth).join();
        const countWith = (test: (i: number, j: number) => boolean) =>
          all.filter((i) => all.some((j) => i !== j && test(i, j))).length;
        expect(report.duplicates).toEqual({
          distinctVectors: new Set(vectors.map((vector) => vector.map((x) => x + 0).join())).size,
          itemsWithTwin: countWith(isTwin),
          itemsIdentical: countWith((i, j) => shares(i, j, levels) && isTwin(i, j)),
          itemsColliding: countWith((i, j) => shares(i, j, levels) && !isTwin(i, j)),
        });
        report.perDepth.forEach(({ depth, itemsColliding }, i) => {
          expect(itemsColliding).toBe(countWith((a, b) => shares(a, b, depth) && !isTwin(a, b)));
          const pairs = all.flatMap((a) =>
            all.filter((b) => a !== b && labels[a] !== "" && labels[b] !== "").map((b) => [a, b] as const),
          );
          const share = (some: (readonly [number, number])[]) =>
            some.length === 0 ? null : some.filter(([a, b]) => labels[a] === labels[b]).length / some.length;
          expect(report.labels![0]!.byDepth[i]).toBe(share(pairs.filter(([a, b]) => shares(a, b, depth))));
          expect(report.labels![0]!.chance).toBe(share(pairs));
        });
        if (n === 1) {
          expect(report.neighbours).toBeUndefined();
          return;
        }
        const k = Math.min(10, n - 1);
        const far = (a: number, b: number) => vectors[a]!.reduce((sum, x, j) => sum + (x - vectors[b]![j]!) ** 2, 0);
        const near = all.map((q) =>
          all
            .filter((i) => i !== q)
            .sort((a, b) => far(q, a) - far(q, b) || a - b)
            .slice(0, k),
        );
        const sharing = report.perDepth.map(
          ({ depth }) => near.flatMap((list, q) => list.filter((i) => shares(q, i, depth))).length / (n * k),
        );
        expect(report.neighbours).toEqual({ queries: n, among: n, k, sharing });
      }),
    );
  });

  test("A9: 10,000 x 64, and an answer in words", async () => {
    const items = catalogue(10_000, 64);
    items.data.copyWithin(64 * 500, 0, 64 * 30); // thirty exact duplicates
    const model = await residualKMeans(items, { codebookSize: 64 });
    const ids = model.encode(items);
    const report = await assessIds(ids, { items, model });
    model.dispose();

    const groups = new Map<string, number[]>();
    for (let i = 0; i < ids.length; i++) groups.set(ids.toTokens(i), [...(groups.get(ids.toTokens(i)) ?? []), i]);
    const vector = (i: number) => items.data.subarray(64 * i, 64 * i + 64).join();
    const shared = [...groups.values()].filter((rows) => rows.length > 1);
    const colliding = shared.filter((rows) => rows.some((i) => vector(i) !== vector(rows[0]!)));
    expect(report).toMatchObject({
      items: 10_000,
      distinctIds: groups.size,
      uniqueShare: groups.size / 10_000,
      itemsSharing: shared.flat().length,
      largestGroup: Math.max(...[...groups.values()].map((rows) => rows.length)),
      duplicates: {
        distinctVectors: 9970,
        itemsWithTwin: 60,
        itemsIdentical: 60,
        itemsColliding: colliding.flat().length,
      },
    });
    expect(report.reconstruction!.items).toBe(10_000);
    expect(colliding.length).toBeGreaterThan(0);
    expect(report.text).toMatch(
      /^[\d,]+ of 10,000 items share their ID with another item; 60 of them with an item that has the same vector; [\d,]+ with an item that has a different vector; the largest group has \d+\.\n/,
    );
    expect(report.findings[0]!.text).toMatch(/% of the items share an ID .*published IDs .*collisions: "suffix"/);
    expect(report.findings.map(({ code }) => code)).toContain("nearShareCodes");
    expect(report.findings[0]!.code).toMatch(/^(many|some|few)Shared$/);
    expect(report.findings.some(({ text }) => text.includes("no model can tell these apart, but a suffix can"))).toBe(
      true,
    );
  });
});

describe("with a model", () => {
  const items = catalogue(600, 8);
  let model: RQVAE;
  let ids: SemanticIds;
  beforeAll(async () => {
    model = await RQVAE.fit(items, { epochs: 3, codebookSize: [8, 16, 4], hiddenDims: [16] });
    ids = model.encode(items);
  });

  test("A11: what is measured is what the model decodes", async () => {
    const restored = model.decode(ids);
    expect(sameBits(restored, model.reconstruct(items))).toBe(true);
    const { ids: saved } = readIdsCsv(writeIdsCsv(ids), { codebookSizes: ids.codebookSizes });
    expect(sameBits(restored, model.decode(saved))).toBe(true);
    const { reconstruction, neighbours } = await assessIds(ids, { items, model });
    expect(reconstruction!.explainedVariance).toBe(explainedVariance(items, restored));
    expect(reconstruction!.byDepth.at(-1)).toBe(reconstruction!.explainedVariance);
    let squared = 0;
    restored.forEach((x, i) => {
      squared += (x - items.data[i]!) ** 2;
    });
    expect(reconstruction!.meanSquaredError).toBeCloseTo(squared / items.rows, 8);
    expect(neighbours!.kept).toBeGreaterThan(0.1);
    expect(neighbours!.kept).toBeLessThan(1);
    for (const space of ["latent", "input"] as const) {
      const width = space === "input" ? 8 : model.config.latentDim;
      expect(model.codebooks({ space }).map((codebook) => codebook.length)).toEqual([8 * width, 16 * width, 4 * width]);
    }
  });

  test("explained variance of the first codes: sums of centres around the mean, where the decoder is linear", async () => {
    const kmeans = await residualKMeans(items, { codebookSize: [4, 8, 8] });
    const own = kmeans.encode(items);
    const { reconstruction } = await assessIds(own, { items, model: kmeans });
    const centres = kmeans.codebooks({ space: "input" }); // each is the mean and one code's vector
    const mean = Array.from({ length: 8 }, (_, j) => {
      let sum = 0;
      for (let i = 0; i < 600; i++) sum += items.data[8 * i + j]!;
      return sum / 600;
    });
    for (const depth of [1, 2, 3]) {
      const sums = Float32Array.from(items.data, (_, k) => {
        const [i, j] = [Math.floor(k / 8), k % 8];
        const vectors = own
          .at(i)
          .slice(0, depth)
          .map((code, level) => centres[level]![8 * code + j]! - mean[j]!);
        return mean[j]! + vectors.reduce((a, b) => a + b, 0);
      });
      expect(reconstruction!.byDepth[depth - 1]).toBeCloseTo(explainedVariance(items, sums), 5);
    }
    const neighbours = await assessIds(own, { items, model: kmeans });
    expect(neighbours.neighbours!.kept).toBeLessThanOrEqual(1);
    kmeans.dispose();
  });

  test("every kind of codebook is cut to its first levels", async () => {
    for (const options of [{ compat: "hopwise" }, { codebookSimVq: true }, { sinkhornEpsilon: 0.1 }] as const) {
      const other = await RQVAE.create({ inputDim: 8, latentDim: 4, hiddenDims: [8], codebookSize: 4, ...options });
      await other.kmeansInitCodebooks(items);
      const { reconstruction } = await assessIds(other.encode(items), { items, model: other });
      expect(reconstruction!.byDepth).toHaveLength(3);
      expect(reconstruction!.byDepth[2]).toBe(explainedVariance(items, other.reconstruct(items)));
      expect(reconstruction!.byDepth[0]).not.toBe(reconstruction!.byDepth[2]);
      other.dispose();
    }
  });

  test("all forms of items give the same report, and nothing of theirs is changed", async () => {
    const halves = Uint16Array.from({ length: 600 * 8 }, (_, k) => ((k * 7919) % 1000) + 0x3800); // 0.5 to about 2
    const values = Float32Array.from(halves, (half) => (1 + (half & 1023) / 1024) * 2 ** ((half >> 10) - 15));
    const own = model.encode(values);
    const rows = Array.from({ length: 600 }, (_, i) => [...values.subarray(8 * i, 8 * i + 8)]);
    const [expected, ...others] = await Promise.all(
      [
        { data: values, rows: 600, dim: 8 },
        values,
        Float64Array.from(values),
        rows,
        rows.map((row) => Float32Array.from(row)),
        { data: halves, rows: 600, dim: 8 },
      ].map((form) => assessIds(own, { items: form as ItemMatrix, model })),
    );
    for (const report of others) expect(JSON.stringify(report)).toBe(JSON.stringify(expected));
    // Without a model, the number of IDs tells how wide the rows of a flat array are.
    const bare = await assessIds(own, { items: values });
    expect(bare.duplicates).toEqual(expected!.duplicates);
    expect(bare.reconstruction).toBeUndefined();
  });

  test("a source gives the report of the same items in memory, never read whole", async () => {
    const [rows, dim] = [70_000, 3]; // more than the sample
    const many = catalogue(rows, dim);
    many.data[3] = 0;
    many.data.copyWithin(dim * 60_000, 0, dim * 500);
    many.data[3] = -0;
    const other = await RQVAE.create({ inputDim: dim, latentDim: 3, hiddenDims: [4], codebookSize: 8 });
    await other.kmeansInitCodebooks(many);
    const own = await other.encodeAsync(many);
    const source = sourceOf(many);
    const report = await assessIds(own, { items: source });
    expect(JSON.stringify(report)).toBe(JSON.stringify(await assessIds(own, { items: many })));
    const [small, held] = await Promise.all(
      [sourceOf(items), items].map((each) => assessIds(ids, { items: each, model, baseline: true })),
    );
    expect(JSON.stringify(small)).toBe(JSON.stringify(held));
    expect(report.duplicates!.itemsWithTwin).toBe(1000);
    expect(Math.max(...source.reads.map(([, count]) => count))).toBeLessThan(rows);
    other.dispose();
  });

  test("a source is refused as items are: another number of rows, values that are none, a read that fails", async () => {
    await expect(assessIds(ids, { items: sourceOf(catalogue(599, 8)), model })).rejects.toThrow(
      /items has 599 rows, but there are 600 IDs/,
    );
    await expect(assessIds(ids, { items: sourceOf(catalogue(600, 7)), model })).rejects.toThrow(/inputDim 8.*7/);
    const hole = { ...items, data: items.data.slice() };
    hole.data[8 * 321 + 5] = Number.NaN;
    await expect(assessIds(ids, { items: sourceOf(hole) })).rejects.toThrow(/items: row 321, column 5 is NaN/);
    const gone = new Error("gone");
    const failing = sourceOf(items, {
      before: () => {
        throw gone;
      },
    });
    await expect(assessIds(ids, { items: failing })).rejects.toBe(gone);
  });

  test("the encoder alone tells of neighbours, not of reconstruction", async () => {
    const encoder = await RQVAE.load(model.save({ part: "encoder" }));
    const report = await assessIds(encoder.encode(items), { items, model: encoder });
    expect(report.reconstruction).toBeUndefined();
    expect(report.neighbours!.kept).toBeUndefined();
    expect(report.neighbours!.sharing[0]).toBeGreaterThan(report.perDepth[0]!.chanceOfSharing);
    encoder.dispose();
  });

  test("beside the baselines, which are reports of their own", async () => {
    const report = await assessIds(ids, {
      items,
      model,
      baseline: true,
      labels: Array.from({ length: 600 }, (_, i) => i % 3),
    });
    const { residualKMeans: kmeans, randomHash } = report.baselines!;
    const own = await residualKMeans(items, { codebookSize: [8, 16, 4], encodeBeam: model.config.encodeBeam });
    const alone = await assessIds(own.encode(items), { items, model: own });
    expect(kmeans.reconstruction).toEqual(alone.reconstruction);
    expect(kmeans.perLevel).toEqual(alone.perLevel);
    expect(randomHash.reconstruction).toBeUndefined();
    expect(Math.abs(randomHash.neighbours!.sharing[0]! - randomHash.perDepth[0]!.chanceOfSharing)).toBeLessThan(0.03);
    expect(randomHash.perLevel[1]!.normalizedEntropy).toBeGreaterThan(0.98);
    expect(report.labels![0]!.name).toBe("label");
    expect(report.text).toMatch(/variance explained: [\d.]+% \/ [\d.]+% \/ -/);
    expect(report.findings.at(-1)!.text).toContain("residual k-means of the same size");
    own.dispose();
  });

  test("equal vectors have equal random IDs", async () => {
    const twins = { data: Float32Array.from(items.data, (_, k) => items.data[k % 800]!), rows: 600, dim: 8 }; // 100 vectors, six times each
    const report = await assessIds(ids, { items: twins, baseline: true });
    expect(report.duplicates!.distinctVectors).toBe(100);
    expect(report.baselines!.randomHash.distinctIds).toBeLessThanOrEqual(100);
    expect(report.baselines!.randomHash.duplicates!.itemsIdentical).toBe(600);
  });

  test("stops when it is told to", async () => {
    const reason = new Error("enough");
    await expect(assessIds(ids, { items, model, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test("refuses what does not belong together, saying what and why", async () => {
    const other = await RQVAE.create({
      inputDim: 8,
      codebookSize: [8, 16, 4],
      nQuantizationLayers: 3,
      codebookKmeansInit: false,
    });
    const longer = SemanticIds.from(
      [...ids].map((row) => [...row, 0]),
      { codebookSizes: [8, 16, 4, 256] },
    );
    const broken = items.data.slice();
    broken[8 * 17 + 3] = Number.NaN;
    const cases: [Parameters<typeof assessIds>, string][] = [
      [[ids, { model }], "model needs items"],
      [[ids, { baseline: true }], "baseline needs items"],
      [[ids, { items, model, baseline: 1 as never }], "baseline must be true or false, received 1"],
      [[ids, { items: items.data.subarray(8), model }], "items has 599 rows, but there are 600 IDs"],
      [[ids, { items: { ...items, dim: 4 }, model }], "received vectors of dimension 4"],
      [[ids, { items: items.data.subarray(1) }], "items do not have a dimension"],
      [
        [ids, { items, model: { config: model.config } as never }],
        "model must be an RQVAE, an RQVAEWorker or another object with their methods, received Object",
      ],
      [[ids, { items, model: other }], `ids were made by model ${ids.fingerprint}`],
      [
        [longer, { items, model }],
        "[8, 16, 4, 256], the model [8, 16, 4]: give the IDs of model.encode, without a suffix",
      ],
      [[ids, { items: broken, model }], "row 17, column 3 is NaN"],
      [[ids, { items: Float64Array.from(items.data).fill(1e39, 5, 6) }], "row 0, column 5 is 1e+39"],
      [[ids, { labels: { titles: ["one"] } }], "titles has 1 entry, but there are 600 items"],
      [[ids, { labels: ["one"] }], "1 entry, but there are 600 items"],
      [[ids, { labels: "titles" as never }], "labels must be { titles, labels } or an array"],
      [[ids, { itmes: items } as never], 'unknown option "itmes"; did you mean "items"?'],
      [[[[1, 2]] as never], "ids must be SemanticIds, received [[1, 2]]"],
    ];
    for (const [given, message] of cases) {
      const error = await assessIds(...given).catch((each) => each);
      expect(error, message).toMatchObject({ name: "InvalidInputError" });
      expect(error.message).toContain(message);
    }
    other.dispose();
  });
});

test("a large catalogue is measured on a sample, and says so", async () => {
  const next = generator(3);
  const items = { data: Float32Array.from({ length: 70_000 * 2 }, () => next()), rows: 70_000, dim: 2 };
  const model = await residualKMeans(items, { nQuantizationLayers: 2, codebookSize: 16 });
  const ids = model.encode(items);
  const report = await assessIds(ids, { items, model });
  expect(report.items).toBe(70_000);
  expect(report.reconstruction!.items).toBe(65_536);
  expect(report.neighbours).toMatchObject({ queries: 1000, among: 65_536, k: 10 });
  expect(report.duplicates!.distinctVectors).toBe(
    new Set(Array.from({ length: 70_000 }, (_, i) => items.data.subarray(2 * i, 2 * i + 2).join())).size,
  );
  expect(Math.abs(report.reconstruction!.explainedVariance - explainedVariance(items, model.decode(ids)))).toBeLessThan(
    1e-3,
  );
  expect(report.text).toContain("measured on a sample of 65,536 items");
  model.dispose();
});

test("items that are all the same", async () => {
  const items = new Array(5).fill([1, 2]);
  const model = await residualKMeans(items, { nQuantizationLayers: 1, codebookSize: 2 });
  const report = await assessIds(model.encode(items), { items, model, baseline: true });
  expect(report.reconstruction!.explainedVariance).toBe(1);
  expect(report.findings).toEqual([
    {
      kind: "problem",
      code: "constantItems",
      text: "all 5 items have the same vector, so every model gives them the same ID: check how the embeddings were made.",
    },
  ]);
  model.dispose();
});

describe("real data (skipped where it is not at hand)", () => {
  const data = new URL("../../../../shared/data/", import.meta.url);
  test.skipIf(!existsSync(new URL("ship_ok/mdi", data)))("the exact duplicates of the Material icons", async () => {
    const items = readNpy(readFileSync(new URL("ship_ok/mdi/mdi-glovesif100.f16.npy", data)));
    const labels = readLabels(readFileSync(new URL("ship_ok/mdi/mdi.labels.json", data), "utf8"));
    const model = await residualKMeans(items, { codebookSize: 64, refine: false });
    const report = await assessIds(model.encode(items), { items, model, labels });
    // shared/data/README.md: residual k-means, one seed, with 30 iterations; exact duplicates occur naturally.
    expect(Math.abs(1 - report.uniqueShare - 0.247)).toBeLessThan(0.03);
    [0.391, 0.536, 0.619].forEach((published, i) => {
      expect(Math.abs(report.reconstruction!.byDepth[i]! - published)).toBeLessThan(0.015);
    });
    expect(report.duplicates!.itemsIdentical).toBe(report.duplicates!.itemsWithTwin);
    expect(report.duplicates!.itemsColliding).toBeLessThan(report.itemsSharing);
    const [tag] = report.labels!;
    expect(tag!.byDepth[0]! / tag!.chance!).toBeGreaterThan(2);
    const advice = await adviseCapacity(items.rows, { codebookSize: 64 });
    expect(advice.verdict).toBe("tight");
    expect(report.itemsSharing / advice.realistic.itemsSharing).toBeGreaterThan(0.5);
    expect(report.itemsSharing / advice.realistic.itemsSharing).toBeLessThan(2);
    model.dispose();
  });
});
