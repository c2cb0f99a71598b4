/** A model that is trained further meets items of a kind that it was not made for: they get more of the training, and codes of their own. */
import { RQVAE, type SemanticIds } from "rqvae";
import { beforeAll, describe, expect, it } from "vitest";
import { catalogue, readTensors, sameBits, small } from "../support/catalogue.ts";

const DIM = 12;
const KNOWN = 300;
const ADDED = 40;
const options = { ...small, inputNoise: 0, seed: 3, epochs: 8, batchSize: 64 };
const all = catalogue(KNOWN + ADDED, DIM);
const first = { data: all.data.slice(0, KNOWN * DIM), rows: KNOWN, dim: DIM };
/** The last items far from all others, on one side. */
const shifted = { ...all, data: all.data.map((x, i) => (i < KNOWN * DIM ? x : x * 0.7 + (i % DIM < 4 ? 6 : -2))) };
const last = { data: shifted.data.slice(KNOWN * DIM), rows: ADDED, dim: DIM };
const names = (count: number) => Array.from({ length: count }, (_, i) => `item ${i}`);

let old: RQVAE;
let ids: SemanticIds;
beforeAll(async () => {
  old = await RQVAE.fit(first, options);
  ids = old.encode(first);
  return () => old.dispose();
});
const known = () => ({ itemIds: names(KNOWN + ADDED), published: { itemIds: names(KNOWN), ids } });

/** What a file says of its model. */
function metadataOf(file: Uint8Array): { from: string; training: { options: Record<string, unknown> } } {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return JSON.parse(JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))).__metadata__.rqvae);
}
const trained = (model: RQVAE) => metadataOf(model.save()).training.options;
const kept = (model: RQVAE) => {
  const now = model.encode(first);
  return Array.from({ length: KNOWN }, (_, row) => row).filter((row) => `${now.at(row)}` === `${ids.at(row)}`).length;
};
const error = (model: RQVAE) => model.forward(last).reconstructionLoss;
const codesOf = (model: RQVAE) => readTensors(model.save()).get("quantization_layers.0.embedding.weight")!;

