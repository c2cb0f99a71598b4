/** Codebook sizes that a file of IDs does not hold shift no token: no vocabulary is made of those that its codes need. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { ID_FORMATS } from "../../../bindings/js/formats/ids/id-formats.ts";
import { type IdFormat, readIds, writeIds } from "../../../bindings/js/formats/index.ts";
import { SemanticIds } from "../../../bindings/js/ids/semantic-ids.ts";
import { SemanticIdIndex } from "../../../bindings/js/index/semantic-id-index.ts";
import { Vocabulary } from "../../../bindings/js/tokens/vocabulary.ts";

const rows = [
  [5, 2],
  [0, 1],
  [3, 0],
];
const itemIds = ["007", "9007199254740993", "c"];
const fileOf = (format: IdFormat, ids: SemanticIds) => new Blob([...writeIds(format, { ids, itemIds })] as BlobPart[]);
const ids = SemanticIds.from(rows, { codebookSizes: [8, 8] });
const refuses = (run: () => unknown) => {
  expect(run).toThrow(InvalidInputError);
  expect(run).toThrow("codebookSizes is needed");
};

describe.each(ID_FORMATS.filter((format) => format !== "parquet"))("%s, which has no place for sizes", (format) => {
  test("8 x 8 codes come back marked, and make no vocabulary", async () => {
    const read = (await readIds(fileOf(format, ids))).ids;
    expect(read.codebookSizes).toEqual([6, 3]);
    expect(read.hasInferredSizes).toBe(true);
    refuses(() => new Vocabulary(read));
    refuses(() => new Vocabulary(read.codebookSizes));
  });

  test("with the sizes that are named, token numbers are those of before", async () => {
    const { ids: read, itemIds: found } = await readIds(fileOf(format, ids), { codebookSizes: [8, 8] });
    expect(read.hasInferredSizes).toBe(false);
    const vocabulary = new Vocabulary(read);
    expect(vocabulary.offsets).toEqual(new Vocabulary(ids).offsets);
    for (const [row, itemId] of found.entries()) {
      const before = format === "npy" ? row : itemIds.indexOf(itemId);
      expect(vocabulary.encode(read.at(row))).toEqual(new Vocabulary(ids).encode(rows[before]!));
    }
  });

  test("a suffix and its capacity as well", async () => {
    const index = SemanticIdIndex.build(["a", "b", "c"], SemanticIds.from([[1], [1], [0]], { codebookSizes: [8] }), {
      collisions: "suffix",
      capacity: 16,
    });
    const published = SemanticIds.from(
      ["a", "b", "c"].map((id) => index.get(id)!),
      { codebookSizes: [8, 16] },
    );
    const bare = (await readIds(fileOf(format, published))).ids;
    refuses(() => new Vocabulary(bare));
    const known = await readIds(fileOf(format, published), { codebookSizes: [8, 16] });
    expect(new Vocabulary(known.ids).offsets).toEqual(new Vocabulary(index).offsets);
  });
});

describe("parquet, which has a place for sizes", () => {
  test("keeps sizes and fingerprint", async () => {
    const known = SemanticIds.from(rows, { codebookSizes: [8, 8], fingerprint: "0123456789abcdef" });
    const { ids: read } = await readIds(fileOf("parquet", known));
    expect([read.codebookSizes, read.hasInferredSizes, read.fingerprint]).toEqual([[8, 8], false, "0123456789abcdef"]);
    expect(new Vocabulary(read).offsets).toEqual(new Vocabulary(ids).offsets);
    await expect(readIds(fileOf("parquet", known), { codebookSizes: [9, 9] })).rejects.toThrow("[9, 9]");
    await expect(readIds(fileOf("parquet", known), { fingerprint: "1123456789abcdef" })).rejects.toThrow("model");
  });

  test("does not take inferred sizes for true ones", async () => {
    const inferred = (await readIds(fileOf("csv", ids))).ids;
    const { ids: read } = await readIds(fileOf("parquet", inferred));
    expect(read.hasInferredSizes).toBe(true);
    refuses(() => new Vocabulary(read));
  });
});

test("any sizes through any format: the same token numbers, or none", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...ID_FORMATS), sizes, fc.nat(), async (format, codebookSizes, seed) => {
      const own = SemanticIds.from(
        itemIds.map((_, i) => codebookSizes.map((size, level) => (seed + 7 * i + level) % size)),
        { codebookSizes },
      );
      const { ids: read } = await readIds(fileOf(format, own));
      if (read.hasInferredSizes) refuses(() => new Vocabulary(read));
      else expect(new Vocabulary(read).offsets).toEqual(new Vocabulary(own).offsets);
      const { ids: named } = await readIds(fileOf(format, own), { codebookSizes });
      expect(new Vocabulary(named).offsets).toEqual(new Vocabulary(own).offsets);
    }),
    { numRuns: 60 },
  );
});

test("the mark survives JSON and an index in every form", async () => {
  const inferred = (await readIds(fileOf("lcrec", ids))).ids;
  const { codes, ...options } = JSON.parse(JSON.stringify(inferred));
  refuses(() => new Vocabulary(SemanticIds.from(codes, options)));
  for (const collisions of ["share", "suffix"] as const) {
    const index = SemanticIdIndex.build(itemIds, inferred, { collisions });
    refuses(() => new Vocabulary(index));
    refuses(() => new Vocabulary(SemanticIdIndex.fromJSON(JSON.stringify(index))));
    const loaded = await SemanticIdIndex.load(index.save());
    refuses(() => new Vocabulary(loaded));
    expect(
      [...itemIds].map((itemId) => SemanticIdIndex.fromJSON(JSON.stringify(index)).get(itemId)?.slice(0, 2)),
    ).toEqual(rows);
  }
  const known = SemanticIdIndex.build(itemIds, ids, { collisions: "share" });
  expect(JSON.stringify(known)).not.toContain("hasInferredSizes");
  expect(new Vocabulary(await SemanticIdIndex.load(known.save())).offsets).toEqual(new Vocabulary(ids).offsets);
});

test("item IDs that are numbers in JSON keep every digit", async () => {
  const jsonl = '{"id":9007199254740993,"codes":[1]}\n{"id":18446744073709551615,"codes":[0]}\n';
  expect((await readIds(new Blob([jsonl]))).itemIds).toEqual(["9007199254740993", "18446744073709551615"]);
  const trie = '{"0":[9007199254740993],"1":["007",18446744073709551615]}';
  expect((await readIds(new Blob([trie]), { format: "trie" })).itemIds).toEqual([
    "9007199254740993",
    "007",
    "18446744073709551615",
  ]);
});
