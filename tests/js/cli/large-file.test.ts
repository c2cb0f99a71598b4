import { closeSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { expect, it } from "vitest";
import { dim, expectError, inFolder, npy, quick, read, rows, rqvae, useFolder, write } from "./harness.ts";

useFolder();

/** Rows of the file: half a gigabyte of float32, zeros that take no space on the disk but for the items at the end. */
const MANY = Math.ceil(2 ** 29 / (4 * dim)) + rows;

/** An npy file of MANY rows whose last ones are those of `items.npy`, with `value` as the very last number. */
function writeLarge(name: string, value?: number): void {
  const small = readFileSync(inFolder("items.npy"));
  const start = small.length - 4 * rows * dim;
  const header = small.subarray(0, start).toString("latin1");
  const shape = `(${rows}, ${dim})`;
  const longer = `(${MANY}, ${dim})`;
  const padding = longer.length - shape.length;
  const whole = Buffer.from(header.replace(shape, longer).replace(" ".repeat(padding + 1), " "), "latin1");
  expect(whole.length).toBe(start);
  const file = openSync(inFolder(name), "w");
  writeSync(file, whole, 0, whole.length, 0);
  const tail = Buffer.from(small.subarray(start));
  if (value !== undefined) tail.writeFloatLE(value, tail.length - 4);
  writeSync(file, tail, 0, tail.length, start + 4 * (MANY - rows) * dim);
  closeSync(file);
}

it("a file of half a gigabyte is read where its rows are asked for, to the same IDs", () => {
  write("items.npy", npy());
  expect(rqvae("train", "items.npy", "-q", ...quick).status).toBe(0);
  expect(rqvae("encode", "model.safetensors", "items.npy", "-q", "-o", "small.csv").status).toBe(0);
  writeLarge("large.npy");
  expect(statSync(inFolder("large.npy")).size).toBeGreaterThan(2 ** 29);
  const range = ["--rows", `${MANY - rows}:`];
  const encoded = rqvae("encode", "model.safetensors", "large.npy", ...range, "-o", "large.csv");
  // Nothing else: a file that was left open would be complained about when it is collected.
  expect(encoded.status).toBe(0);
  expect(encoded.stderr).toMatch(new RegExp(`^Gave ${rows} items their IDs: large\\.csv \\(rqvae [^\\n]+\\)\\n$`));
  const codes = (name: string) =>
    read(name)
      .split("\n")
      .map((line) => line.replace(/^\d+,/, ""));
  expect(codes("large.csv")).toEqual(codes("small.csv"));

  writeLarge("large.npy", Number.NaN);
  expectError(
    rqvae("encode", "model.safetensors", "large.npy", ...range, "-q", "-o", "x.csv"),
    1,
    `large.npy: row ${MANY - 1}, column ${dim - 1} is NaN`,
  );
});