describe("items of a new kind", () => {
  it("come more often and get codes, while known items keep theirs", async () => {
    using model = await RQVAE.fit(shifted, { from: old, ...known() });
    const share = Math.ceil((250 * ADDED) / (KNOWN + ADDED)) / 1000;
    expect(trained(model)).toMatchObject({ newItemRepeats: 2, freedShare: share, residualNoise: 0 });
    using without = await RQVAE.fit(shifted, { from: old, ...known(), newItemRepeats: 1, freedShare: 0 });
    expect(error(model)).toBeLessThan(error(without));
    using roomy = await RQVAE.fit(shifted, { from: old, ...known(), freedShare: 0.04 });
    expect(error(roomy)).toBeLessThan(0.9 * error(without));
    expect(kept(model)).toBeGreaterThan(kept(without) - 0.1 * KNOWN);
    expect(model.config).toEqual(old.config);
    expect(metadataOf(model.save()).from).toBe(old.fingerprint);

    using again = await RQVAE.fit(shifted, { from: old, ...known() });
    expect(again.save()).toEqual(model.save());
    const read = (row: number, count: number) => shifted.data.slice(row * DIM, (row + count) * DIM);
    using streamed = await RQVAE.fit({ rows: KNOWN + ADDED, dim: DIM, read }, { from: old.save(), ...known() });
    expect(sameBits(streamed.save(), model.save())).toBe(true);
  });

  it("are told from more items of the old kinds, with which nothing is different", async () => {
    using model = await RQVAE.fit(all, { from: old, ...known() });
    expect(trained(model)).toMatchObject({ newItemRepeats: 1, freedShare: 0 });
    using moved = await RQVAE.fit(first, { from: old, itemIds: names(KNOWN), published: known().published });
    expect(trained(moved)).toMatchObject({ newItemRepeats: 1, freedShare: 0 });
    using unnamed = await RQVAE.fit(shifted, { from: old });
    expect(trained(unnamed)).toMatchObject({ newItemRepeats: 1, freedShare: 0 });
  });

  it("leave no trace where known items hold no IDs, or may lose none", async () => {
    const short = { from: old, ...known(), epochs: 2 };
    using loose = await RQVAE.fit(shifted, { ...short, stability: 0 });
    expect(trained(loose)).toMatchObject({ newItemRepeats: 1, freedShare: 0, stability: 0 });
    for (const asked of [{ newItemRepeats: 5 }, { freedShare: 1 }]) {
      const [name] = Object.keys(asked);
      const refused = { code: "OPTIONS_CONFLICT", argument: name };
      await expect(RQVAE.fit(shifted, { ...short, ...asked, stability: 0 })).rejects.toMatchObject({
        ...refused,
        message: expect.stringContaining("stability is 0"),
      });
      await expect(RQVAE.fit(shifted, { from: old, epochs: 2, ...asked })).rejects.toMatchObject({
        ...refused,
        message: expect.stringContaining("there is no published"),
      });
    }
    using firm = await RQVAE.fit(shifted, { ...short, stability: 1, freedShare: 0 });
    expect(kept(firm)).toBeGreaterThanOrEqual(0.9 * KNOWN);
  });

  it("go on from a checkpoint, with or without what they went on from", async () => {
    const given = { from: old, ...known(), stability: 1 };
    using whole = await RQVAE.fit(shifted, given);
    const checkpoints: Uint8Array[] = [];
    using _ = await RQVAE.fit(shifted, {
      ...given,
      checkpoint: { everyMs: 0, write: (bytes) => void checkpoints.push(bytes) },
    });
    for (const resume of [checkpoints[0]!, checkpoints[checkpoints.length >> 1]!, whole.saveCheckpoint()]) {
      using resumed = await RQVAE.fit(shifted, { ...given, resume });
      expect(resumed.save()).toEqual(whole.save());
      using alone = await RQVAE.create(old.config);
      await alone.train(shifted, { resume });
      expect(alone.save()).toEqual(whole.save());
      // What was chosen because of the published IDs is in the checkpoint, as they are.
      using unpublished = await RQVAE.fit(shifted, { from: old, resume });
      expect(unpublished.save()).toEqual(whole.save());
    }
    const resume = whole.saveCheckpoint();
    await expect(RQVAE.fit(shifted, { ...given, epochs: 3, resume })).rejects.toThrow("epochs 20, but now it is 3");
    using other = await RQVAE.fit(first, { ...options, seed: 4 });
    await expect(RQVAE.fit(shifted, { from: other, resume })).rejects.toThrow(
      `the checkpoint's training started from model ${old.fingerprint}, but from is now model ${other.fingerprint}`,
    );
  });

  it("are told by item IDs in typed arrays too", async () => {
    const numbers = Int32Array.from({ length: KNOWN + ADDED }, (_, i) => i);
    const short = { from: old, epochs: 2 };
    const join = (itemIds: readonly number[], before: readonly number[]) =>
      RQVAE.fit(shifted, { ...short, itemIds, published: { itemIds: before, ids } });
    using typed = await join(numbers as never, numbers.subarray(0, KNOWN) as never);
    using plain = await join([...numbers], [...numbers.subarray(0, KNOWN)]);
    expect(trained(plain)).toMatchObject({ newItemRepeats: 2 });
    expect(typed.save()).toEqual(plain.save());
  });

  it("are named by their row if they are too large, wherever that comes out", async () => {
    const data = shifted.data.map((x, i) => (i === (KNOWN + 7) * DIM ? 3e38 : x));
    const items = { ...shifted, data };
    const refused = { code: "ITEM_TOO_LARGE", row: KNOWN + 7 };
    await expect(RQVAE.fit(items, { from: old, ...known() })).rejects.toMatchObject(refused);
    using model = await RQVAE.load(old.save());
    const given = { ...known(), epochs: 1, stability: 1, freedShare: 1 };
    await expect(model.train(items, given)).rejects.toMatchObject(refused);
    expect(model.save()).toEqual(old.save());
  });

  it("are looked for in no model that cannot tell, so that the error is the one of the training", async () => {
    const encoder = old.save({ part: "encoder" });
    const failing = (from: typeof old | Uint8Array) => expect(RQVAE.fit(shifted, { from, ...known() })).rejects;
    await failing(encoder as Uint8Array).toThrow(/^train: this model was loaded from its encoder part/);
    using untrained = await RQVAE.create(old.config);
    await failing(untrained).toThrow("published are IDs of a model that is trained further, but this one is new");
  });

  it("are looked for no longer once the call is aborted", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const read = () => {
      controller.abort(reason);
      return new Promise<Float32Array>(() => {});
    };
    const source = { rows: KNOWN + ADDED, dim: DIM, read };
    await expect(RQVAE.fit(source, { from: old, ...known(), signal: controller.signal })).rejects.toBe(reason);
  });
});

