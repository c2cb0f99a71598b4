/** `rqvae inspect`: what it says of every kind of file. */
import { RQVAE, SemanticIdIndex, SemanticIds } from "rqvae";
import { readItems } from "rqvae/formats";
import { beforeEach, describe, expect, it } from "vitest";
import { sameBits } from "../support/catalogue.ts";
import { makeZip } from "../support/format-files.ts";
import { called, inFolder, npy, quick, readBytes, rows, rqvae, rqvaeFed, useFolder, write } from "./harness.ts";

useFolder();

describe("a model", () => {
  beforeEach(() => {
    const split = ["--validation-share", "0.2", "--validation-until", "1", "--select", "last"];
    const trained = rqvae("train", "items.npy", ...quick, ...split, "-q", "-o", "model.safetensors");
    expect(trained.stderr).toBe("");
  });

  it("is told in words: what it is, how it was trained, on what", () => {
    const { status, stdout, stderr } = rqvae("inspect", "model.safetensors");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^model\.safetensors: a model \(\d+(\.\d)? kB\)\n\nModel\n/);
    expect(stdout).toMatch(/ encoder {7}5 -> 8 -> 3, SiLU\n/);
    expect(stdout).toMatch(/ codes {9}8 x 4: 32 possible IDs\n/);
    expect(stdout).toMatch(/ fingerprint {3}[0-9a-f]{16}\n/);
    expect(stdout).toMatch(/ made by {7}rqvae \d+\.\d+\.\d+, numerics \d+\n/);
    expect(stdout).toMatch(/ ran {11}3 epochs, \d+ steps, 60 items\n/);
    expect(stdout).toMatch(/ held out {6}12 items: explained\s+variance \d+\.\d%/);
    expect(stdout).toMatch(/\n {2}start .*%\n {2}epoch 1 .*\n/);
    expect(stdout).toMatch(/ \(kept\) /);
    expect(stdout).toMatch(/Data\n {2}items {9}60 items of 5 numbers\n {2}fingerprint {3}[0-9a-f]{16}\n$/);
    for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(rqvae("inspect", "model.safetensors", "--quiet")).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it("is told as JSON, with every epoch and option", async () => {
    const { stdout } = rqvae("inspect", "model.safetensors", "--json");
    const told = JSON.parse(stdout);
    using model = await RQVAE.load(readBytes("model.safetensors"));
    expect(told).toMatchObject({ file: "model.safetensors", kind: "model", initialized: true, config: model.config });
    expect(told.fingerprint).toBe(model.fingerprint);
    expect(told.history).toEqual(model.history);
    expect(told.history.epochs).toHaveLength(3);
    expect(told.options).toMatchObject({ epochs: 3, validationShare: 0.2 });
    expect(told.data).toMatchObject({ rows, dim: 5 });
    // encoder 5 x 8 + 8 + 8 x 3 + 3 and its path 5 x 3 + 3, codes (8 + 4) x 3
    expect(told.parameters).toMatchObject({ encoder: 93, codebooks: 36 });
  });

  it("knows its items", () => {
    const same = rqvae("inspect", "model.safetensors", "--data", "items.npy");
    expect(same.status).toBe(0);
    expect(same.stdout).toMatch(/\nitems\.npy: these are the items of the training, row by row\n$/);

    write("changed.npy", npy({ at: 5 * 17 + 2, by: 9 }));
    const changed = rqvae("inspect", "model.safetensors", "--data", "changed.npy");
    expect(changed.status).toBe(1);
    expect(changed.stdout).toContain(
      "changed.npy: these are not the items of the training: there is a difference between row 17 and row 17",
    );
    write("wider.npy", npy(undefined, 6));
    const wider = rqvae("inspect", "model.safetensors", "--data", "wider.npy", "--json");
    expect(wider.status).toBe(1);
    expect(JSON.parse(wider.stdout).comparedWith).toEqual({
      file: "wider.npy",
      same: false,
      remark: "these are not the items of the training: it had 60 items of 5 numbers, these are 60 items of 6 numbers",
    });
    expect(rqvae("inspect", "model.safetensors", "--data", "nowhere.npy")).toMatchObject({
      status: 1,
      stderr: "rqvae: nowhere.npy: no such file\n",
    });
  });

  it("of another row order, or as csv, is compared by value and place", () => {
    const values = new Float32Array(npy().slice(-4 * rows * 5).buffer);
    const lines = Array.from({ length: rows }, (_, i) => [...values.subarray(5 * i, 5 * i + 5)].join(","));
    write("items.csv", `${lines.join("\n")}\n`);
    expect(rqvae("inspect", "model.safetensors", "--data", "items.csv").status).toBe(0);
    write("items.csv", `${lines.toReversed().join("\n")}\n`);
    expect(rqvae("inspect", "model.safetensors", "--data", "items.csv").stdout).toContain("between row 0 and row 0");
  });

  it("has an encoder part, which knows the summary and the items", async () => {
    using model = await RQVAE.load(readBytes("model.safetensors"));
    write("encoder.safetensors", model.save({ part: "encoder" }));
    const { status, stdout } = rqvae("inspect", "encoder.safetensors", "--data", "items.npy");
    expect(status).toBe(0);
    expect(stdout).toContain("the encoder part of a model: it encodes, and cannot decode or be trained");
    expect(stdout).toMatch(/ ran {11}3 epochs, /);
    expect(stdout).not.toContain("(kept)");
    expect(stdout).toContain("these are the items of the training, row by row");
    write("changed.npy", npy({ at: 2, by: 9 }));
    const changed = rqvae("inspect", "encoder.safetensors", "--data", "changed.npy");
    expect(changed.status).toBe(1);
    expect(changed.stdout).toContain("the fingerprint of the rows is another");
  });
});

it("tells k-means from training", () => {
  rqvae("kmeans", "items.npy", "--codes", "4", "-q", "-o", "kmeans.safetensors");
  const { stdout } = rqvae("inspect", "kmeans.safetensors", "--data", "items.npy");
  expect(stdout).toContain("5 -> 5, linear: residual k-means");
  expect(stdout).toContain("none: the codebooks come from k-means");
  expect(stdout).toContain("these are the items of the training, row by row");
});

it("tells of a checkpoint how far it is, and compares what it has read", async () => {
  using model = await RQVAE.create({ inputDim: 5, latentDim: 3, hiddenDims: [8], codebookSize: 4, encodeBeam: 3 });
  const values = new Float32Array(npy().slice(-4 * rows * 5).buffer);
  const controller = new AbortController();
  await model
    .train(values, {
      epochs: 400,
      signal: controller.signal,
      onProgress: ({ epoch }) => {
        if (epoch >= 1) controller.abort();
      },
    })
    .catch(() => {});
  const checkpoint = model.saveCheckpoint();
  write("run.checkpoint", checkpoint);
  const { status, stdout } = rqvae("inspect", "run.checkpoint", "--data", "items.npy");
  expect(status).toBe(0);
  expect(stdout).toContain("a checkpoint of a training, which rqvae train --resume continues");
  expect(stdout).toMatch(/ progress {6}\d+ of 400 epochs finished, step \d+ of \d+\n/);
  expect(stdout).toMatch(/ encoding {6}beam search of width 3\n/);
  expect(stdout).toContain("these are the items of the training");
  expect(sameBits(readBytes("run.checkpoint"), checkpoint)).toBe(true);
});

it("tells what an index holds", () => {
  const ids = SemanticIds.from([[1, 2], [1, 2], [3, 0]], { codebookSizes: [4, 4], fingerprint: "0123456789abcdef" }); // biome-ignore format: a table
  const index = SemanticIdIndex.build(["a", "b", "c"], ids, { collisions: "suffix", capacity: 5 });
  write("shop.index", index.save());
  const { status, stdout } = rqvae("inspect", "shop.index");
  expect(status).toBe(0);
  expect(stdout).toMatch(/^shop\.index: an index of published IDs \(\d+ bytes\)\n/);
  expect(stdout).toMatch(/ items {9}3\n {2}codes {9}4 x 4 x 5\n {2}collisions {4}suffix, room for 5 items per ID\n/);
  expect(stdout).toMatch(/ model {9}0123456789abcdef\n/);
  expect(stdout).toMatch(/ journal {7}1 change: build 3 items\n {2}drift {9}not measured: /);
  expect(JSON.parse(rqvae("inspect", "shop.index", "--json").stdout)).toMatchObject({
    file: "shop.index",
    kind: "index",
    items: 3,
    fingerprint: "0123456789abcdef",
    journal: [{ kind: "build", calls: 1, items: 3 }],
  });
  expect(rqvae("inspect", "shop.index", "--data", "items.npy")).toMatchObject({
    status: 2,
    stderr: `rqvae: --data is for a model: an index keeps no vectors (see ${called} inspect --help)\n`,
  });
});

it("sums up an index's journal, and tells its drift", async () => {
  const items = await readItems(inFolder("items.npy"));
  using model = await RQVAE.fit(items, { epochs: 1, codebookSize: 8, nQuantizationLayers: 2 });
  const index = SemanticIdIndex.build(Array.from({ length: items.rows }, (_, i) => i), model.encode(items), { collisions: "suffix", model, items }); // biome-ignore format: one line
  const far = { data: Float32Array.from({ length: 10 }, (_, k) => 100 + k), rows: 2, dim: 5 };
  index.add(["a", "b"], model.encode(far), { items: far });
  for (const itemId of ["a", 5]) index.remove([itemId]);
  write("changed.index", index.save());
  const { stdout } = rqvae("inspect", "changed.index");
  expect(stdout).toMatch(/ journal {7}4 changes: build 60 items, add 2 items, remove 2 items in 2\s+calls\n/);
  expect(stdout).toMatch(/ drift {9}2 of 2 new items farther from their IDs than 99% of the\s+catalogue was\n/);
  expect(stdout).toContain("warning");
  expect(JSON.parse(rqvae("inspect", "changed.index", "--json").stdout)).toMatchObject({
    changes: 4,
    journal: [{ kind: "build" }, { kind: "add", calls: 1, items: 2 }, { kind: "remove", calls: 2, items: 2 }],
    drift: { items: 2, outside: 2 },
  });
  write("compact.index", index.save({ compact: true }));
  expect(rqvae("inspect", "compact.index").stdout).toContain("none: the index is compact");
});

it("refuses other files by their names", () => {
  rqvae("kmeans", "items.npy", "--codes", "4", "-q", "-o", "kmeans.safetensors", "--ids", "ids.csv");
  write("empty", "");
  rqvae("encode", "kmeans.safetensors", "items.npy", "--shard", "1/2", "-q", "-o", "1.shard");
  // As torch.save and numpy.savez write them.
  const member = (name: string) => [{ name, bytes: new Uint8Array(4), stored: true }];
  write("x.pt", makeZip(member("x/data.pkl")));
  write("x.npz", makeZip(member("x.npy")));
  write("x.zip", makeZip(member("x.txt")));
  write("noise", "\u0001\u0002");
  write("cut.safetensors", readBytes("kmeans.safetensors").subarray(0, -9));
  const refused = (name: string) => {
    const { status, stdout, stderr } = rqvae("inspect", name);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    return stderr;
  };
  const takes = "; rqvae inspect takes a model, an encoder part, a checkpoint or an index\n";
  expect(refused("items.npy")).toBe(`rqvae: items.npy: it is an npy file of vectors${takes}`);
  expect(refused("ids.csv")).toBe(`rqvae: ids.csv: it is a file of IDs${takes}`);
  expect(refused("labels.json")).toBe(`rqvae: labels.json: it is a file of titles${takes}`);
  expect(refused("empty")).toBe(`rqvae: empty: it is empty${takes}`);
  expect(refused("1.shard")).toBe(`rqvae: 1.shard: it is a shard of IDs, for rqvae merge${takes}`);
  expect(refused("x.pt")).toBe(
    `rqvae: x.pt: it is a PyTorch file (save its state_dict with safetensors.torch.save_file)${takes}`,
  );
  expect(refused("x.npz")).toBe(`rqvae: x.npz: it is an npz archive${takes}`);
  expect(refused("x.zip")).toBe(`rqvae: x.zip: it is a zip archive${takes}`);
  expect(refused("noise")).toBe(`rqvae: noise: it is no file of rqvae${takes}`);
  expect(refused("cut.safetensors")).toMatch(/^rqvae: cut\.safetensors: the model file is damaged/);
  expect(refused("nowhere")).toBe("rqvae: nowhere: no such file\n");
});

it("needs --data for the options of reading it, and data in the file", async () => {
  expect(rqvae("inspect", "items.npy", "--skip-invalid")).toMatchObject({
    status: 2,
    stderr: `rqvae: --skip-invalid goes with --data (see ${called} inspect --help)\n`,
  });
  expect(rqvaeFed("", "inspect", "-", "--data", "-")).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("standard input (-) can be read only once"),
  });
  using fresh = await RQVAE.create({ inputDim: 5 });
  write("fresh.safetensors", fresh.save());
  expect(rqvae("inspect", "fresh.safetensors").stdout).toContain("none: the model has not seen any items");
  expect(rqvae("inspect", "fresh.safetensors", "--data", "items.npy")).toMatchObject({
    status: 1,
    stderr:
      "rqvae: fresh.safetensors: does not say which items it was trained on, so that --data has nothing to compare\n",
  });
});
