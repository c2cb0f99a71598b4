/** `rqvae similar`, `lookup`, `decode` and `features`: files that say which item has which ID, read back. */
import { RQVAE, SemanticIdIndex, type SemanticIds } from "rqvae";
import { prefixFeatures } from "rqvae/features";
import { readIds, readItems } from "rqvae/formats";
import { beforeEach, describe, expect, it } from "vitest";
import { writeIdsCsv, writeIdsJsonl } from "../support/formats.ts";
import { expectError, inFolder, quick, read, readBytes, rows, rqvae, useFolder, write } from "./harness.ts";

useFolder();

let ids: SemanticIds;
let index: SemanticIdIndex;
const itemIds = Array.from({ length: rows }, (_, i) => `sku-${i}`);
const table = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t"));

/** The index knows its model, since it was built with it; the files on the disk are all that the program gets. */
async function prepare(): Promise<RQVAE> {
  expect(rqvae("train", "items.npy", ...quick, "-q", "-o", "m.safetensors").status).toBe(0);
  const model = await RQVAE.load(inFolder("m.safetensors"));
  const items = await readItems(inFolder("items.npy"));
  ids = model.encode(items);
  index = SemanticIdIndex.build(itemIds, ids, { collisions: "suffix", model, items });
  write("shop.index", index.save());
  write("raw.csv", writeIdsCsv(ids, undefined, itemIds));
  write("published.jsonl", writeIdsJsonl({ ids: whole(), itemIds }));
  return model;
}
/** The published IDs in the order of the items. */
const whole = () => {
  const { codebookSizes } = index;
  return (ids.constructor as typeof SemanticIds).from(
    itemIds.map((itemId) => index.get(itemId)!),
    { codebookSizes },
  );
};

let model: RQVAE;
beforeEach(async () => {
  model = await prepare();
  return () => model.dispose();
});

describe("rqvae similar", () => {
  it("ranks as the index does, from every kind of file", async () => {
    const expected = await index.similar("sku-3", { limit: 5 });
    const line = ({ itemId, shared, distance }: (typeof expected)[number]) => [itemId, shared, Number(distance!.toPrecision(6))]; // biome-ignore format: one line
    for (const file of ["shop.index", "raw.csv", "published.jsonl"]) {
      const { status, stdout, stderr } = rqvae("similar", file, "sku-3", "--model", "m.safetensors", "--limit", "5");
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      const [header, ...found] = table(stdout);
      expect(header).toEqual(["query", "item", "id", "shared", "distance"]);
      expect(found.map(([, itemId, , shared, distance]) => [itemId, Number(shared), Number(distance)])).toEqual(
        expected.map(line),
      );
    }
    const json = JSON.parse(rqvae("similar", "shop.index", "sku-3", "--model", "m.safetensors", "--limit", "5", "--json").stdout); // biome-ignore format: one line
    expect(json).toMatchObject([{ query: "sku-3", itemId: "sku-3", codes: index.get("sku-3") }]);
    expect(json[0].similar.map(({ itemId, shared, distance }: object & Record<string, unknown>) => ({ itemId, shared, distance }))).toEqual(expected); // biome-ignore format: one line
    expect(json[0].similar[0].codes).toEqual(index.get(expected[0]!.itemId));
  });

  it("takes several items, codes and tokens, and does without a model", async () => {
    const [a, b] = ids.at(0) as [number, number];
    const plain = await SemanticIdIndex.load(index.save());
    const expected = await plain.similar([a, b], { limit: 2 });
    const { stdout } = rqvae("similar", "shop.index", `<a_${a}><b_${b}>`, `${a},${b}`, "sku-0", "--limit", "2");
    const found = table(stdout).slice(1);
    for (const part of [found.slice(0, 2), found.slice(2, 4)]) {
      expect(part.map(([, itemId, , shared]) => [itemId, Number(shared)])).toEqual(
        expected.map(({ itemId, shared }) => [itemId, shared]),
      );
    }
    expect(found.slice(4).map(([query]) => query)).toEqual(["sku-0", "sku-0"]);
    const suffixed = rqvae("similar", "published.jsonl", "sku-0", "--suffix", "--limit", "3", "--json");
    expect(JSON.parse(suffixed.stdout)[0].similar.map(({ itemId }: { itemId: string }) => itemId)).toEqual(
      (await plain.similar("sku-0", { limit: 3 })).map(({ itemId }) => itemId),
    );
  });

  it("names what is wrong", () => {
    expectError(rqvae("similar", "shop.index", "nobody"), 1, 'shop.index: "nobody" is none of its items', "<a_1><b_2>");
    expectError(
      rqvae("similar", "shop.index", "99,0"),
      1,
      'shop.index: "99,0": code 99 of level 1 is not a whole number from 0 to 7',
    );
    expectError(rqvae("similar", "shop.index"), 2, "<item>... is missing");
    expectError(rqvae("similar", "shop.index", "sku-1", "--limit", "0"), 2, "--limit must be at least 1");
    expectError(rqvae("similar", "m.safetensors", "sku-1"), 1, "is a model, but <ids> must be a file of IDs");
    expect(rqvae("kmeans", "items.npy", "--codes", "4", "-q", "-o", "k.safetensors").status).toBe(0);
    expectError(rqvae("similar", "shop.index", "sku-1", "--model", "k.safetensors"), 1, "shop.index", "model");
    expectError(rqvae("similar", "published.jsonl", "sku-1", "--model", "items.npy"), 1, "--model must be a model");
  });
});