describe("freed codes", () => {
  /** So slow that every number stays what it was set to. */
  const still = { epochs: 1, learningRate: 1e-9, residualNoise: 0, separationWeight: 0, stability: 1 };
  /** The first codes, those with the fewest items first. */
  const leastUsed = () => {
    const uses = new Array<number>(16).fill(0);
    for (const [code] of ids) uses[code!]!++;
    return { uses, order: [...uses.keys()].sort((a, b) => uses[a]! - uses[b]! || a - b) };
  };

  it.each([1, 2])(
    "are the %d least used ones, and lie in the middle of the new items that choose them",
    async (count) => {
      const { uses, order } = leastUsed(); // round(16 * 40 / 340) = 2 at most
      const freed = order.slice(0, count);
      const moving = freed.reduce((sum, code) => sum + uses[code]!, 0);
      using model = await RQVAE.fit(shifted, { from: old, ...known(), ...still, freedShare: (moving + 0.5) / KNOWN });
      const [before, after] = [codesOf(old), codesOf(model)];
      const d = old.config.latentDim;
      const vector = (codes: Float32Array, code: number) => [...codes.subarray(code * d, (code + 1) * d)];
      const distance = (a: readonly number[], b: readonly number[]) =>
        a.reduce((sum, x, j) => sum + (x - b[j]!) ** 2, 0);
      for (let code = 0; code < 16; code++) {
        const isSame = distance(vector(after, code), vector(before, code)) < 1e-6;
        expect(isSame, `code ${code}`).toBe(!freed.includes(code));
      }
      // Brute force: a centre is the mean of the latents that are nearest to it.
      const z = old.latents(last);
      const latents = Array.from({ length: ADDED }, (_, i) => [...z.subarray(i * d, (i + 1) * d)]);
      const nearest = latents.map((one) =>
        freed.reduce((a, b) => (distance(one, vector(after, b)) < distance(one, vector(after, a)) ? b : a)),
      );
      for (const code of freed) {
        const members = latents.filter((_, i) => nearest[i] === code);
        expect(members.length).toBeGreaterThan(0);
        const mean = Array.from(
          { length: d },
          (_, j) => members.reduce((sum, one) => sum + one[j]!, 0) / members.length,
        );
        expect(distance(mean, vector(after, code))).toBeLessThan(1e-6 * (1 + distance(mean, new Array(d).fill(0))));
      }
      // Nobody else moves.
      const now = model.encode(first);
      for (const [row, codes] of [...ids].entries()) {
        if (!freed.includes(codes[0]!) && !freed.includes(now.at(row)[0]!)) expect(now.at(row)).toEqual(codes);
      }
    },
  );

  it("keep the averages of an exponential moving average in step", async () => {
    using ema = await RQVAE.fit(first, { ...options, codebookUpdate: "ema" });
    const given = { itemIds: names(KNOWN + ADDED), published: { itemIds: names(KNOWN), ids: ema.encode(first) } };
    using model = await RQVAE.fit(shifted, { from: ema, ...given, epochs: 3, freedShare: 0.2 });
    expect([...codesOf(model)].every(Number.isFinite)).toBe(true);
    const chosen = new Set(Array.from(model.encode(last), ([code]) => code));
    const held = new Set(Array.from(given.published.ids, ([code]) => code));
    expect(chosen.size).toBeLessThan(held.size);
  });

  it.each(["gradient", "ema"] as const)(
    "are set back if training diverges at its start (%s)",
    async (codebookUpdate) => {
      using begun = await RQVAE.fit(first, { ...options, codebookUpdate });
      using model = await RQVAE.load(begun.save());
      const given = { itemIds: names(KNOWN + ADDED), published: { itemIds: names(KNOWN), ids: begun.encode(first) } };
      const wild = { ...given, epochs: 5, stability: 1, freedShare: 1, learningRate: 1e30 };
      await expect(model.train(shifted, wild)).rejects.toThrow("went back to those it began with");
      expect(model.fingerprint).toBe(begun.fingerprint);
      expect(readTensors(model.save())).toEqual(readTensors(begun.save()));
      expect(model.encode(first).codes).toEqual(given.published.ids.codes);
    },
  );

  it("are none for SimVQ, whose codes are products of one matrix", async () => {
    using sim = await RQVAE.fit(first, { ...options, codebookSimVq: true });
    const given = { itemIds: names(KNOWN + ADDED), published: { itemIds: names(KNOWN), ids: sim.encode(first) } };
    using model = await RQVAE.fit(shifted, { from: sim, ...given, ...still, freedShare: 1 });
    using same = await RQVAE.fit(shifted, { from: sim, ...given, ...still, freedShare: 0 });
    expect(readTensors(model.save())).toEqual(readTensors(same.save()));
  });
});
