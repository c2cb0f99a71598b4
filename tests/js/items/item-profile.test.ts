import fc from "fast-check";
import { assessIds, type ItemMatrix, RQVAE, type TrainHistory, type TrainProgress } from "rqvae";
import { describe, expect, it } from "vitest";
import { writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { ItemProfiler, isDominant } from "../../../bindings/js/items/item-profile.ts";
import { rqvae, useFolder, write } from "../cli/harness.ts";
import { sourceOf } from "../support/embedding-sources.ts";

const n = 600;
const wave = (i: number, j: number) => Math.sin((i % 12) * (j + 1.7) + i * 1e-3) / 4;
const matrix = (rows: number, dim: number, of: (i: number, j: number) => number) => ({
  data: Float32Array.from({ length: rows * dim }, (_, k) => of(Math.floor(k / dim), k % dim)),
  rows,
  dim,
});
/** Row numbers that slipped in among 16 dimensions of unit size, as the column `at`. */
const numbered = (at: number) => matrix(n, 17, (i, j) => (j === at ? i : wave(i, j)));
const constant = matrix(50, 8, () => 0.3);
const twins = matrix(n, 8, (i, j) => Math.sin((i >> 1) * (j + 1.7) * 1.3));
const fewVectors = matrix(n, 8, (i, j) => Math.sin((i % 5) * (j + 1.7) * 1.3));
const fine = matrix(n, 8, (i, j) => Math.sin(i * (j + 1.7) * 1.3));

const options = { epochs: 2, codebookSize: 16, seed: 3 };
async function study(items: ItemMatrix, more: object = {}) {
  const model = await RQVAE.fit(items, { ...options, ...more });
  const history = model.history as TrainHistory;
  const report = await assessIds(model.encode(items), { items, model, baseline: true });
  model.dispose();
  return { history, report, kinds: history.warnings.map(({ kind }) => kind) };
}

describe("a dimension that drowns the others", () => {
  it.each([0, 7, 16])("is named by fit and report: column %i", async (column) => {
    const { history, report } = await study(numbered(column));
    const [warning] = history.warnings;
    expect(warning).toMatchObject({ kind: "dominatedByColumn", column, epoch: -1 });
    expect(warning!.message).toMatch(
      new RegExp(
        `^column ${column} carries 99\\.9% of the variance: .*Leave it out if .*inputScaling: "perDimension"$`,
      ),
    );
    expect(report.dominantColumn).toMatchObject({ column, share: expect.closeTo(1, 3) });
    expect(report.findings[0]).toMatchObject({ kind: "problem", text: expect.stringContaining(warning!.message) });
    expect(report.findings.map(({ text }) => text).join()).not.toContain("similar items");
  });

  it("has its name where the columns' names are given", async () => {
    const columnNames = Array.from({ length: 17 }, (_, j) => (j === 0 ? "price" : `e${j}`));
    const items = numbered(0);
    const { history } = await study(items, { columnNames });
    expect(history.warnings[0]!.message).toMatch(/^column 0 \("price"\) carries/);
    const model = await RQVAE.create({ inputDim: 17, codebookSize: 4 });
    await model.kmeansInitCodebooks(items);
    const report = await assessIds(model.encode(items), { items, columnNames });
    expect(report.dominantColumn?.name).toBe("price");
    for (const wrong of [["price"], "price", Array(17).fill(1)]) {
      const refusal = /columnNames must be an array of 17 strings, one per dimension/;
      await expect(model.train(items, { columnNames: wrong as string[] })).rejects.toThrow(refusal);
      await expect(assessIds(model.encode(items), { items, columnNames: wrong as string[] })).rejects.toThrow(refusal);
    }
    model.dispose();
  });

  it("is no warning of a model that scales every dimension by itself; the report says what its figures are", async () => {
    const { kinds, report } = await study(numbered(0), { inputScaling: "perDimension" });
    expect(kinds).not.toContain("dominatedByColumn");
    expect(report.findings[0]).toMatchObject({ kind: "note", text: expect.stringContaining("column 0 carries") });
  });

  it("is reported while training runs, in every event, from memory and from a source alike", async () => {
    for (const items of [numbered(3), sourceOf(numbered(3))]) {
      const events: TrainProgress[] = [];
      const model = await RQVAE.fit(items, { ...options, onProgress: (event) => events.push(event) });
      const ofTraining = events.filter(({ phase }) => phase !== "measure"); // before it nobody has looked at all items
      expect(ofTraining.length).toBeGreaterThan(0);
      for (const { itemWarnings } of ofTraining)
        expect(itemWarnings).toMatchObject([{ kind: "dominatedByColumn", column: 3 }]);
      model.dispose();
    }
  });

  it("is none by chance: few rows, few dimensions, ordinary vectors", async () => {
    expect((await study(fine)).kinds).not.toContain("dominatedByColumn");
    for (const [dim, share] of [
      [1, 1],
      [2, 0.9999],
      [3, 0.6],
      [4, 0.5],
    ] as const) {
      expect(isDominant(share, dim)).toBe(false);
    }
    for (const [dim, share] of [
      [3, 0.7],
      [4, 0.51],
      [768, 0.501],
    ] as const) {
      expect(isDominant(share, dim)).toBe(true);
    }
    const few = new ItemProfiler(3, 4);
    few.add(Float32Array.of(1, 0, 0, 0, 9, 0, 0, 0, 5, 0, 0, 0));
    expect(few.finish().dominant).toBeUndefined();
  });

  it("is found whatever the offset, the order of rows and the slices", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 9 }),
        fc.integer({ min: 8, max: 40 }),
        fc.nat(),
        fc.constantFrom(0, 1e4, -1e6),
        fc.integer({ min: 1, max: 7 }),
        (dim, rows, place, offset, step) => {
          const column = place % dim;
          const items = matrix(rows, dim, (i, j) => offset + (j === column ? 50 * i : ((i * 7 + j * 3) % 5) / 2));
          const profiler = new ItemProfiler(rows, dim);
          for (let i = 0; i < rows; i += step) {
            profiler.add((items.data as Float32Array).subarray(i * dim, Math.min(rows, i + step) * dim));
          }
          expect(profiler.finish().dominant?.column).toBe(column);
        },
      ),
    );
  });
});

