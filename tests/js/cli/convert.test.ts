import { readIds } from "rqvae/formats";
import { describe, expect, it } from "vitest";
import { writeRecBole } from "../support/formats.ts";
import { expectError, files, quick, read, readBytes, rows, rqvae, useFolder, write } from "./harness.ts";

useFolder();

const itemIds = Array.from({ length: rows }, (_, i) => (i === 3 ? 'B3, "new"' : `B${i}`));
const idsOf = async (name: string) => {
  const { ids, itemIds, format } = await readIds(readBytes(name), { fileName: name });
  return { format, items: Object.fromEntries(itemIds.map((item, row) => [item, ids.toTokens(row)])) };
};

describe("rqvae encode --format", () => {
  it("writes every format, by its name or by that of the file", async () => {
    write("names.txt", itemIds.join("\n"));
    expect(rqvae("train", "items.npy", "-q", ...quick).status).toBe(0);
    const encode = (...args: string[]) => rqvae("encode", "model.safetensors", "items.npy", "-q", ...args);
    expect(encode("--item-ids", "names.txt", "-o", "ids.csv").status).toBe(0);
    const expected = await idsOf("ids.csv");
    expect(Object.keys(expected.items)).toEqual(itemIds);
    const outputs = ["a.jsonl", "a.index.json", "a.item", "a.semanticids", "a.trie.json", "a.parquet"];
    for (const [name, format] of outputs.map((name, i) => [
      name,
      ["jsonl", "lcrec", "recbole", "semanticids", "trie", "parquet"][i],
    ])) {
      expect(encode("--item-ids", "names.txt", "-o", name!)).toMatchObject({ status: 0, stderr: "" });
      expect(await idsOf(name!)).toEqual({ ...expected, format });
      // The same on standard output.
      expect(encode("--item-ids", "names.txt", "--format", format!).stdout).toBe(read(name!));
    }
    // The vectors are the codebooks' rows.
    expect((await readIds(readBytes("a.semanticids"))).embeddings).toHaveLength(rows * 2 * 3);
    expect(encode("-o", "a.npy").status).toBe(0);
    const numbered = await idsOf("a.npy");
    expect(Object.keys(numbered.items)).toEqual(itemIds.map((_, i) => String(i)));
    expect(Object.values(numbered.items)).toEqual(Object.values(expected.items));
    expect(encode("-o", "other").status).toBe(0);
    expect(read("other")).toBe(read("model.ids.csv"));

    expectError(encode("--format", "lcrc"), 2, "--format must be one of", "did you mean lcrec");
    write("short.txt", "a\nb");
    expectError(
      encode("--item-ids", "short.txt"),
      1,
      "short.txt: has 2 entries, but items.npy has 60 rows: --item-ids",
    );
    write("twice.txt", itemIds.map(() => "x").join("\n"));
    expectError(encode("--item-ids", "twice.txt", "-o", "new.csv"), 1, "twice.txt: rows 0 and 1 are both item");
    write("tab.txt", itemIds.with(5, "a\tb").join("\n"));
    expectError(encode("--item-ids", "tab.txt", "-o", "new.item"), 1, "a\\tb", "csv or jsonl");
    expectError(encode("--item-ids", "tab.txt", "-o", "tab.txt", "--format", "csv"), 1, "tab.txt", "input");
    expect(files().filter((name) => name.startsWith("new") || name.endsWith(".tmp"))).toEqual([]);
    // train takes the format from the name as well.
    expect(rqvae("train", "items.npy", "-q", "-f", "--ids", "t.jsonl", ...quick).status).toBe(0);
    expect(Object.values((await idsOf("t.jsonl")).items)).toEqual(Object.values(expected.items));
  });
});

