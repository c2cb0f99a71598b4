import { readIds } from "rqvae/formats";
import { beforeEach, describe, expect, it } from "vitest";
import { dim, expectError, files, npy, quick, read, readBytes, rows, rqvae, useFolder, write } from "./harness.ts";

useFolder();

const encode = (...args: string[]) => rqvae("encode", "model.safetensors", "items.npy", "-q", ...args);

beforeEach(() => {
  expect(rqvae("train", "items.npy", "-q", ...quick).status).toBe(0);
  expect(encode("-o", "whole.csv").status).toBe(0);
});

describe("rqvae encode --shard and --rows", () => {
  it("and rqvae merge give what one call gives, in any order and number", () => {
    for (const parts of [1, 3, 7]) {
      const shards = Array.from({ length: parts }, (_, i) => `${i + 1}.shard`);
      for (const [i, name] of shards.entries())
        expect(encode("--shard", `${i + 1}/${parts}`, "-o", name).status).toBe(0);
      const merged = rqvae("merge", ...shards.toReversed(), "-o", "merged.csv");
      expect(merged).toMatchObject({
        status: 0,
        stderr: `Merged ${parts} shard${parts === 1 ? "" : "s"}, 60 items: merged.csv\n`,
      });
      expect(read("merged.csv")).toBe(read("whole.csv"));
      expect(rqvae("merge", ...shards).stdout).toBe(read("whole.csv"));
    }
    expect(encode("--rows", ":25", "-o", "a").status).toBe(0);
    expect(encode("--rows", "25:", "--format", "shard", "-o", "b.csv").status).toBe(0);
    expect(rqvae("merge", "a", "b.csv", "-q", "-o", "merged.csv")).toMatchObject({ status: 0, stderr: "" });
    expect(read("merged.csv")).toBe(read("whole.csv"));
  });

  it("write the same bytes again, and nothing else", () => {
    expect(encode("--shard", "2/3", "-o", "2.shard").status).toBe(0);
    const before = [files(), readBytes("2.shard")];
    write("2.shard", readBytes("2.shard").subarray(0, 50)); // as if a copy had broken off
    expect(encode("--shard", "2/3", "-o", "2.shard").status).toBe(0);
    expect([files(), readBytes("2.shard")]).toEqual(before);
  });

  it("give a table of these rows where the name says a format, with their numbers in the whole", async () => {
    const lines = read("whole.csv").split("\n");
    const expected = [lines[0], ...lines.slice(11, 16), ""].join("\n");
    expect(encode("--rows", "10:15", "-o", "part.csv").status).toBe(0);
    expect(read("part.csv")).toBe(expected);
    expect(encode("--rows", "10:15").stdout).toBe(expected);
    const names = Array.from({ length: rows }, (_, i) => `B${i}`);
    write("names.txt", names.join("\n"));
    expect(
      encode("--rows", "10:15", "--item-ids", "names.txt", "--labels", "labels.json", "-o", "named.csv").status,
    ).toBe(0);
    expect(await readIds(readBytes("named.csv"))).toMatchObject({
      itemIds: names.slice(10, 15),
      titles: names.slice(10, 15).map((_, i) => `item ${i + 10}, of kind ${(i + 10) % 4}`),
    });
  });

  it("refuse what makes no sense", () => {
    expectError(encode("--rows", "3", "-o", "x"), 2, '--rows must be two row numbers, such as 0:1000, but is "3"');
    expectError(encode("--rows", "5:5", "-o", "x"), 2, "--rows 5:5 is not within the 60 rows");
    expectError(encode("--rows", "50:61", "-o", "x"), 2, "not within the 60 rows");
    expectError(encode("--shard", "0/3", "-o", "x"), 2, '--shard must be a part of so many, such as 1/4, but is "0/3"');
    expectError(encode("--shard", "4/3", "-o", "x"), 2, "4/3");
    expectError(encode("--shard", "1/61", "-o", "x"), 2, "--shard 1/61 is empty");
    expectError(encode("--shard", "1/2", "--rows", "1:2", "-o", "x"), 2, "leave one of them out");
    expectError(encode("--shard", "1/2", "--labels", "labels.json", "-o", "x"), 2, "--labels is for rqvae merge");
    write("items.npy", npy({ at: 47 * dim + 2, by: Number.NaN }));
    expectError(encode("--rows", "40:50", "-o", "x"), 1, "items.npy: row 47, column 2 is NaN");
    expect(encode("--rows", "0:40", "-o", "y").status).toBe(0); // the bad row is another's
    expect(files()).not.toContain("x");
  });
});

