import { beforeEach, describe, expect, it } from "vitest";
import { writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { expectError, rqvae, useFolder, write } from "./harness.ts";

useFolder();
beforeEach(() => {
  expect(rqvae("kmeans", "items.npy", "--codes", "8,4", "-q", "-o", "m.safetensors", "--ids", "ids.csv").status).toBe(
    0,
  );
  expect(rqvae("encode", "m.safetensors", "items.npy", "--shard", "1/2", "-q", "-o", "1.shard").status).toBe(0);
  write("titles.txt", Array.from({ length: 60 }, (_, i) => `a title ${"xyz"[i % 3]}`).join("\n"));
  write(
    "table.csv",
    `e0,e1,e2,e3,e4\n${Array.from({ length: 60 }, (_, i) => [1, 2, 3, 4, 5].map((j) => Math.sin(i * j).toFixed(4))).join("\n")}\n`,
  );
  write("other.npy", writeNpy({ data: new Float32Array(300), rows: 60, dim: 5 }));
});

describe("two files that were swapped", () => {
  it.each([
    [["encode", "items.npy", "m.safetensors"], "<model> is items.npy", "<items> is m.safetensors"],
    [["encode", "table.csv", "m.safetensors"], "<model> is table.csv", "<items> is m.safetensors"],
    [["report", "items.npy", "m.safetensors"], "<model> is items.npy", "<items> is m.safetensors"],
    [["train", "titles.txt", "--labels", "items.npy"], "<items> is titles.txt", "--labels is items.npy"],
    [["train", "titles.txt", "--labels", "table.csv"], "<items> is titles.txt", "--labels is table.csv"],
    [["kmeans", "titles.txt", "--labels", "items.npy"], "<items> is titles.txt", "--labels is items.npy"],
    [
      ["encode", "m.safetensors", "titles.txt", "--item-ids", "items.npy"],
      "<items> is titles.txt",
      "--item-ids is items.npy",
    ],
    [["report", "ids.csv", "items.npy", "--ids", "m.safetensors"], "<model> is ids.csv", "--ids is m.safetensors"],
    [["report", "m.safetensors", "ids.csv", "--ids", "items.npy"], "<items> is ids.csv", "--ids is items.npy"],
  ])("%j", (args, one, other) => {
    expectError(rqvae(...args), 2, one, other, "swap the two");
  });
});

describe("one file that is something else", () => {
  it.each([
    [["encode", "m.safetensors", "m.safetensors"], "m.safetensors: is a model, but <items> must be a table of vectors"],
    [["train", "m.safetensors"], "m.safetensors: is a model, but <items> must be a table of vectors"],
    [
      ["train", "items.npy", "--labels", "other.npy"],
      "other.npy: is an npy file of vectors, but --labels must be a file of text",
    ],
    [
      ["train", "items.npy", "--labels", "m.safetensors"],
      "m.safetensors: is a model, but --labels must be a file of text",
    ],
    [["encode", "m.safetensors", "items.npy", "--item-ids", "m.safetensors"], "but --item-ids must be a file of text"],
    [
      ["report", "m.safetensors", "items.npy", "--ids", "m.safetensors"],
      "m.safetensors: is a model, but --ids must be a file of IDs",
    ],
    [["convert", "m.safetensors", "out.json"], "m.safetensors: is a model, but <in> must be a file of IDs"],
    [["encode", "1.shard", "items.npy"], "1.shard: is a shard of IDs, for rqvae merge, but <model> must be a model"],
    [["train", "1.shard"], "1.shard: is a shard of IDs, for rqvae merge, but <items> must be a table of vectors"],
    [["convert", "1.shard", "out.json"], "1.shard: is a shard of IDs, for rqvae merge, but <in> must be a file of IDs"],
    [["report", "ids.csv", "items.npy"], "ids.csv: is a file of IDs, but <model> must be a model"],
  ])("%j", (args, message) => {
    expectError(rqvae(...args), 1, message);
  });
});

it("a table of titles with their prices and numbers in stock is no table of vectors", () => {
  const row = (i: number) => `SKU-${i},"Thing, nr ${i}",${(0.99 * i).toFixed(2)},${i % 7},${i % 3}`;
  write("shop.csv", `sku,title,price,stock,rating\n${Array.from({ length: 60 }, (_, i) => row(i)).join("\n")}\n`);
  const { status, stderr } = rqvae("train", "items.npy", "--labels", "shop.csv", "--codes", "4,4", "--epochs", "1");
  expect(status, stderr).toBe(0);
});

it("files that are what they are given as are let through", () => {
  for (const args of [
    ["encode", "m.safetensors", "items.npy", "-o", "a.csv"],
    ["encode", "m.safetensors", "table.csv", "--labels", "titles.txt", "-o", "b.csv"],
    ["report", "m.safetensors", "items.npy", "--ids", "ids.csv"],
    ["train", "table.csv", "--labels", "titles.txt", "--epochs", "1", "-o", "n.safetensors"],
  ]) {
    expect(rqvae(...args).status, args.join(" ")).toBe(0);
  }
});
