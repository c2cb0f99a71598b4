import { InvalidInputError, type ItemId, RQVAE, SemanticIdIndex } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomNumbers } from "../support/random.ts";

const DIM = 6;
const SIZES = [6, 10, 16];
const N = 240;

function vectors(rows: number, seed: number, noise = 1): Float32Array {
  const random = randomNumbers(3);
  const centres = Array.from({ length: 12 }, () => Array.from({ length: DIM }, () => random(400) / 100));
  const scatter = randomNumbers(seed);
  return Float32Array.from(
    { length: rows * DIM },
    (_, k) => centres[Math.floor(k / DIM) % 12]![k % DIM]! + (noise * scatter(100)) / 100,
  );
}

const nameOf = (i: number) => `item ${i}`;
const data = vectors(N, 5);
/** Rows of the catalogue; some have the same vector. */
const rowsOf = (rows: readonly number[], from = data) =>
  Float32Array.from(rows.flatMap((row) => [...from.subarray(row * DIM, (row + 1) * DIM)]));
const all = [...Array(N).keys()];
const names = all.map(nameOf);

let old: RQVAE;
/** The old model, trained further on vectors that have moved a little. */
let young: RQVAE;
const moved = data.map((value, k) => value + ((k * 7919) % 13) / 40);

beforeAll(async () => {
  old = await RQVAE.fit(data, {
    inputDim: DIM,
    codebookSize: SIZES,
    hiddenDims: [12],
    latentDim: 4,
    epochs: 4,
    seed: 1,
  });
  young = await RQVAE.load(old.save());
  await young.train(moved, { epochs: 6, learningRate: 5e-3 });
});
afterAll(() => {
  old.dispose();
  young.dispose();
});

const MODES = ["share", "suffix", "reassign"] as const;
const indexOf = (collisions: (typeof MODES)[number], rows = all) =>
  SemanticIdIndex.build(rows.map(nameOf), old.encode(rowsOf(rows)), { collisions, model: old, items: rowsOf(rows) });

/** ||z - sum of q||^2, as a naive loop says it. */
function errorsUnder(model: RQVAE, items: Float32Array) {
  const { latentDim: d, firstCodeWeight, encodeBeam } = model.config;
  const latents = model.latents(items);
  const books = model.codebooks();
  return (row: number, id: readonly number[]) => {
    let error = 0;
    for (let j = 0; j < d; j++) {
      let left = latents[row * d + j]!;
      for (const level of SIZES.keys()) {
        left -= books[level]![id[level]! * d + j]!;
        if (level === 0 && encodeBeam > 1) error += firstCodeWeight * left * left;
      }
      error += left * left;
    }
    return error;
  };
}

const idsOf = (index: SemanticIdIndex, items: readonly ItemId[] = names) => items.map((item) => index.get(item));
const asJson = (index: SemanticIdIndex) => JSON.parse(JSON.stringify(index));

