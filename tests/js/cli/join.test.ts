/** The command line gives every item its own ID, title and vector, whatever the order of its files. */
import { mkdirSync } from "node:fs";
import { RQVAE } from "rqvae";
import { readIds, writeVectors } from "rqvae/formats";
import { beforeEach, describe, expect, it } from "vitest";
import { readNpy, writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { readHopwise } from "../../../bindings/js/formats/ids/hopwise.ts";
import type { IdTable } from "../../../bindings/js/formats/ids/id-table.ts";
import { readIdsCsv } from "../../../bindings/js/formats/ids/ids.ts";
import { readRecBole } from "../../../bindings/js/formats/ids/recbole.ts";
import { makeNpy, makeZip } from "../support/format-files.ts";
import { dim, expectError, inFolder, npy, quick, read, readBytes, rows, rqvae, useFolder, write } from "./harness.ts";

useFolder();

/** What is said of the columns of `keyed`. */
const COLUMNS = "items.csv: vectors: embedding · item IDs: id · titles: title\n";

const { data } = readNpy(npy());
const vector = (i: number) => [...data.subarray(i * dim, (i + 1) * dim)];
/** Keys of digits: zeros in front, and more of them than a double has. */
const key = (i: number) => (i % 2 ? `00${i}` : `9007199254740${993 + i}`);
const all = Array.from({ length: rows }, (_, i) => i);
const shuffled = all.map((i) => (i * 7 + 3) % rows);
const keyed = (order: readonly number[]) =>
  ["id,title,embedding", ...order.map((i) => `${key(i)},thing ${i},"[${vector(i)}]"`)].join("\n");
const titled = (order: readonly number[]) => ["title,id", ...order.map((i) => `"title, ${i}",${key(i)}`)].join("\n");
const train = (...args: string[]) => rqvae("train", ...args, "-f", "-o", "m.safetensors", ...quick);

/** The codes that the model gives each item's own vector, by its key. */
async function ownCodes(path: string): Promise<Map<string, string>> {
  using model = await RQVAE.load(readBytes(path));
  const ids = model.encode({ data: Float32Array.from(data), rows, dim });
  return new Map(all.map((i) => [key(i), String(ids.at(i))]));
}
const byItem = ({ ids, itemIds }: IdTable) => new Map(itemIds.map((id, row) => [id, String(ids.at(row))]));

describe("--labels", () => {
  it("are joined by key, in any order", async () => {
    write("items.csv", keyed(all));
    write("labels.csv", titled(shuffled));
    const { status, stderr } = train("items.csv", "--labels", "labels.csv");
    expect(status).toBe(0);
    expect(stderr).not.toMatch(/joined|no title/i);
    const table = readIdsCsv(read("m.ids.csv"));
    expect(table.itemIds).toEqual(all.map(key));
    expect(table.titles).toEqual(all.map((i) => `title, ${i}`));
    expect(byItem(table)).toEqual(await ownCodes("m.safetensors"));
  });

  it("missing and extra ones are counted and named; an item without a title goes by its ID", () => {
    write("items.csv", keyed(all));
    write("labels.jsonl", [...all.slice(2), 99].map((i) => JSON.stringify({ id: key(i), title: `t ${i}` })).join("\n"));
    const { status, stderr } = train("items.csv", "--labels", "labels.jsonl");
    expect(status).toBe(0);
    expect(stderr).toContain(`labels.jsonl has no title for 2 of the 60 items of items.csv: "${key(0)}", "${key(1)}".`);
    expect(stderr).toContain(`labels.jsonl has 1 item that is not in items.csv: "${key(99)}".`);
    expect(readIdsCsv(read("m.ids.csv")).titles!.slice(0, 3)).toEqual([key(0), key(1), "t 2"]);
  });

  it("are joined by place where a file has no keys, which is one line; too few or too many are an error", () => {
    const { stderr } = train("items.npy", "--labels", "labels.json");
    expect(
      stderr.match(/^Joined by position, since neither items.npy nor labels.json has item IDs: .*$/gm),
    ).toHaveLength(1);
    expect(train("items.npy", "--labels", "labels.json", "-q").stderr).toBe("");
    for (const n of [59, 61]) {
      write("labels.txt", Array.from({ length: n }, (_, i) => `t ${i}`).join("\n"));
      expectError(
        train("items.npy", "--labels", "labels.txt"),
        1,
        `labels.txt has ${n} titles`,
        "items.npy has 60 items",
      );
    }
    write("labels.csv", titled(shuffled.map((i) => i)).replace(/\d+$/gm, ""));
    expectError(train("items.npy", "--labels", "labels.csv"), 1, "labels.csv", "no item ID");
    write("twice.csv", titled([...all.slice(1), 5]));
    expectError(train("items.npy", "--labels", "twice.csv"), 1, "rows 4 and 59 are both item", key(5));
    write("others.csv", "id,title\nx,y\n");
    write("items.csv", keyed(all));
    expectError(train("items.csv", "--labels", "others.csv"), 1, "no item in common", '"x"');
  });

  it("bring item IDs to items that have none, and they come out of every command", async () => {
    write("labels.csv", titled(all));
    const { stderr } = train("items.npy", "--labels", "labels.csv");
    expect(stderr).toContain("The item IDs are those of labels.csv.");
    expect(readIdsCsv(read("m.ids.csv")).itemIds).toEqual(all.map(key));
    expect(rqvae("encode", "m.safetensors", "items.npy", "-l", "labels.csv").stdout).toBe(read("m.ids.csv"));
    expect(rqvae("convert", "m.ids.csv", "m.json").status).toBe(0);
    expect((await readIds(readBytes("m.json"))).itemIds).toEqual(all.map(key));
  });
});

describe("--item-ids", () => {
  beforeEach(() => {
    write("items.csv", keyed(all));
    expect(train("items.csv", "-q").status).toBe(0);
  });

  it("are taken by place where the items have none, which is said", async () => {
    write("names.txt", all.map((i) => `B${i}`).join("\n"));
    const { stderr } = rqvae("encode", "m.safetensors", "items.npy", "--item-ids", "names.txt", "-o", "a.csv");
    expect(stderr).toContain("names.txt: entry i is taken as the ID of row i of items.npy.");
    expect((await readIds(readBytes("a.csv"))).itemIds).toEqual(all.map((i) => `B${i}`));
    expect(train("items.npy", "--item-ids", "names.txt", "-q").status).toBe(0);
    expect((await readIds(readBytes("m.ids.csv"))).itemIds).toEqual(all.map((i) => `B${i}`));
  });

  it("never give an item the ID of another", () => {
    write("same.txt", all.map(key).join("\n"));
    write("shuffled.txt", shuffled.map(key).join("\n"));
    write("new.txt", all.map((i) => `new ${i}`).join("\n"));
    const encode = (name: string) => rqvae("encode", "m.safetensors", "items.csv", "--item-ids", name);
    expect(encode("same.txt")).toMatchObject({ status: 0, stderr: COLUMNS });
    expectError(encode("shuffled.txt"), 1, "shuffled.txt", "another order", key(shuffled[0]!), key(0));
    const renamed = encode("new.txt");
    expect(renamed.stderr).toContain("whose own item IDs");
    expect(readIdsCsv(renamed.stdout).itemIds[7]).toBe("new 7");
    write("short.txt", "a\nb");
    expectError(encode("short.txt"), 1, "2 entries", "60");
  });

  it("rows that are left out keep the numbers of the others", async () => {
    write("nan.npy", npy({ at: 3 * dim, by: Number.NaN }));
    const numbers = all.filter((i) => i !== 3).map(String);
    expect(train("nan.npy", "--skip-invalid", "-q").status).toBe(0);
    expect((await readIds(readBytes("m.ids.csv"))).itemIds).toEqual(numbers);
    const encode = (...args: string[]) => rqvae("encode", "m.safetensors", "nan.npy", "--skip-invalid", "-q", ...args);
    expect(readIdsCsv(encode().stdout).itemIds).toEqual(numbers);
    expect(encode("--shard", "1/2", "-o", "1.shard").status).toBe(0);
    expect(encode("--shard", "2/2", "-o", "2.shard").status).toBe(0);
    expect(readIdsCsv(rqvae("merge", "1.shard", "2.shard").stdout).itemIds).toEqual(numbers);
    const report = rqvae("report", "m.safetensors", "nan.npy", "--skip-invalid", "--ids", "m.ids.csv");
    expect(report).toMatchObject({ status: 0 });
  });
});

describe("rqvae merge", () => {
  const encode = (...args: string[]) => rqvae("encode", "m.safetensors", "items.csv", "-q", ...args);
  beforeEach(() => {
    write("items.csv", keyed(all));
    expect(train("items.csv", "-q").status).toBe(0);
    for (const part of [1, 2, 3]) expect(encode("--shard", `${part}/3`, "-o", `${part}.shard`).status).toBe(0);
  });
  const merge = (...args: string[]) => rqvae("merge", "3.shard", "1.shard", "2.shard", ...args);

  it("shards carry the item IDs, and labels are joined by them", async () => {
    write("labels.csv", titled(shuffled));
    expect(merge("--labels", "labels.csv", "-o", "all.csv")).toMatchObject({ status: 0 });
    const { itemIds, titles, ids } = readIdsCsv(read("all.csv"));
    expect(itemIds).toEqual(all.map(key));
    expect(titles).toEqual(all.map((i) => `title, ${i}`));
    expect([...ids]).toEqual([...(await readIds(readBytes("m.ids.csv"))).ids]);
    write("shuffled.txt", shuffled.map(key).join("\n"));
    expectError(merge("--item-ids", "shuffled.txt"), 1, "shuffled.txt", "another order");
  });

  it("one shard without IDs among others, or of an item twice, is refused", () => {
    expect(rqvae("encode", "m.safetensors", "items.npy", "--shard", "2/3", "-o", "2.shard", "-q").status).toBe(0);
    expectError(merge(), 1, "3.shard has item IDs", "2.shard has none");
    write("turned.txt", all.map((i) => key((i + 40) % rows)).join("\n"));
    const args = ["--item-ids", "turned.txt", "--shard", "2/3", "-o", "2.shard", "-q"];
    expect(rqvae("encode", "m.safetensors", "items.npy", ...args).status).toBe(0);
    expectError(merge(), 1, "the shards: rows 0 and 20 are both item", key(0));
  });

  it.each(["csv", "json", "jsonl", "item", "semanticids", "parquet", "npy"])(
    "report takes what --collisions suffix wrote as %s",
    (extension) => {
      const path = `unique.${extension}`;
      expect(merge("--collisions", "suffix", "--capacity", "64", "-o", path, "-q").status).toBe(0);
      const { status, stderr, stdout } = rqvae("report", "m.safetensors", "items.csv", "--ids", path, "--json");
      expect([status, stderr]).toEqual([0, expect.stringMatching(/: \d+ IDs of 2 codes \(\w+\) and a suffix/)]);
      const own = rqvae("report", "m.safetensors", "items.csv", "--ids", "m.ids.csv", "--json", "-q");
      expect(JSON.parse(stdout)).toEqual(JSON.parse(own.stdout));
    },
  );

  it("Parquet keeps the capacity of the suffix", async () => {
    expect(merge("--collisions", "suffix", "--capacity", "64", "-o", "u.parquet", "-q").status).toBe(0);
    const { ids } = await readIds(readBytes("u.parquet"));
    expect([ids.codebookSizes, ids.hasInferredSizes]).toEqual([[8, 4, 64], false]);
  });
});

describe("rqvae report --ids", () => {
  beforeEach(() => {
    write("items.csv", keyed(all));
    expect(train("items.csv", "-q").status).toBe(0);
  });
  const report = (path: string, items = "items.csv") =>
    rqvae("report", "m.safetensors", items, "--ids", path, "--json");

  it("joins by key: order does not matter, extra IDs are said, missing ones are an error", () => {
    const [header, ...lines] = read("m.ids.csv").trimEnd().split("\n");
    const { stdout } = report("m.ids.csv");
    write("other.csv", [header, ...shuffled.map((i) => lines[i])].join("\n"));
    expect(report("other.csv")).toEqual({
      status: 0,
      stdout,
      stderr: `${COLUMNS}other.csv: 60 IDs of 2 codes (csv).\n`,
    });
    write("more.csv", [header, ...lines, lines[0]!.replace(/^\d+/, "x")].join("\n"));
    expect(report("more.csv")).toEqual({
      status: 0,
      stdout,
      stderr: `${COLUMNS}more.csv: 61 IDs of 2 codes (csv).\nmore.csv has 1 item that is not in items.csv: "x".\n`,
    });
    write("less.csv", [header, ...lines.slice(2)].join("\n"));
    expectError(report("less.csv"), 1, "less.csv has no ID for 2 of the 60 items", key(0));
  });

  it("joins by place where there are no keys, and says so; a tree has no places", () => {
    expect(rqvae("convert", "m.ids.csv", "m.npy", "-q").status).toBe(0);
    expect(rqvae("convert", "m.ids.csv", "m.trie.json", "-q").status).toBe(0);
    expect(report("m.npy")).toMatchObject({ status: 0, stderr: expect.stringContaining("m.npy has no item IDs") });
    expect(report("m.ids.csv", "items.npy").stderr).toContain("items.npy has no item IDs");
    expectError(report("m.trie.json", "items.npy"), 1, "m.trie.json", "no item IDs");
    expect(report("m.trie.json").status).toBe(0);
  });
});

describe("rqvae convert --item", () => {
  const item = (order: readonly (number | string)[]) =>
    ["item_id:token\tyear:float", ...order.map((i) => `${typeof i === "number" ? key(i) : i}\t1999`), ""].join("\n");
  const convert = (from: string) => rqvae("convert", from, "out.item", "--item", "in.item");
  beforeEach(() => {
    write("items.csv", keyed(all));
    expect(train("items.csv", "-q").status).toBe(0);
  });

  it("joins by key, and names what is extra or missing", async () => {
    const own = await ownCodes("m.safetensors");
    write("in.item", item(shuffled.slice(0, 57)));
    expect(convert("m.ids.csv")).toMatchObject({
      status: 0,
      stderr: expect.stringContaining("3 items that are not in in.item"),
    });
    const { itemIds, ids } = readRecBole(read("out.item"));
    expect(itemIds).toEqual(shuffled.slice(0, 57).map(key));
    itemIds.forEach((itemId, row) => {
      expect(String(ids.at(row))).toBe(own.get(itemId));
    });
    write("in.item", item([...all, "x"]));
    expectError(convert("m.ids.csv"), 1, "m.ids.csv has no ID for 1 of the 61 items of in.item", '"x"');
    write("in.item", item([...all, 5]));
    expectError(convert("m.ids.csv"), 1, "rows 5 and 60 are both item");
  });

  it("rows of npy are no item IDs: they are joined by place, which is said", async () => {
    expect(rqvae("convert", "m.ids.csv", "m.npy", "-q").status).toBe(0);
    // From 1 on, as RecBole's items are: row 0 is item 1.
    write("in.item", item(all.map((i) => String(i + 1))));
    expect(convert("m.npy")).toMatchObject({ status: 0, stderr: expect.stringContaining("m.npy has no item IDs") });
    const { itemIds, ids } = readRecBole(read("out.item"));
    expect(itemIds[0]).toBe("1");
    expect([...ids]).toEqual([...(await readIds(readBytes("m.ids.csv"))).ids]);
    write("in.item", item(all.slice(1)));
    expectError(convert("m.npy"), 1, "m.npy has 60 IDs", "in.item has 59 items");
  });
});

describe("rqvae hopwise", () => {
  const header = "item_id:token\ttitle:token_seq";
  const dataset = (order: readonly number[]) => {
    mkdirSync(inFolder("shop"), { recursive: true });
    write("shop/shop.item", [header, ...order.map((i) => `${key(i)}\tthing ${i}`), ""].join("\n"));
  };
  const hopwise = (...args: string[]) => rqvae("hopwise", "shop", ...args, ...quick);

  it("gives each item its own vector, whatever the order of the two files", async () => {
    dataset(shuffled);
    write("emb.csv", keyed(all));
    const { status, stderr } = hopwise("-e", "emb.csv");
    expect(status).toBe(0);
    expect(stderr).not.toContain("Joined by position");
    const own = await ownCodes("shop/shop.safetensors");
    const merged = readRecBole(read("shop/shop.semantic.item"));
    expect(merged.itemIds).toEqual(shuffled.map(key));
    expect(byItem(merged)).toEqual(own);
    expect(byItem(readHopwise(read("shop/shop.semanticids")))).toEqual(own);
  });

  const records = (order: readonly number[]) => order.map((i) => ({ item_id: key(i), embedding: vector(i) }));
  const flat = (order: readonly number[]) => Float32Array.from(order.flatMap(vector));
  const ucs4 = (order: readonly number[]) =>
    Uint32Array.from(order.flatMap((i) => Array.from({ length: 20 }, (_, c) => key(i).codePointAt(c) ?? 0)));
  const order = [...shuffled].reverse();
  it.each<[name: string, file: () => string | Uint8Array | Promise<Uint8Array>]>([
    [
      "e.jsonl",
      () =>
        records(order)
          .map((record) => JSON.stringify(record))
          .join("\n"),
    ],
    ["e.json", () => JSON.stringify(records(order))],
    ["map.json", () => `{${order.map((i) => `${JSON.stringify(key(i))}: [${vector(i)}]`)}}`],
    ["e.tsv", () => ["item_id\te0\te1\te2\te3\te4", ...order.map((i) => [key(i), ...vector(i)].join("\t"))].join("\n")],
    [
      "e.npz",
      () =>
        makeZip([
          { name: "emb.npy", bytes: writeNpy({ data: flat(order), rows, dim }) },
          { name: "ids.npy", bytes: makeNpy("<U20", `(${rows},)`, ucs4(order)) },
        ]),
    ],
    [
      "e.parquet",
      async () => {
        const blocks = (async function* () {
          yield flat(order);
        })();
        const parts: Uint8Array[] = [];
        for await (const part of writeVectors("parquet", { rows, dim, blocks }, { itemIds: order.map(key) }))
          parts.push(part as Uint8Array);
        return Buffer.concat(parts);
      },
    ],
  ])("by key from %s", async (name, file) => {
    dataset(shuffled);
    write(name, await file());
    const { status, stderr } = hopwise("-e", name);
    expect([status, stderr]).toEqual([0, expect.not.stringContaining("Joined by position")]);
    const merged = readRecBole(read("shop/shop.semantic.item"));
    expect(merged.itemIds).toEqual(shuffled.map(key));
    expect(byItem(merged)).toEqual(await ownCodes("shop/shop.safetensors"));
  });

  it("an item without a vector is an error that names it, or left without an ID when asked", async () => {
    dataset(all);
    write("emb.csv", keyed(shuffled.filter((i) => i !== 4 && i !== 9)));
    expectError(hopwise("-e", "emb.csv"), 1, "no embedding for 2 of the 60 items", key(4), key(9), "--skip-missing");
    const { status, stderr } = hopwise("-e", "emb.csv", "--skip-missing");
    expect([status, stderr]).toEqual([0, expect.stringContaining("no embedding for 2 of the 60 items")]);
    const own = await ownCodes("shop/shop.safetensors");
    own.delete(key(4));
    own.delete(key(9));
    expect(byItem(readHopwise(read("shop/shop.semanticids")))).toEqual(own);
    const lines = read("shop/shop.semantic.item").trimEnd().split("\n");
    expect(lines).toHaveLength(rows + 1);
    expect(lines[5]).toBe(`${key(4)}\tthing 4\t`);
    expect(lines[6]).toMatch(/<a_\d> <b_\d>$/);
  });

  it("extra vectors are counted and said, rows without numbers are missing", () => {
    dataset(all.slice(0, 58));
    write("emb.csv", keyed(all));
    const extra = hopwise("-e", "emb.csv");
    expect([extra.status, extra.stderr]).toEqual([
      0,
      expect.stringContaining("2 items that are not in shop/shop.item"),
    ]);
    dataset(all);
    write("nan.npy", npy({ at: 3 * dim, by: Number.NaN }));
    expectError(hopwise("-e", "nan.npy", "-f"), 1, "nan.npy", "row 3");
    const left = hopwise("-e", "nan.npy", "-f", "--skip-invalid", "--skip-missing");
    expect(left.status).toBe(0);
    expect(readHopwise(read("shop/shop.semanticids")).itemIds).toEqual(all.filter((i) => i !== 3).map(key));
  });
});