describe("exact copies and constant data are named as that", () => {
  it("all items the same: nothing else is advised", async () => {
    const { history, report } = await study(constant);
    expect(history.warnings).toMatchObject([
      { kind: "constant", message: expect.stringMatching(/^all 50 items have the same vector/) },
    ]);
    expect(report.findings).toMatchObject([
      { kind: "problem", text: expect.stringMatching(/^all 50 items have the same vector/) },
    ]);
  });

  it("twins: counted among the different vectors", async () => {
    const { history, report, kinds } = await study(twins, { codebookSize: 64 });
    expect(kinds).toContain("duplicates");
    expect(history.warnings[0]!.message).toContain(
      "600 items have the same vector as another item (300 different vectors in all)",
    );
    const words = [...history.warnings.map(({ message }) => message), ...report.findings.map(({ text }) => text)].join(
      "\n",
    );
    expect(words).not.toContain("unless many items are identical");
    for (const warning of history.warnings.filter(({ kind }) => kind === "collisions")) {
      expect(warning.message).toMatch(/^300 different vectors among 600 items/);
    }
  });

  it("few different vectors: no level is called collapsed that has nothing left to tell apart", async () => {
    const { kinds, report } = await study(fewVectors);
    expect(kinds).toEqual(["duplicates"]);
    expect(report.findings.filter(({ kind }) => kind === "problem")).toEqual([]);
  });

  it("counts as brute force does", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(2)), { minLength: 1, maxLength: 30 }), (rows) => {
        const profiler = new ItemProfiler(rows.length, 2);
        profiler.add(Float32Array.from(rows.flat()));
        const keys = rows.map((row) => row.join());
        const sizes = [...new Set(keys)].map((key) => keys.filter((other) => other === key).length);
        expect(profiler.finish()).toMatchObject({
          rows: rows.length,
          distinct: sizes.length,
          itemsWithTwin: sizes.filter((size) => size > 1).reduce((sum, size) => sum + size, 0),
          evenVectors: expect.closeTo(rows.length ** 2 / sizes.reduce((sum, size) => sum + size * size, 0), 9),
        });
      }),
    );
  });
});

describe("on the command line", () => {
  useFolder();

  it("in its own words, by train and report", () => {
    write("numbered.npy", writeNpy(numbered(5)));
    write("constant.npy", writeNpy(constant));
    for (const [name, said] of [
      ["numbered", "column 5 carries 99.9% of the variance"],
      ["constant", "all 50 items have the same vector"],
    ] as const) {
      const files = ["-o", `${name}.safetensors`, "--ids", `${name}.ids.csv`];
      const trained = rqvae("train", `${name}.npy`, "--epochs", "2", "--codes", "8", ...files);
      expect(trained.stderr).toMatch(new RegExp(`^warning: ${said}`, "m"));
      const flowing = (text: string) => text.replaceAll(/\s+/g, " ");
      expect(flowing(trained.stdout)).toContain(`Warnings ${said}`);
      const told = rqvae("report", `${name}.safetensors`, `${name}.npy`);
      expect(flowing(told.stdout)).toContain(`To do: ${said}`);
      for (const text of [trained.stdout, trained.stderr, told.stdout]) {
        expect(text).not.toMatch(/\b(inputScaling:|learningRate|RQVAE\.|SemanticIdIndex|adviseCapacity)/);
        expect(text).not.toContain("try a smaller --lr");
      }
    }
    expect(rqvae("report", "numbered.safetensors", "numbered.npy").stdout.replaceAll(/\s+/g, " ")).toContain(
      "train with --input-scaling perDimension",
    );
  });
});