describe.each(MODES)("the next generation of an index, %s", (collisions) => {
  it("keeps an ID while its error is within keep of the best, as a naive loop finds", async () => {
    const index = indexOf(collisions);
    const file = index.save();
    const best = [...young.encode(moved)];
    const errorOf = errorsUnder(young, moved);
    let seen = 0;
    for (const keep of [0, 0.2, 1]) {
      const next = await index.migrate(young, names, moved, { keep });
      expect(next.index.generation).toBe(2);
      const held = all.filter((i) => {
        const limit = (1 + keep) * errorOf(i, best[i]!);
        const judged =
          collisions === "reassign" ? [index.get(nameOf(i))!, index.getRaw(nameOf(i))!] : [index.get(nameOf(i))!];
        return judged.some((id) => errorOf(i, id) <= limit);
      });
      const same = all.filter((i) => String(next.index.get(nameOf(i))) === String(index.get(nameOf(i))));
      for (const i of held) expect(same).toContain(i);
      // Beyond those an item stays only where what is free is no better.
      if (collisions !== "reassign") expect(same).toEqual(held);
      for (const i of all) {
        if (same.includes(i)) continue;
        const [before, after] = [index.get(nameOf(i))!, next.index.get(nameOf(i))!];
        if (collisions !== "reassign") expect(after.slice(0, SIZES.length)).toEqual(best[i]);
        expect(errorOf(i, after)).toBeLessThan(errorOf(i, before));
      }
      expect([next.unchanged, next.moved, next.added, next.removed]).toEqual([same.length, N - same.length, 0, 0]);
      expect(next.kept).toBe(same.filter((i) => String(index.get(nameOf(i))!.slice(0, 3)) !== String(best[i])).length);
      seen += next.moved;
      // What belonged to one item belongs to no other.
      if (collisions !== "share") {
        const owner = new Map(names.map((name) => [String(index.get(name)), name]));
        const now = new Set<string>();
        for (const name of names) {
          const id = String(next.index.get(name));
          expect(owner.get(id) ?? name).toBe(name);
          expect(now.has(id)).toBe(false);
          now.add(id);
        }
      }
      const [entry] = next.index.journal.slice(-1);
      expect([entry!.kind, entry!.items]).toEqual(["migrate", next.moved]);
      expect(entry!.itemIds.map((item) => [index.get(item), next.index.get(item)])).toEqual(
        entry!.itemIds.map((_, k) => [entry!.before!.at(k), entry!.after!.at(k)]),
      );
      expect(next.index.fingerprint).toBe(young.fingerprint);
    }
    expect(seen).toBeGreaterThan(20);
    expect(index.save()).toEqual(file);
  });

  it("comes back from its file and from JSON, with the IDs of both generations", async () => {
    const index = indexOf(collisions, all.slice(0, 200));
    index.remove([nameOf(3)]);
    const keys = [...names.slice(0, 3), ...names.slice(4)];
    const { index: next } = await index.migrate(
      young,
      keys,
      rowsOf(
        all.filter((i) => i !== 3),
        moved,
      ),
      { keep: 0.1 },
    );
    expect(next.size).toBe(N - 1);
    const file = next.save();
    expect([index.save()[8], file[8]]).toEqual([1, 2]);
    const again = await SemanticIdIndex.load(file, { model: young });
    expect(again.save()).toEqual(file);
    expect(SemanticIdIndex.fromJSON(JSON.stringify(next)).save()).toEqual(file);
    for (const each of [next, again]) {
      const before = await each.earlier();
      expect([each.generation, before.generation, before.compact]).toEqual([2, 1, true]);
      expect(idsOf(before)).toEqual(idsOf(index));
      expect([before.fingerprint, before.size]).toEqual([old.fingerprint, index.size]);
      for (const code of all.slice(0, 6)) expect(before.items([code])).toEqual(index.items([code]));
      expect(before.allowedNext([])).toEqual(index.allowedNext([]));
    }
    // Whatever happens later, and in a further generation.
    again.remove([nameOf(7)]);
    const elsewhere = rowsOf([20], moved);
    again.replace([nameOf(8)], young.encode(elsewhere), { items: elsewhere });
    const third = (await again.migrate(old, names.slice(0, 100), rowsOf(all.slice(0, 100)), { missing: "keep" })).index;
    expect(third.generation).toBe(3);
    expect(idsOf(await third.earlier(1))).toEqual(idsOf(index));
    expect(idsOf(await third.earlier())).toEqual(idsOf(again));
    const compact = await SemanticIdIndex.load(third.save({ compact: true }));
    expect([compact.generation, compact.getRaw(nameOf(1))]).toEqual([3, undefined]);
    await expect(compact.earlier()).rejects.toThrow(/compact/);
    await expect(third.earlier(3)).rejects.toThrow(/generation.*from 1 to 2/);
    await expect(index.earlier()).rejects.toThrow(/first generation/);
  });

  it("goes on like any other index: the same vectors change nothing, new items get IDs", async () => {
    const { index: next } = await indexOf(collisions, all.slice(0, 200)).migrate(
      young,
      names.slice(0, 200),
      rowsOf(all.slice(0, 200), moved),
    );
    const ids = young.encode(moved);
    expect(next.add(names, ids, { items: moved })).toMatchObject({ unchanged: 200, added: 40, replaced: 0 });
    for (const i of all) expect(next.getRaw(nameOf(i))).toEqual(ids.at(i));
    next.remove([nameOf(5)]);
    const loaded = await SemanticIdIndex.load(next.save(), { model: young });
    for (const each of [next, loaded]) {
      const back = each.add([nameOf(5)], young.encode(rowsOf([5], moved)), { items: rowsOf([5], moved) });
      expect(back.added).toBe(1);
    }
    expect(asJson(loaded)).toEqual(asJson(next));
  });

  it("does not depend on the order of rows, nor on where the model is", async () => {
    const index = indexOf(collisions);
    const order = [...all].reverse();
    const { index: one } = await index.migrate(young, names, moved);
    const worker = await RQVAEWorker.load(young.save());
    const { index: other } = await index.migrate(worker, order.map(nameOf), rowsOf(order, moved));
    expect(idsOf(other)).toEqual(idsOf(one));
    await worker.dispose();
  });

  it("says what becomes of items without a vector", async () => {
    const index = indexOf(collisions);
    const some = all.slice(10);
    const given = [some.map(nameOf), rowsOf(some, moved)] as const;
    await expect(index.migrate(young, ...given)).rejects.toThrow(
      /itemIds lacks 10 items of the index, such as "item \d"/,
    );
    const kept = await index.migrate(young, ...given, { missing: "keep" });
    expect(idsOf(kept.index, names.slice(0, 10))).toEqual(idsOf(index, names.slice(0, 10)));
    const removed = await index.migrate(young, ...given, { missing: "remove" });
    expect([removed.removed, removed.index.size, removed.index.get(nameOf(0))]).toEqual([10, N - 10, undefined]);
    expect(removed.unchanged + removed.moved).toBe(N - 10);
    expect(idsOf(await removed.index.earlier())).toEqual(idsOf(index));
  });
});

