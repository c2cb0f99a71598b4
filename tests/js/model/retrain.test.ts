/** A model that is trained further: whose IDs stay, what is refused, and that interruption, threads and source change no byte. */
import { RQVAE, SemanticIds } from "rqvae";
import { beforeAll, describe, expect, it } from "vitest";
import { catalogue, readTensors, sameBits, small } from "../support/catalogue.ts";

const DIM = 12;
const options = { ...small, inputNoise: 0, seed: 3, epochs: 5, batchSize: 64 };
const all = catalogue(320, DIM);
const rowsOf = (first: number, last: number) => ({
  data: all.data.slice(first * DIM, last * DIM),
  rows: last - first,
  dim: DIM,
});
/** 300 items, and a month later without the first 20 and with 20 others. */
const before = rowsOf(0, 300);
const now = rowsOf(20, 320);
const names = (first: number, last: number) => Array.from({ length: last - first }, (_, i) => `item ${first + i}`);

let old: RQVAE;
let bytes: Uint8Array<ArrayBuffer>;
let ids: SemanticIds;
beforeAll(async () => {
  old = await RQVAE.fit(before, options);
  bytes = old.save();
  ids = old.encode(before);
  return () => old.dispose();
});

const known = () => ({ itemIds: names(20, 320), published: { itemIds: names(0, 300), ids } });
/** What a file says of its model. */
function metadataOf(file: Uint8Array): { from?: string } {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return JSON.parse(JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))).__metadata__.rqvae);
}

const short = { epochs: 6, learningRate: 5e-3 };

/** How many of the 280 items that were there before have the ID that they had. */
function kept(model: RQVAE): number {
  const after = model.encode(now);
  return Array.from({ length: 280 }, (_, row) => row).filter((row) => `${after.at(row)}` === `${ids.at(row + 20)}`)
    .length;
}