describe("rqvae lookup", () => {
  it("gives the ID of an item, and the items of an ID or a prefix", () => {
    const [a, b] = ids.at(7) as [number, number];
    for (const file of ["shop.index", "published.jsonl"]) {
      const id = index.get("sku-7")!;
      const tokens = `<a_${id[0]}><b_${id[1]}><c_${id[2]}>`;
      expect(table(rqvae("lookup", file, "sku-7").stdout)).toEqual([
        ["item", "codes", "tokens"],
        ["sku-7", id.join(), tokens],
      ]);
      expect(table(rqvae("lookup", file, tokens).stdout).slice(1)).toEqual([["sku-7", id.join(), tokens]]);
      const json = JSON.parse(rqvae("lookup", file, `<a_${a}>`, `${a},${b}`, "--json").stdout);
      expect(json.map(({ items }: { items: { itemId: string }[] }) => items.map(({ itemId }) => itemId))).toEqual([
        index.items([a]),
        index.items([a, b]),
      ]);
    }
  });

  it("says so when no item has an ID, and when there is no such item", () => {
    write("few.jsonl", '{"id":"1","codes":[0,3]}\n{"id":"2","codes":[2,0]}\n');
    const { status, stdout, stderr } = rqvae("lookup", "few.jsonl", "<a_1>");
    expect([status, table(stdout).length, stderr]).toEqual([0, 1, "few.jsonl: none of its 2 items has an ID that starts with <a_1>\n"]); // biome-ignore format: one line
    // A bare number is an item, never a code.
    expect(table(rqvae("lookup", "few.jsonl", "2").stdout)[1]).toEqual(["2", "2,0", "<a_2><b_0>"]);
    expectError(rqvae("lookup", "few.jsonl", "3"), 1, 'few.jsonl: "3" is none of its items');
    expectError(rqvae("lookup", "few.jsonl", "<b_1>"), 1, "is none of its items");
    expectError(rqvae("lookup", "few.jsonl", "0,9"), 1, "few.jsonl", "code 9");
  });

  it("finds items of an index that are numbers", () => {
    write("n.index", SemanticIdIndex.build([5, "5x"], (ids.constructor as typeof SemanticIds).from([[0, 1], [1, 1]], { codebookSizes: [2, 2] })).save()); // biome-ignore format: one line
    expect(JSON.parse(rqvae("lookup", "n.index", "5", "--json").stdout)).toMatchObject([{ itemId: 5, codes: [0, 1] }]);
  });
});

