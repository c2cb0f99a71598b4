/** The command line reads every format of items, and writes IDs as Parquet. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { readIds } from "../../../bindings/js/formats/index.ts";
import { bytesOf, makeSafetensors, makeZip } from "../support/format-files.ts";
import { dim, expectError, npy, quick, read, readBytes, rows, rqvae, useFolder, write } from "./harness.ts";

useFolder();

const matrix = readNpy(npy());
const line = (row: number) => [...matrix.data.subarray(row * dim, (row + 1) * dim)];
const ids = Array.from({ length: rows }, (_, row) => `sku-${row}`);

describe("rqvae train", () => {
  it("gives the same IDs from every format", () => {
    write("a.npz", makeZip([{ name: "emb.npy", bytes: npy() }]));
    write("a.npy.gz", gzipSync(npy()));
    write(
      "a.safetensors",
      makeSafetensors([{ name: "x", dtype: "F32", shape: [rows, dim], bytes: bytesOf(matrix.data) }]),
    );
    write("a.csv", `embedding\n${ids.map((_, row) => `"[${line(row).join(", ")}]"\n`).join("")}`);
    write("a.json", JSON.stringify({ data: ids.map((_, row) => ({ embedding: line(row) })) }));
    expect(rqvae("train", "items.npy", "-o", "m.safetensors", "-q", ...quick).status).toBe(0);
    for (const name of ["a.npz", "a.npy.gz", "a.safetensors", "a.csv", "a.json"]) {
      const result = rqvae("train", name, "-o", "other.safetensors", "--force", "-q", ...quick);
      expect(result).toMatchObject({ status: 0, stderr: "" });
      expect(readBytes("other.safetensors").equals(readBytes("m.safetensors")), name).toBe(true);
    }
  });

  it("chooses an array by its name", () => {
    const two = [
      { name: "a.npy", bytes: npy(undefined, 3) },
      { name: "b.npy", bytes: npy() },
    ];
    write("two.npz", makeZip(two));
    expectError(rqvae("train", "two.npz", ...quick), 1, "two.npz", '"a"', '"b"');
    expect(rqvae("train", "two.npz", "--embedding", "b", "-q", ...quick).status).toBe(0);
  });

  it("leaves out invalid rows, and says so", () => {
    write("nan.npy", npy({ at: 17, by: Number.NaN }));
    expectError(rqvae("train", "nan.npy", ...quick), 1, "nan.npy: row 3, column 2 is NaN");
    const result = rqvae("train", "nan.npy", "--skip-invalid", "-l", "labels.json", "-o", "m.safetensors", ...quick);
    expect(result.status).toBe(0);
    expect(result.stderr).toContain("nan.npy: left out 1 invalid row. The first: row 3, column 2 is NaN");
    const lines = read("m.ids.csv").trim().split("\n");
    expect(lines.length).toBe(rows); // the header, and all but one
    expect(lines[4]).toMatch(/^4,"item 4, of kind 0",/);
  });
});

describe("rqvae encode", () => {
  it("keeps the items' own IDs, and writes Parquet", async () => {
    write("items.jsonl", ids.map((id, row) => JSON.stringify({ id, embedding: line(row) })).join("\n"));
    expect(rqvae("train", "items.jsonl", "-o", "m.safetensors", "-q", ...quick).status).toBe(0);
    expect(read("m.ids.csv")).toMatch(/\nsku-0,sku-0,\d/);
    expect(rqvae("report", "m.safetensors", "items.jsonl", "--ids", "m.ids.csv").status).toBe(0);
    const csv = rqvae("encode", "m.safetensors", "items.jsonl");
    expect(csv.stdout).toBe(read("m.ids.csv"));
    expect(rqvae("encode", "m.safetensors", "items.jsonl", "-o", "ids.parquet").status).toBe(0);
    expect(rqvae("convert", "m.ids.csv", "other.parquet").status).toBe(0);
    const [other, own] = [await readIds(readBytes("other.parquet")), await readIds(readBytes("ids.parquet"))];
    expect([other.itemIds, [...other.ids]]).toEqual([own.itemIds, [...own.ids]]);
    expect(rqvae("encode", "m.safetensors", "items.jsonl", "--format", "parquet").status).toBe(0);
    for (const from of ["ids.parquet", "m.ids.csv"]) expect(rqvae("convert", from, `${from}.back.csv`).status).toBe(0);
    expect(read("ids.parquet.back.csv")).toBe(read("m.ids.csv.back.csv"));
  });

  it("reads Parquet", () => {
    write("p.parquet", readFileSync(new URL("../../fixtures/formats/snappy.parquet", import.meta.url)));
    expect(rqvae("train", "p.parquet", "-o", "p.safetensors", "-q", ...quick).status).toBe(0);
    expect(read("p.ids.csv")).toMatch(/\ni0,Title 0 é,\d/);
    expectError(
      rqvae("train", "p.parquet", "--embedding", "title", ...quick),
      1,
      "p.parquet",
      "--embedding: ",
      '"title"',
    );
  });
});