describe("rqvae convert", () => {
  const jsonl = '{"id":"b","codes":[1,2]}\n{"id":"a","codes":[0,300]}\n';

  it("goes from each format to each other", async () => {
    write("first.jsonl", jsonl);
    const names = ["ids.csv", "ids.json", "ids.item", "ids.semanticids", "ids.parquet", "ids.trie.json", "last.jsonl"];
    let from = "first.jsonl";
    for (const to of names) {
      const { status, stderr, stdout } = rqvae("convert", from, to);
      expect([status, stdout]).toEqual([0, ""]);
      expect(stderr).toMatch(/^Read 2 items of 2 codes each \(\w+\), wrote [\w.]+ \(\w+, \d+ bytes\)\.\n/);
      expect((await idsOf(to)).items).toEqual({ a: "<a_0><b_300>", b: "<a_1><b_2>" });
      from = to;
    }
    expect(rqvae("convert", "first.jsonl", "rows.npy").stderr).toContain("row i is item i of the input");
    expect(rqvae("convert", "first.jsonl", "x.semanticids").stderr).toContain("semantic_ids_embs is left out");
    expect(rqvae("convert", "first.jsonl", "x.dat", "--to", "npy", "-q")).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    expect(readBytes("x.dat")).toEqual(readBytes("rows.npy"));
  });

  it("keeps titles, and merges into an .item file", () => {
    write("ids.csv", 'item,title,code_1,id\nb,"x, y",1,<a_1>\na,z,0,<a_0>\n');
    expect(rqvae("convert", "ids.csv", "again.csv", "-q").status).toBe(0);
    expect(read("again.csv")).toBe(read("ids.csv"));
    // Through Parquet and back.
    expect(rqvae("convert", "ids.csv", "ids.parquet", "-q").status).toBe(0);
    expect(rqvae("convert", "ids.parquet", "back.csv", "-q").status).toBe(0);
    expect(read("back.csv")).toBe(read("ids.csv"));
    write("d.item", 'item_id:token\ttitle:token_seq\na\t"Z" is\nb\t\n');
    expect(rqvae("convert", "ids.csv", "new.item", "--item", "d.item", "-q").status).toBe(0);
    expect(read("new.item")).toBe(
      'item_id:token\ttitle:token_seq\tsemantic_id:token_seq\na\t"Z" is\t<a_0>\nb\t\t<a_1>\n',
    );
    write("more.item", `${read("d.item")}c\t\n`);
    expectError(
      rqvae("convert", "ids.csv", "fails.item", "--item", "more.item"),
      1,
      "more.item",
      'no ID for 1 of the 3 items of more.item: "c"',
    );
    expect(files()).not.toContain("fails.item");
  });

  it("says what is wrong", async () => {
    write("first.jsonl", jsonl);
    write("foreign.txt", "hello");
    expectError(rqvae("convert", "first.jsonl"), 2, "<out> is missing");
    expectError(rqvae("convert", "first.jsonl", "x.dat"), 2, "x.dat", "--to");
    expectError(rqvae("convert", "first.jsonl", "x.csv", "--item", "foreign.txt"), 2, "--item is for recbole");
    expectError(rqvae("convert", "foreign.txt", "x.csv"), 1, "foreign.txt", "none of the formats");
    expectError(rqvae("convert", "none.csv", "x.csv"), 1, "none.csv: no such file");
    expectError(rqvae("convert", "first.jsonl", "x.csv", "--from", "csv"), 1, "first.jsonl", "follows a closing quote");
    expectError(rqvae("convert", "first.jsonl", "first.jsonl"), 1, "is an input");
    expectError(
      rqvae("convert", "items.npy", "x.csv"),
      1,
      "items.npy",
      "an npy file of vectors, but <in> must be a file of IDs",
    );
    write("tabs.jsonl", '{"id":"a\\tb","codes":[1]}\n');
    expectError(rqvae("convert", "tabs.jsonl", "x.item"), 1, "tabs.jsonl", "a tab");
    expect(files().filter((name) => name.startsWith("x."))).toEqual([]);
    expect(writeRecBole(await readIds(readBytes("first.jsonl")))).toContain("b\t<a_1> <b_2>\n");
  });
});
