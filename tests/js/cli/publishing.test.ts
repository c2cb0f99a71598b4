/** Published IDs from the command line: `--collisions`, `--priority`, `--index`, and every such file read back by `report --ids`. */
import { SemanticIdIndex } from "rqvae";
import { readIds, writeIds } from "rqvae/formats";
import { describe, expect, it } from "vitest";
import { files, inFolder, npy, quick, read, readBytes, rows, rqvae, useFolder, write } from "./harness.ts";

useFolder();

/** With few codes, so that items share an ID; named, since published IDs are of items. */
const few = [...quick.slice(0, 2), "--codes", "4,8", "--hidden", "8", "--latent", "3", "--item-ids", "names.txt"];
const names = Array.from({ length: rows }, (_, i) => `sku-${i}`);
const named = () => write("names.txt", names.join("\n"));
const idsOf = async (name: string) => {
  const { ids, itemIds } = await readIds(readBytes(name), { fileName: name });
  return new Map(itemIds.map((item, row) => [item, ids.at(row)]));
};
const count = (ids: Map<string, number[]>) => new Set([...ids.values()].map(String)).size;

describe("rqvae train and encode", () => {
  it("publish with suffixes in one command, with an index that says the same", async () => {
    named();
    const run = rqvae("train", "items.npy", ...few, "--collisions", "suffix", "--index", "shop.index");
    expect(run).toMatchObject({ status: 0 });
    expect(run.stderr).toMatch(/Published with a suffix: \d+ items got another one than 0\./);
    expect(run.stdout).toMatch(/shop\.index +the index of the published IDs/);
    const published = await idsOf("model.ids.csv");
    expect([published.size, count(published)]).toEqual([rows, rows]);
    const index = await SemanticIdIndex.load(inFolder("shop.index"));
    expect(new Map(index)).toEqual(published);
    expect(index.collisions).toBe("suffix");
    // encode gives the same, and the model alone the same without the suffix.
    const encode = (...args: string[]) =>
      rqvae("encode", "model.safetensors", "items.npy", "--item-ids", "names.txt", "-q", ...args);
    expect(encode("--collisions", "suffix", "-o", "again.jsonl", "--index", "again.json").status).toBe(0);
    expect(await idsOf("again.jsonl")).toEqual(published);
    expect(new Map(await SemanticIdIndex.load(inFolder("again.json")))).toEqual(published);
    expect(encode("-o", "raw.csv").status).toBe(0);
    const raw = await idsOf("raw.csv");
    expect(count(raw)).toBeLessThan(rows);
    for (const [item, id] of published) expect(id.slice(0, 2)).toEqual(raw.get(item));
    expect(index.getRaw("sku-3")).toEqual(raw.get("sku-3"));
  });

  it("every file that they write is read by report, which says what it read", async () => {
    named();
    write("more.npy", npy(undefined, 5, 24)); // few enough for 32 IDs of their own
    write("names.txt", names.slice(0, 24).join("\n"));
    expect(rqvae("train", "more.npy", ...few, "-q").status).toBe(0);
    for (const [how, what] of [
      ["share", "24 IDs of 2 codes"],
      ["suffix", "24 IDs of 2 codes"],
      ["reassign", "24 IDs of 2 codes"],
    ] as const) {
      const args = ["--item-ids", "names.txt", "--collisions", how, "-q"];
      const index = `${how}.index`;
      const encode = ["encode", "model.safetensors", "more.npy", ...args, "-o", `${how}.csv`, "--index", index];
      expect(rqvae(...encode)).toMatchObject({ status: 0, stderr: "" });
      const published = await SemanticIdIndex.load(inFolder(index));
      const endings = {
        csv: "csv",
        jsonl: "jsonl",
        json: "lcrec",
        item: "recbole",
        semanticids: "semanticids",
      } as const;
      const more = { "trie.json": "trie", parquet: "parquet" } as const;
      for (const [ending, format] of Object.entries(
        how === "suffix" ? { ...endings, ...more } : { csv: "csv" as const },
      )) {
        const file = `${how}.${ending}`;
        if (ending !== "csv")
          write(file, Buffer.concat([...writeIds(format, published)].map((piece) => Buffer.from(piece))));
        const report = rqvae("report", "model.safetensors", "more.npy", "--item-ids", "names.txt", "--ids", file);
        expect(report, report.stderr).toMatchObject({ status: 0 });
        expect(report.stderr).toContain(`${file}: ${what}`);
        if (how === "suffix") expect(report.stderr).toContain("the report is about the 2 codes before it");
        if (how === "reassign") expect(report.stdout).toContain("All 24 items have an ID of their own");
      }
      const report = rqvae("report", "model.safetensors", "more.npy", "--item-ids", "names.txt", "--ids", index);
      expect(report.stderr).toContain(`${index}: ${what} (published IDs of an index)`);
      expect(rqvae("convert", index, `${how}.converted.csv`, "-q").status).toBe(0);
      expect(read(`${how}.converted.csv`).split("\n").sort()).toEqual(read(`${how}.csv`).split("\n").sort());
    }
  }, 300_000);

  it("--priority, joined by item ID, decides who has the suffix 0", async () => {
    named();
    // In another order than the items; the last item has none.
    const popular = names.slice(0, -1).map((name, i) => `${name},item ${i},${(i * 37) % 59}`);
    write("popular.csv", ["item_id,title,popularity", ...popular.toReversed()].join("\n"));
    const args = ["--labels", "popular.csv", "--priority", "popularity", "--collisions", "suffix"];
    const run = rqvae("train", "items.npy", ...few, ...args);
    expect(run.status).toBe(0);
    expect(run.stderr).toContain("--priority popularity: 1 item without a value comes last.");
    const published = await idsOf("model.ids.csv");
    const importance = (item: string) => {
      const i = names.indexOf(item);
      return i === rows - 1 ? -1 : (i * 37) % 59;
    };
    const groups = new Map<string, string[]>();
    for (const [item, id] of published) {
      const raw = String(id.slice(0, 2));
      groups.set(raw, [...(groups.get(raw) ?? []), item]);
    }
    expect(groups.size).toBeLessThan(rows);
    for (const items of groups.values()) {
      const bySuffix = items.sort((a, b) => published.get(a)!.at(-1)! - published.get(b)!.at(-1)!);
      const sorted = [...items].sort((a, b) => importance(b) - importance(a) || (a < b ? -1 : 1));
      expect(bySuffix).toEqual(sorted);
    }
  });

  it("an impossible demand leaves the model, and says what to do", () => {
    named();
    const run = rqvae("train", "items.npy", ...few, "-q", "--collisions", "reassign", "--index", "shop.index");
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(/--collisions reassign: .*4 x 8 = 32 IDs are fewer than 60 items/);
    expect(files()).toContain("model.safetensors");
    expect(files()).not.toContain("shop.index");
    expect(rqvae("train", "items.npy", ...few, "-qf", "--collisions", "suffix", "--capacity", "2").stderr).toMatch(
      /items share the ID \[\d+,\d+\], but capacity is 2/,
    );
  });

  it.each([
    ["an unknown way", ["--collisions", "drop"], /--collisions must be one of share, suffix, reassign/],
    [
      "a capacity without suffixes",
      ["--collisions", "reassign", "--capacity", "9"],
      /--capacity needs --collisions suffix/,
    ],
    [
      "a priority that decides nothing",
      ["--priority", "popularity"],
      /--priority needs --collisions suffix or reassign/,
    ],
    [
      "a priority that is not there",
      ["--collisions", "suffix", "--priority", "x"],
      /--priority x: there is no such column/,
    ],
    ["an index on standard output", ["--index", "-"], /--index: an index goes into a file/],
    [
      "an index over the IDs",
      ["--index", "model.ids.csv"],
      /--ids and --index are the same file|same file, model.ids.csv/,
    ],
  ])("refuse %s before any work", (_, args, message) => {
    const run = rqvae("train", "items.npy", ...quick, ...args);
    expect(run.status).toBe(2);
    expect(run.stderr).toMatch(message);
    expect(files()).not.toContain("model.safetensors");
  });

  it("encode refuses to publish a part of the items", () => {
    expect(rqvae("train", "items.npy", ...quick, "-q").status).toBe(0);
    const run = rqvae("encode", "model.safetensors", "items.npy", "--rows", "0:10", "--collisions", "suffix");
    expect(run.status).toBe(2);
    expect(run.stderr).toMatch(/need all items, .* encode the parts, then rqvae merge/);
  });
});
