/** `rqvae churn`: what changed between two files of IDs. */
import { SemanticIds } from "rqvae";
import { expect, it } from "vitest";
import { memorySource } from "../../../bindings/js/formats/io/byte-source.ts";
import { openParquetFile, scalarsOf } from "../../../bindings/js/formats/parquet/parquet-file.ts";
import { writeIdsCsv } from "../support/formats.ts";
import { expectError, read, readBytes, rqvae, useFolder, write } from "./harness.ts";

useFolder();

const csv = (rows: Record<string, number[]>) =>
  writeIdsCsv(SemanticIds.from(Object.values(rows), { codebookSizes: [2, 2] }), undefined, Object.keys(rows));

it("says which items keep their IDs, in words and as JSON, whatever the formats", () => {
  write("old.csv", csv({ a: [0, 0], b: [0, 1], c: [1, 0], gone: [1, 1] }));
  write("new.json", JSON.stringify({ c: ["<a_1>", "<b_1>"], a: ["<a_0>", "<b_0>"], b: ["<a_0>", "<b_1>"], new: ["<a_1>", "<b_0>"] })); // biome-ignore format: one line
  const { status, stdout, stderr } = rqvae("churn", "old.csv", "new.json");
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^2 of 3 items have the same ID as before \(66\.7%\)\./);
  expect(stdout).toMatch(/1 item was added, 1 removed/);
  expect(stdout).toMatch(/c: <a_1><b_0> is now <a_1><b_1>/);
  const json = JSON.parse(rqvae("churn", "old.csv", "new.json", "--json").stdout);
  expect(json).toMatchObject({ items: 3, unchanged: 2, added: ["new"], removed: ["gone"] });
  expect(json.moved).toEqual([{ itemId: "c", before: [1, 0], after: [1, 1], kept: 1 }]);
  expect(rqvae("churn", "old.csv", "new.json", "--quiet")).toEqual({ status: 0, stdout: "", stderr: "" });
});

it("names what cannot be compared", () => {
  write("old.csv", csv({ a: [0, 0] }));
  write("other.csv", csv({ b: [0, 0] }));
  expectError(rqvae("churn", "old.csv", "other.csv"), 1, "other.csv", "no item in common");
  expectError(rqvae("churn", "old.csv", "items.npy"), 1, "items.npy");
  expectError(rqvae("churn", "old.csv"), 2, "<new>");
});

it("writes a map from old to new in every format that has room for two IDs", async () => {
  write("old.csv", csv({ a: [0, 0], "=b": [0, 1], gone: [1, 1] }));
  write("new.csv", csv({ "=b": [0, 0], a: [0, 0], new: [1, 0] }));
  for (const name of ["map.csv", "map.jsonl", "map.json", "map.item", "map.parquet"]) {
    const { status, stderr, stdout } = rqvae("churn", "old.csv", "new.csv", "-o", name);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`The map from old to new is in ${name}`);
  }
  expect(read("map.csv")).toBe(
    "item,old,new\na,<a_0><b_0>,<a_0><b_0>\n'=b,<a_0><b_1>,<a_0><b_0>\ngone,<a_1><b_1>,\nnew,,<a_1><b_0>\n",
  );
  expect(read("map.jsonl").split("\n")[1]).toBe('{"id":"=b","old":[0,1],"new":[0,0]}');
  expect(read("map.jsonl").split("\n")[2]).toBe('{"id":"gone","old":[1,1],"new":null}');
  expect(JSON.parse(read("map.json"))).toEqual({
    a: { old: ["<a_0>", "<b_0>"], new: ["<a_0>", "<b_0>"] },
    "=b": { old: ["<a_0>", "<b_1>"], new: ["<a_0>", "<b_0>"] },
    gone: { old: ["<a_1>", "<b_1>"] },
    new: { new: ["<a_1>", "<b_0>"] },
  });
  expect(read("map.item").split("\n").slice(0, 2)).toEqual([
    "item_id:token\told_semantic_id:token_seq\tnew_semantic_id:token_seq",
    "a\t<a_0> <b_0>\t<a_0> <b_0>",
  ]);
  const table = await tableOf("map.parquet");
  expect(table).toEqual([
    ["a", "=b", "gone", "new"],
    ["<a_0><b_0>", "<a_0><b_1>", "<a_1><b_1>", ""],
    ["<a_0><b_0>", "<a_0><b_0>", "", "<a_1><b_0>"],
  ]);
  const piped = rqvae("churn", "old.csv", "new.csv", "-o", "-");
  expect(piped.stdout).toMatch(/^item,old,new\n/);
  expect(piped.stderr).toMatch(/have the same ID/);
  expectError(rqvae("churn", "old.csv", "new.csv", "-o", "map.npy"), 2, "no room for two IDs");
  expectError(rqvae("churn", "old.csv", "new.csv", "-o", "-", "--json"), 2, "standard output");
});

/** The columns of a Parquet file of text. */
async function tableOf(name: string): Promise<unknown[][]> {
  const file = await openParquetFile(memorySource(readBytes(name)));
  const columns: unknown[][] = file.columns.map(() => []);
  for (const group of file.groups) {
    for (const [c, column] of file.columns.entries()) {
      for await (const values of scalarsOf(file, group, column)) columns[c]!.push(...values);
    }
  }
  return columns;
}