describe("rqvae merge", () => {
  const shards = ["1.shard", "2.shard", "3.shard"];
  beforeEach(() => {
    for (const [i, name] of shards.entries()) expect(encode("--shard", `${i + 1}/3`, "-o", name).status).toBe(0);
  });

  it("writes Parquet, by its name or when it is asked for", async () => {
    expect(rqvae("merge", ...shards, "-o", "by-name.parquet").status).toBe(0);
    expect(rqvae("merge", ...shards, "--format", "parquet", "-o", "asked.dat").status).toBe(0);
    expect(readBytes("asked.dat")).toEqual(readBytes("by-name.parquet"));
    const { format, ids } = await readIds(readBytes("asked.dat"));
    expect([format, [...ids]]).toEqual(["parquet", [...(await readIds(readBytes("whole.csv"))).ids]]);
  });

  it("makes the IDs unique by suffixes", async () => {
    const names = Array.from({ length: rows }, (_, i) => `B${i}`);
    write("names.txt", names.join("\n"));
    expect(
      rqvae(
        "merge",
        ...shards,
        "--collisions",
        "suffix",
        "--capacity",
        "60",
        "--item-ids",
        "names.txt",
        "-o",
        "unique.jsonl",
      ).status,
    ).toBe(0);
    const raw = (await readIds(readBytes("whole.csv"))).ids;
    const { ids, itemIds } = await readIds(readBytes("unique.jsonl"));
    expect(itemIds).toEqual(names);
    expect(ids.levels).toBe(raw.levels + 1);
    expect(new Set(Array.from(ids, String)).size).toBe(rows);
    Array.from(ids, (codes, row) => expect(codes.slice(0, -1)).toEqual(raw.at(row)));
    expectError(rqvae("merge", ...shards, "--collisions", "suffix", "--capacity", "1"), 1, "capacity");
    expectError(rqvae("merge", ...shards, "--capacity", "9"), 2, "--capacity needs --collisions suffix");
  });

  it("refuses gaps, overlaps, other models and other files, and writes nothing then", () => {
    const merge = (...args: string[]) => rqvae("merge", ...args, "-o", "out.csv");
    expectError(merge("1.shard", "3.shard"), 1, "rows 20 to 39 of 60 are in none of the 2 shards");
    expectError(merge(...shards, "2.shard"), 1, "2.shard starts with row 20, but 2.shard ends with row 39");
    expectError(merge("1.shard", "whole.csv"), 1, "whole.csv: not a shard of IDs");
    write("cut.shard", readBytes("2.shard").subarray(0, -3));
    expectError(merge("1.shard", "cut.shard", "3.shard"), 1, "cut.shard", "truncated or damaged");
    expect(rqvae("train", "items.npy", "-q", "-f", "--seed", "1", ...quick).status).toBe(0);
    expect(encode("--shard", "2/3", "-o", "other.shard").status).toBe(0);
    expectError(merge("1.shard", "other.shard", "3.shard"), 1, "other.shard is of model", "but 1.shard of model");
    expectError(merge(), 2, "<shard>... is missing");
    expectError(rqvae("merge", ...shards, "-o", "2.shard", "--format", "csv"), 1, "2.shard", "input");
    expect(files()).not.toContain("out.csv");
  });
});
