/** `rqvae encode --latents`: the latents of a model beside the IDs, in every format of vectors. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { RQVAE } from "rqvae";
import { readItems } from "rqvae/formats";
import { beforeEach, describe, expect, it } from "vitest";
import { expectError, files, inFolder, npy, quick, read, readBytes, rqvae, useFolder, write } from "./harness.ts";

useFolder();

const encode = (...args: string[]) => rqvae("encode", "model.safetensors", "items.npy", "-q", ...args);

beforeEach(() => {
  expect(rqvae("train", "items.npy", "-q", ...quick).status).toBe(0);
});

/** What the library gives for the rows of items.npy. */
async function latents(first = 0, count?: number): Promise<Float32Array> {
  const model = await RQVAE.load(readBytes("model.safetensors"));
  const items = await readItems(readBytes("items.npy"));
  const end = count === undefined ? items.rows : first + count;
  const data = (items.data as Float32Array).slice(first * items.dim, end * items.dim);
  const found = model.latents({ data, rows: end - first, dim: items.dim });
  model.dispose();
  return found;
}

describe("rqvae encode --latents", () => {
  it("writes what model.latents gives, in every format, beside the IDs", async () => {
    const wanted = await latents();
    const ids = encode().stdout;
    for (const name of ["l.npy", "l.csv", "l.jsonl", "l.ndjson", "l.parquet"]) {
      expect(encode("--latents", name)).toMatchObject({ status: 0, stderr: "", stdout: ids });
      const items = await readItems(readBytes(name), { fileName: name });
      const { itemIds } = items;
      expect([items.rows, items.dim]).toEqual([60, 3]);
      expect(items.data).toEqual(wanted);
      if (name !== "l.npy") expect(itemIds?.slice(0, 3)).toEqual(["0", "1", "2"]);
    }
  });

  it("of some rows, with their numbers in the whole", async () => {
    expect(encode("--rows", "20:50", "-o", "a.shard", "--latents", "l.csv").status).toBe(0);
    const items = await readItems(readBytes("l.csv"), { fileName: "l.csv" });
    const { itemIds } = items;
    expect(items.data).toEqual(await latents(20, 30));
    expect([itemIds?.[0], itemIds?.at(-1)]).toEqual(["20", "49"]);
    expect(files()).toContain("a.shard");
  });

  it("of items that have IDs of their own, in many blocks", async () => {
    const numbers = Array.from({ length: 9000 }, (_, i) => `sku-${i},${i % 7},${i % 5},${i % 3},${i % 11},${i % 13}`);
    write("many.csv", ["id,a,b,c,d,e", ...numbers].join("\n"));
    const run = rqvae("encode", "model.safetensors", "many.csv", "-q", "-o", "ids.csv", "--latents", "l.parquet");
    expect(run).toMatchObject({ status: 0, stderr: "" });
    const items = await readItems(readBytes("l.parquet"));
    const { itemIds } = items;
    expect([items.rows, itemIds?.[8999]]).toEqual([9000, "sku-8999"]);
  });

  it("leaves nothing where an item is not finite", () => {
    write("items.npy", npy({ at: 57 * 5, by: Number.NaN }));
    expectError(rqvae("encode", "model.safetensors", "items.npy", "--latents", "l.npy", "-o", "i.csv"), 1, "row 57");
    expect(files().filter((name) => /l\.npy|i\.csv/.test(name))).toEqual([]);
  });

  it.each([
    [
      ["--latents", "l.txt"],
      "--latents l.txt: unknown extension .txt; use .npy, .csv, .jsonl, .parquet, .safetensors or .ndjson",
    ],
    [
      ["--latents", "l"],
      "--latents l: the name has no extension; use one of .npy, .csv, .jsonl, .parquet, .safetensors",
    ],
    [["--latents", "x.csv", "-o", "x.csv"], "-o and --latents are the same file, x.csv"],
  ])("refuses %j", (args, message) => {
    expectError(encode(...args), 2, message);
  });

  it("overwrites no input", () => {
    const before = read("items.npy");
    expectError(encode("--latents", "items.npy"), 1, "items.npy: is an input of this command");
    expect(read("items.npy")).toBe(before);
  });
});

describe("standard output", () => {
  const program = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

  it.skipIf(!existsSync("/dev/full"))("that is full is an error that is told", () => {
    const command = `"${process.execPath}" "${program}" encode model.safetensors items.npy > /dev/full`;
    const { status, stderr } = spawnSync("sh", ["-c", command], { cwd: inFolder("."), encoding: "utf8" });
    expect(stderr).toMatch(/^rqvae: standard output cannot be written: .*ENOSPC.*\n$/);
    expect(status).toBe(1);
  });

  it("that nobody reads to the end is none", () => {
    const command = `"${process.execPath}" "${program}" encode model.safetensors items.npy | head -1`;
    const run = spawnSync("sh", ["-c", command], { cwd: inFolder("."), encoding: "utf8" });
    expect(run).toMatchObject({ status: 0, stderr: "" });
  });
});