describe("what migrate refuses", () => {
  it("keeps all with keep: Infinity, and nothing that is worse with 0", async () => {
    const index = indexOf("suffix");
    expect(await index.migrate(young, names, moved, { keep: Number.POSITIVE_INFINITY })).toMatchObject({
      moved: 0,
      unchanged: N,
    });
    const strict = await index.migrate(young, names, moved, { keep: 0 });
    expect(strict.moved).toBeGreaterThan(0);
  });

  it("takes a model with more codes, and none with fewer or other levels", async () => {
    const index = indexOf("suffix");
    const wide = await RQVAE.fit(data, {
      inputDim: DIM,
      codebookSize: [8, 10, 16],
      hiddenDims: [],
      latentDim: 4,
      epochs: 1,
    });
    const { index: next } = await index.migrate(wide, names, data, { keep: 1000 });
    expect(next.codebookSizes).toEqual([8, 10, 16, 256]);
    expect((await next.earlier()).codebookSizes).toEqual([6, 10, 16, 256]);
    await expect(next.migrate(young, names, moved)).rejects.toThrow(/sizes \[6, 10, 16\].*\[8, 10, 16\]/);
    const short = await RQVAE.fit(data, {
      inputDim: DIM,
      codebookSize: [8, 10],
      nQuantizationLayers: 2,
      hiddenDims: [],
      latentDim: 4,
      epochs: 1,
    });
    await expect(index.migrate(short, names, data)).rejects.toThrow(InvalidInputError);
    wide.dispose();
    short.dispose();
  });

  it("changes nothing while it runs or when it fails", async () => {
    const index = indexOf("suffix");
    const before = index.save();
    const running = index.migrate(young, names, moved);
    expect(() => index.remove([nameOf(0)])).toThrow(/migrate is changing this index/);
    expect(index.get(nameOf(0))).toBeDefined();
    await running;
    await expect(index.migrate(young, names.slice(1), moved)).rejects.toThrow(/239 item IDs/);
    await expect(index.migrate(young, [names[0]!, ...names.slice(0, -1)], moved)).rejects.toThrow(/again in row/);
    await expect(index.migrate(young, names, moved, { keep: -1 })).rejects.toThrow(/keep/);
    await expect(index.migrate(young, names, moved, { missing: "drop" as never })).rejects.toThrow(/missing/);
    await expect(index.migrate(young, names, moved, { kept: 0 } as never)).rejects.toThrow(/unknown option "kept"/);
    await expect(index.migrate({} as never, names, moved)).rejects.toThrow(/model/);
    const compact = await SemanticIdIndex.load(index.save({ compact: true }));
    await expect(compact.migrate(young, names, moved)).rejects.toThrow(/compact/);
    expect(index.save()).toEqual(before);
  });
});