describe("fit with from", () => {
  it("keeps more IDs the higher the stability, and leaves the old model as it is", async () => {
    const counts = [];
    for (const stability of [0, 0.5, 1]) {
      using model = await RQVAE.fit(now, { from: old, ...known(), ...short, stability });
      counts.push(kept(model));
      expect(model.config).toEqual(old.config);
      expect(model.fingerprint).not.toBe(old.fingerprint);
      expect(readTensors(model.save()).get("input.mean")).toEqual(readTensors(bytes).get("input.mean"));
    }
    expect(counts[0]).toBeLessThan(counts[1]!);
    expect(counts[1]).toBeLessThanOrEqual(counts[2]!);
    expect(counts[2]).toBeGreaterThan(0.8 * 280);
    expect(old.save()).toEqual(bytes);
  });

  it("takes a model, its file's bytes, or another source of them", async () => {
    const files = [];
    for (const from of [old, bytes, new Blob([bytes])]) {
      using model = await RQVAE.fit(now, { from, ...known(), ...short });
      files.push(model.save());
    }
    expect(files[1]).toEqual(files[0]);
    expect(files[2]).toEqual(files[0]);
  });

  it("holds the IDs that the old model gives where none are published", async () => {
    using model = await RQVAE.fit(before, { from: old, ...short, stability: 1 });
    using same = await RQVAE.fit(before, {
      ...{ from: old, ...short, stability: 1 },
      ...{ itemIds: names(0, 300), published: { itemIds: names(0, 300), ids } },
    });
    expect(model.save()).toEqual(same.save());
  });

  it("joins by key: the order of the published IDs and what follows their codes do not count", async () => {
    const order = Array.from({ length: 300 }, (_, i) => (i * 7) % 300);
    const codebookSizes = [...ids.codebookSizes, 9];
    const shuffled = {
      itemIds: order.map((i) => `item ${i}`),
      ids: SemanticIds.from(
        order.map((i) => [...ids.at(i), i % 9]),
        { codebookSizes },
      ),
    };
    using model = await RQVAE.fit(now, { from: old, ...known(), ...short });
    using same = await RQVAE.fit(now, { from: old, ...known(), published: shuffled, ...short });
    expect(model.save()).toEqual(same.save());
  });

  it("moves items whose published IDs are others than those of the model", async () => {
    // Every item holds the ID of the next one: with stability 1 the model learns it as far as it can.
    const turned = SemanticIds.from(
      Array.from(ids, (_, i) => ids.at((i + 1) % 300)),
      { codebookSizes: ids.codebookSizes },
    );
    const given = { itemIds: names(0, 300), published: { itemIds: names(0, 300), ids: turned } };
    using model = await RQVAE.fit(before, { from: old, ...given, ...short, stability: 1 });
    using other = await RQVAE.fit(before, { from: old, ...short, stability: 1 });
    expect(model.fingerprint).not.toBe(other.fingerprint);
  });

  it("remembers which model it went on from, also when it is interrupted", async () => {
    const from = { from: old, ...known(), ...short };
    using whole = await RQVAE.fit(now, from);
    expect(metadataOf(whole.save()).from).toBe(old.fingerprint);
    expect(metadataOf(bytes).from).toBeUndefined();
    using loaded = await RQVAE.load(whole.save());
    expect(loaded.save()).toEqual(whole.save());

    using ended = await RQVAE.load(whole.saveCheckpoint()); // its rows are gone by now
    expect(ended.fingerprint).toBe(whole.fingerprint);

    const checkpoints: Uint8Array[] = [];
    const write = (state: Uint8Array) => void checkpoints.push(state);
    using watched = await RQVAE.fit(now, { ...from, checkpoint: { everyMs: 0, write } });
    expect(watched.save()).toEqual(whole.save());
    checkpoints.push(watched.saveCheckpoint()); // how many there are before the end, the clock decides
    for (const resume of [checkpoints[0]!, checkpoints[checkpoints.length >> 1]!, checkpoints.at(-1)!]) {
      using resumed = await RQVAE.fit(now, { ...from, resume });
      expect(resumed.save()).toEqual(whole.save());
      // What the items hold is in the checkpoint.
      using alone = await RQVAE.create(old.config);
      await alone.train(now, { resume });
      expect(alone.save()).toEqual(whole.save());
    }

    const resume = checkpoints[0]!;
    const others = {
      itemIds: names(0, 300),
      ids: SemanticIds.from([...ids].reverse(), { codebookSizes: ids.codebookSizes }),
    };
    await expect(RQVAE.fit(now, { ...from, published: others, resume })).rejects.toThrow(
      "resume: the checkpoint was made with other published IDs",
    );
    const { published: _, itemIds: __, ...unpublished } = from;
    using first = await RQVAE.fit(now, { ...unpublished, checkpoint: { everyMs: 0, write } });
    await expect(RQVAE.fit(now, { ...from, resume: first.saveCheckpoint() })).rejects.toThrow("without published IDs");
  });

  it("gives the same bytes for a source", async () => {
    const source = {
      rows: now.rows,
      dim: DIM,
      read: (first: number, count: number) => now.data.slice(first * DIM, (first + count) * DIM),
    };
    for (const given of [known(), {}]) {
      using model = await RQVAE.fit(now, { from: old, ...given, ...short });
      using streamed = await RQVAE.fit(source, { from: old, ...given, ...short });
      expect(sameBits(streamed.save(), model.save())).toBe(true);
    }
  });

  it("takes options that leave the model the function that it is", async () => {
    const given = { codebookSize: 16, hiddenDims: [16], seed: 8, commitmentWeight: 0.5 };
    using model = await RQVAE.fit(now, { from: old, ...known(), ...short, ...given });
    expect(model.config).toEqual({ ...old.config, seed: 8, commitmentWeight: 0.5 });
    expect(kept(model)).toBeGreaterThan(200);
  });

  it.each([
    [{ codebookSize: 32 }, "codebookSize is [32, 32, 32], but that of the model in from is [16, 16, 16]"],
    [{ latentDim: 4 }, "latentDim is 4"],
    [{ inputScaling: "none" }, 'inputScaling is "none"'],
    [{ encodeBeam: 4 }, "encodeBeam is 4"],
  ] as const)("refuses %j", async (other, message) => {
    await expect(RQVAE.fit(now, { from: old, ...other })).rejects.toThrow(message);
  });

  it("takes a whole recipe, and refuses half of one", async () => {
    using model = await RQVAE.fit(now, { from: old, model: { inputDim: DIM }, train: short });
    using same = await RQVAE.fit(now, { from: old, ...short });
    expect(model.save()).toEqual(same.save());
    for (const [name, half] of Object.entries({ train: { train: short }, model: { model: { inputDim: DIM } } })) {
      await expect(RQVAE.fit(now, { from: old, ...half } as object)).rejects.toThrow(`unknown option "${name}"`);
    }
  });

  it("refuses what cannot be joined", async () => {
    const failing = (given: object) => expect(RQVAE.fit(now, { from: old, ...known(), ...short, ...given })).rejects;
    await failing({ itemIds: undefined }).toThrow("published is joined with the items by their IDs: give itemIds too");
    await failing({ itemIds: names(0, 5) }).toThrow("itemIds has 5 entries, but items has 300 rows");
    await failing({ itemIds: names(900, 1200) }).toThrow("published has no item in common with itemIds");
    await failing({ itemIds: Array(300).fill("a") }).toThrow('itemIds has "a" in row 0 and in row 1');
    await failing({ published: { ids } }).toThrow("published must be { itemIds, ids }");
    await failing({ published: { itemIds: names(0, 300), ids: [[0, 1, 2]] } }).toThrow(
      "published.ids must be SemanticIds",
    );
    using other = await RQVAE.fit(before, { ...options, seed: 4 });
    const theirs = { itemIds: names(0, 300), ids: other.encode(before) };
    await failing({ published: theirs }).toThrow(`but the training starts from model ${old.fingerprint}`);
    await failing({ published: theirs, stability: 0 }).toThrow("these IDs were made by model");
    const larger = SemanticIds.from([[40, 0, 0]], { codebookSizes: [64, 16, 16] });
    await failing({ published: { itemIds: ["item 30"], ids: larger } }).toThrow("codebook sizes are [64, 16, 16]");
    await failing({ from: undefined }).toThrow("published are IDs of a model that is trained further");
    await failing({ from: 5 }).toThrow();
    await failing({ stability: 1.5 }).toThrow("stability must be");
    expect(old.save()).toEqual(bytes);
  });

  it("refuses a model that has no decoder, and one of other items", async () => {
    const encoder = old.save({ part: "encoder" });
    await expect(RQVAE.fit(now, { from: encoder })).rejects.toMatchObject({ code: "NO_DECODER" });
    await expect(RQVAE.fit(catalogue(50, 5), { from: old })).rejects.toThrow(/inputDim 12/);
  });
});