describe("rqvae decode", () => {
  it.each(["npy", "csv", "jsonl", "parquet"])("writes the vectors that the IDs stand for, as %s", async (format) => {
    const expected = model.decode(ids);
    for (const file of ["raw.csv", "published.jsonl", "shop.index"]) {
      const { status, stdout, stderr } = rqvae("decode", "m.safetensors", file, "-o", `v.${format}`);
      expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
      expect(stderr).toBe(`Decoded 60 IDs to vectors of 5: v.${format}\n`);
      const found = await readItems(inFolder(`v.${format}`));
      expect([found.rows, found.dim]).toEqual([rows, 5]);
      const order = file === "shop.index" ? index.items([]) : itemIds;
      if (format !== "npy") expect(found.itemIds).toEqual(order);
      order.forEach((itemId, row) => {
        const at = itemIds.indexOf(itemId as string);
        expect(Array.from(found.data.subarray(row * 5, row * 5 + 5))).toEqual(Array.from(expected.subarray(at * 5, at * 5 + 5))); // biome-ignore format: one line
      });
    }
  });

  it("overwrites its default output only if told to, and refuses IDs of another model", () => {
    expect(rqvae("decode", "m.safetensors", "raw.csv", "-q")).toEqual({ status: 0, stdout: "", stderr: "" });
    expectError(rqvae("decode", "m.safetensors", "raw.csv"), 1, "vectors.npy: exists already");
    expect(rqvae("decode", "m.safetensors", "raw.csv", "-q", "--force").status).toBe(0);
    write("long.jsonl", '{"id":"a","codes":[1,2,0,0]}\n');
    expectError(rqvae("decode", "m.safetensors", "long.jsonl", "-f"), 1, "long.jsonl: its IDs have 4 codes, but those of the model have 2, or 3 with a suffix"); // biome-ignore format: one line
    write("large.jsonl", '{"id":"a","codes":[1,9]}\n');
    expectError(rqvae("decode", "m.safetensors", "large.jsonl", "-f"), 1, "large.jsonl", "code 9");
    expectError(rqvae("decode", "raw.csv", "m.safetensors", "-f"), 2, "swap the two");
    expectError(rqvae("decode", "m.safetensors", "raw.csv", "-o", "v.txt"), 2, "v.txt");
    expect(rqvae("kmeans", "items.npy", "--codes", "8,4", "-q", "-o", "k.safetensors").status).toBe(0);
    expectError(rqvae("decode", "k.safetensors", "shop.index", "-f"), 1, "shop.index", "model");
  });
});

describe("rqvae features", () => {
  const numbers = (text: string) => table(text.replaceAll(",", "\t")).slice(1);

  it("writes what prefixFeatures makes, as csv, npy and Parquet", async () => {
    const { columns } = prefixFeatures(ids, { buckets: 20 });
    expect(columns.map(({ isExact }) => isExact)).toEqual([true, false]);
    const expected = itemIds.map((itemId, row) => [itemId, ...columns.map(({ values }) => String(values[row]))]);
    const args = ["--buckets", "20", "--codes", "8,4"];
    const { stdout, stderr } = rqvae("features", "raw.csv", ...args);
    expect(stdout.split("\n")[0]).toBe("item,prefix_1,prefix_2");
    expect(numbers(stdout)).toEqual(expected);
    expect(stderr).toMatch(/^prefix_1: \d+ of 8 possible values, exact\nprefix_2: \d+ prefixes hashed to 20 values, \d+ without a value of their own\nWrote 60 rows: standard output\n$/); // biome-ignore format: one line
    expect(rqvae("features", "published.jsonl", ...args, "--suffix", "-q", "-o", "f.csv").status).toBe(0);
    expect(numbers(read("f.csv"))).toEqual(expected);
    expect(rqvae("features", "raw.csv", ...args, "-q", "-o", "f.npy").status).toBe(0);
    const npy = await readIds(inFolder("f.npy"));
    expect(Array.from(npy.ids, (row) => row.map(String))).toEqual(expected.map(([, ...row]) => row));
    expect(rqvae("features", "raw.csv", ...args, "-q", "-o", "f.parquet").status).toBe(0);
    expect(new TextDecoder("latin1").decode(readBytes("f.parquet"))).toMatch(/^PAR1.*prefix_1.*PAR1$/s);
  });

  it("leaves out an index's suffix by itself, and chooses depths", () => {
    const { stdout } = rqvae("features", "shop.index", "-q");
    expect(stdout.split("\n")[0]).toBe("item,prefix_1,prefix_2");
    expect(rqvae("features", "shop.index", "-q", "--depths", "2").stdout.split("\n")[0]).toBe("item,prefix_2");
  });

  it("asks for the numbers of codes where values depend on them", () => {
    expectError(rqvae("features", "raw.csv"), 1, "raw.csv", "--codes");
    expectError(rqvae("features", "raw.csv", "--codes", "2"), 1, "raw.csv", "is not a whole number from 0 to 1");
    expectError(rqvae("features", "raw.csv", "--codes", "8,4", "--depths", "3"), 1, "depths has 3", "from 1 to 2");
    expectError(rqvae("features", "raw.csv", "-o", "f.txt"), 2, "f.txt");
  });
});
