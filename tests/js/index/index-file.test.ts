import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { type ItemId, ModelFormatError, SemanticIdIndex, SemanticIds } from "rqvae";
import { describe, expect, it, test } from "vitest";

const fingerprint = "0123456789abcdef";

/** An index with everything in it: text and numbers as item IDs, retired IDs with and without an owner, a journal. */
function sample(collisions: "share" | "suffix" = "suffix"): SemanticIdIndex {
  const ids = SemanticIds.from(
    [
      [69999, 2],
      [69999, 2],
      [0, 1],
      [5, 0],
    ],
    { codebookSizes: [70000, 3], fingerprint },
  );
  const index = SemanticIdIndex.build(["\u{1f45f} shoe", -7, 2 ** 53 - 1, ""], ids, { collisions, capacity: 1000 });
  index.add(
    ["x".repeat(200), 0],
    [
      [69999, 2],
      [5, 0],
    ],
  );
  index.remove([-7]);
  index.replace([0], [[6, 2]]);
  return index;
}

const tells = (index: SemanticIdIndex) => JSON.parse(JSON.stringify(index));

describe.each(["share", "suffix"] as const)("%s", (collisions) => {
  const index = sample(collisions);

  it("comes back from its file, and goes on as it would have", () => {
    const file = index.save();
    const same = SemanticIdIndex.load(file);
    expect(same.save()).toEqual(file);
    expect(tells(same)).toEqual(tells(index));
    expect([same.collisions, same.capacity, same.fingerprint]).toEqual([collisions, 1000, fingerprint]);
    const other = sample(collisions);
    for (const grown of [same, other])
      grown.add(
        ["new", -7],
        [
          [69999, 2],
          [69999, 2],
        ],
      );
    expect(tells(same)).toEqual(tells(other));
  });

  it("comes back from JSON", () => {
    const json = JSON.stringify(index);
    expect(SemanticIdIndex.fromJSON(json).save()).toEqual(index.save());
    expect(SemanticIdIndex.fromJSON(index.toJSON()).save()).toEqual(index.save());
  });

  it("compact, it answers the same, is smaller and does not change", () => {
    const file = index.save({ compact: true });
    const compact = SemanticIdIndex.load(file);
    expect(file.length).toBeLessThan(index.save().length);
    expect([compact.compact, compact.journal, compact.size]).toEqual([true, [], index.size]);
    for (const item of index.items([])) expect(compact.get(item)).toEqual(index.get(item));
    expect(compact.items([])).toEqual(index.items([]));
    expect(compact.get(-7)).toBeUndefined();
    expect(compact.save()).toEqual(file);
    for (const change of [
      () => compact.add(["a"], [[0, 0]]),
      () => compact.replace([], []),
      () => compact.remove([""]),
    ]) {
      expect(change).toThrow(/saved with compact: true and only looks up/);
    }
  });
});

it("every byte that is changed, and every truncation, is noticed", () => {
  const file = sample().save();
  for (let at = 0; at < file.length; at++) {
    for (const flip of [1, 0x80]) {
      const damaged = file.slice();
      damaged[at]! ^= flip;
      expect(() => SemanticIdIndex.load(damaged), `byte ${at}`).toThrow(ModelFormatError);
    }
    expect(() => SemanticIdIndex.load(file.subarray(0, at)), `${at} bytes`).toThrow(ModelFormatError);
  }
  expect(() => SemanticIdIndex.load(Uint8Array.of(...file, 0))).toThrow(/checksum/);
});

