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

  it("comes back from its file, and goes on as it would have", async () => {
    const file = index.save();
    const same = await SemanticIdIndex.load(file);
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

  it("compact, it answers the same, is smaller and does not change", async () => {
    const file = index.save({ compact: true });
    const compact = await SemanticIdIndex.load(file);
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
      expect(change).toThrow(/saved with compact: true and cannot be changed/);
    }
  });
});

it("every byte that is changed, and every truncation, is noticed", async () => {
  const file = sample().save();
  for (let at = 0; at < file.length; at++) {
    for (const flip of [1, 0x80]) {
      const damaged = file.slice();
      damaged[at]! ^= flip;
      await expect(SemanticIdIndex.load(damaged), `byte ${at}`).rejects.toThrow(ModelFormatError);
    }
    await expect(SemanticIdIndex.load(file.subarray(0, at)), `${at} bytes`).rejects.toThrow(ModelFormatError);
  }
  await expect(SemanticIdIndex.load(Uint8Array.of(...file, 0))).rejects.toThrow(/checksum/);
});

test.each<[string, Uint8Array, RegExp]>([
  ["nothing", new Uint8Array(0), /0 bytes: it is truncated or empty/],
  [
    "HTML",
    new TextEncoder().encode("<!doctype html><title>404</title>"),
    /not an index file of rqvae: it starts with "<!doctyp"/,
  ],
  ["a model", new TextEncoder().encode(`12345678{"__metadata__":{}}`), /looks like a model; read it with RQVAE.load/],
  [
    "a newer format",
    Uint8Array.of(...sample().save()).fill(3, 8, 9),
    /format 3, but this release of rqvae reads up to format 2: update/,
  ],
])("a foreign file is named: %s", async (_, bytes, message) => {
  await expect(SemanticIdIndex.load(bytes)).rejects.toThrow(ModelFormatError);
  await expect(SemanticIdIndex.load(bytes)).rejects.toThrow(message);
});

test.each<[string, (json: Record<string, unknown> & { items: Record<string, unknown>[] }) => unknown]>([
  ["no format", (json) => delete json.format],
  ["a newer version", (json) => (json.version = 3)],
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

test("text that is no JSON, what is no place of an index", async () => {
  expect(() => SemanticIdIndex.fromJSON("{")).toThrow(/the text is not JSON/);
  expect(() => SemanticIdIndex.fromJSON(null as never)).toThrow(ModelFormatError);
  await expect(SemanticIdIndex.load(42 as never)).rejects.toThrow(
    /^SemanticIdIndex.load: expected bytes, a URL, a path, a Blob or a Response, received 42/,
  );
  await expect(SemanticIdIndex.load("none/index.bin")).rejects.toThrow(/could not read the file none\/index.bin/);
  await expect(SemanticIdIndex.load(new Response("", { status: 404 }))).rejects.toThrow(
    /the index could not be fetched .*404/,
  );
});

test("comes from wherever a model comes from", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rqvae-index-"));
  const path = join(folder, "shop.index");
  const file = Uint8Array.from(sample().save());
  writeFileSync(path, file);
  for (const source of [file, file.buffer, path, pathToFileURL(path), new Blob([file]), new Response(file)]) {
    expect((await SemanticIdIndex.load(source)).save()).toEqual(file);
  }
  writeFileSync(path, JSON.stringify(sample(), undefined, 2));
  expect((await SemanticIdIndex.load(path)).save()).toEqual(file);
  await expect(SemanticIdIndex.load(new Blob(['{ "format": "rqvae-index", ']))).rejects.toThrow(ModelFormatError);
  rmSync(folder, { recursive: true });
});

test("any item IDs and any codes", async () => {
  const itemId = fc.oneof(fc.maxSafeInteger(), fc.string({ unit: "grapheme" }));
  const sizes = fc.array(fc.constantFrom(1, 2, 300, 70000, 2 ** 32), { minLength: 1, maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(itemId),
      sizes,
      fc.infiniteStream(fc.nat(2 ** 32 - 1)),
      async (items, codebookSizes, numbers) => {
        const rows = items.map(() => codebookSizes.map((size) => (numbers.next().value as number) % size));
        const index = SemanticIdIndex.build(items as ItemId[], SemanticIds.from(rows, { codebookSizes }));
        const same = await SemanticIdIndex.load(index.save());
        items.forEach((item, i) => {
          expect(same.get(item)).toEqual(rows[i]);
        });
        expect(same.items([])).toEqual(index.items([]));
      },
    ),
  );
});