test.each<[string, Uint8Array, RegExp]>([
  ["nothing", new Uint8Array(0), /0 bytes: it is truncated or empty/],
  [
    "HTML",
    new TextEncoder().encode("<!doctype html><title>404</title>"),
    /no index file of rqvae: it begins with "<!doctyp"/,
  ],
  [
    "a model",
    new TextEncoder().encode(`12345678{"__metadata__":{}}`),
    /looks like a model; that is what RQVAE.load reads/,
  ],
  [
    "a newer format",
    Uint8Array.of(...sample().save()).fill(2, 8, 9),
    /format 2; this release of rqvae reads format 1: update/,
  ],
])("a foreign file is named: %s", (_, bytes, message) => {
  expect(() => SemanticIdIndex.load(bytes)).toThrow(ModelFormatError);
  expect(() => SemanticIdIndex.load(bytes)).toThrow(message);
});

test.each<[string, (json: Record<string, unknown> & { items: Record<string, unknown>[] }) => unknown]>([
  ["no format", (json) => delete json.format],
  ["a newer version", (json) => (json.version = 2)],
  ["no items", (json) => delete (json as Partial<typeof json>).items],
  ["another order", (json) => json.items.reverse()],
  ["an ID twice", (json) => (json.items[1]!.codes = json.items[0]!.codes)],
  ["an item twice", (json) => (json.items[1]!.id = json.items[0]!.id)],
  ["an ID of nobody", (json) => (json.items[0]!.id = null)],
  ["a code out of range", (json) => (json.items[0]!.codes = [0, 3, 0])],
  ["an item that is none", (json) => (json.items[0]!.id = 0.5)],
  ["an unknown way", (json) => (json.collisions = "drop")],
  ["a fingerprint that is none", (json) => (json.fingerprint = "x")],
  ["drift of no counts", (json) => (json.drift = [1, -1])],
  ["an unreadable journal", (json) => (json.journal = [{ kind: "burn", items: 0, itemIds: [] }])],
])("JSON with %s is refused", (_, damage) => {
  const json = tells(sample());
  damage(json);
  expect(() => SemanticIdIndex.fromJSON(json)).toThrow(ModelFormatError);
});

test("text that is no JSON, bytes that are none", async () => {
  expect(() => SemanticIdIndex.fromJSON("{")).toThrow(/the text is not JSON/);
  expect(() => SemanticIdIndex.fromJSON(null as never)).toThrow(ModelFormatError);
  await expect(SemanticIdIndex.load(5 as never)).rejects.toThrow(
    /^SemanticIdIndex\.load: expected bytes, a URL, a path/,
  );
});

test("from wherever the file is, as a model is", async () => {
  const index = sample();
  const file = index.save() as Uint8Array<ArrayBuffer>;
  const folder = mkdtempSync(join(tmpdir(), "rqvae-index-"));
  try {
    const path = join(folder, "shop.index");
    writeFileSync(path, file);
    for (const source of [path, pathToFileURL(path), new Blob([file]), new Response(file)]) {
      expect((await SemanticIdIndex.load(source)).toJSON()).toEqual(index.toJSON());
    }
    await expect(SemanticIdIndex.load(join(folder, "none.index"))).rejects.toThrow(
      /^SemanticIdIndex\.load: could not read the file .*none\.index/,
    );
    await expect(SemanticIdIndex.load(new Blob(["x"]))).rejects.toThrow(ModelFormatError);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("any item IDs and any codes", () => {
  const itemId = fc.oneof(fc.maxSafeInteger(), fc.string({ unit: "grapheme" }));
  const sizes = fc.array(fc.constantFrom(1, 2, 300, 70000, 2 ** 32), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(
      fc.uniqueArray(itemId),
      sizes,
      fc.infiniteStream(fc.nat(2 ** 32 - 1)),
      (items, codebookSizes, numbers) => {
        const rows = items.map(() => codebookSizes.map((size) => (numbers.next().value as number) % size));
        const index = SemanticIdIndex.build(items as ItemId[], SemanticIds.from(rows, { codebookSizes }));
        const same = SemanticIdIndex.load(index.save());
        items.forEach((item, i) => {
          expect(same.get(item)).toEqual(rows[i]);
        });
        expect(same.items([])).toEqual(index.items([]));
      },
    ),
  );
});
