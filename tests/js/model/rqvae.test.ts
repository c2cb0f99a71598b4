import { runInNewContext } from "node:vm";
import { initialize, type Losses, RQVAE, SemanticIds, suggestConfig, type TrainProgress } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { native } from "../../../bindings/js/runtime/native.ts";
import { NATIVE_FUNCTIONS } from "../../../bindings/js/runtime/native-module.ts";
import { platform } from "../../../bindings/js/runtime/platform.ts";
import { catalogue, sameBits, small } from "../support/catalogue.ts";
import { withImpatientClock } from "../support/impatient-clock.ts";

const items = catalogue(700, 20);
const options = { inputDim: 20, ...small };

async function trained(seed = 0, epochs = 5): Promise<RQVAE> {
  const model = await RQVAE.create({ ...options, seed });
  await model.train(items, { epochs, batchSize: 300 });
  return model;
}

let model: RQVAE;
beforeAll(async () => {
  model = await trained();
});
afterAll(() => model.dispose());

/** Rows [first, first + count) of the items. */
function slice(first: number, count: number): { data: Float32Array; rows: number; dim: number } {
  return { data: items.data.slice(first * 20, (first + count) * 20), rows: count, dim: 20 };
}

describe("the native module", () => {
  it("has the functions of its TypeScript interface and no others", async () => {
    const { loadGlue, openDefaultWasm } = await platform();
    const wasm = await WebAssembly.compile((await openDefaultWasm(false)) as Uint8Array<ArrayBuffer>);
    const module = await (await loadGlue(false))({
      instantiateWasm(imports, receive) {
        WebAssembly.instantiate(wasm, imports as WebAssembly.Imports).then((instance) => receive(instance, wasm));
        return {};
      },
      TextDecoder,
    });
    const handles = ["Job", "Model", "Optimizer", "Rows"];
    const emscripten = /^(_|HEAP|(instantiateWasm|startThread|TextDecoder|wasmMemory)$)/;
    const names = Object.keys(module).filter((name) => !emscripten.test(name));
    expect(names.sort()).toEqual([...NATIVE_FUNCTIONS, ...handles].sort());
    // Behind the guard there are the functions, what reads and gives back memory, and the end.
    expect(Object.keys(await native()).sort()).toEqual(["_free", "_malloc", "ended", ...NATIVE_FUNCTIONS].sort());
  });
});

describe("determinism", () => {
  it("gives the same bytes for the same seed and other weights for another", async () => {
    using again = await trained();
    using other = await trained(1);
    expect(sameBits(again.save(), model.save())).toBe(true);
    expect(again.fingerprint).toBe(model.fingerprint);
    expect(other.fingerprint).not.toBe(model.fingerprint);
  });

  it("gives an item the same ID and latent alone and in any batch, bit for bit", () => {
    const ids = model.encode(items);
    const latents = model.latents(items);
    for (const [first, count] of [
      [0, 1],
      [1, 3],
      [5, 4],
      [0, 255],
      [3, 256],
      [100, 257],
      [699, 1],
    ] as const) {
      const part = slice(first, count);
      expect(sameBits(model.encode(part).codes, ids.codes.slice(first * 3, (first + count) * 3))).toBe(true);
      expect(sameBits(model.latents(part), latents.slice(first * 8, (first + count) * 8))).toBe(true);
    }
  });

  it("does not depend on chunks: a large encode equals its parts", () => {
    const large = catalogue(9000, 20, 3);
    const ids = model.encode(large);
    const tail = { data: large.data.slice(8000 * 20), rows: 1000, dim: 20 };
    expect(sameBits(model.encode(tail).codes, ids.codes.slice(8000 * 3))).toBe(true);
  });

  it("takes progress callbacks, metrics and encodes in between without changing the result", async () => {
    using watched = await RQVAE.create(options);
    await watched.train(items, {
      epochs: 5,
      batchSize: 300,
      onProgress: () => {
        if (watched.initialized) watched.forward(items);
      },
    });
    expect(sameBits(watched.save(), model.save())).toBe(true);
  });
});

describe("encode and its relatives", () => {
  it("decode(encode(x)) equals reconstruct(x) bit for bit", () => {
    expect(sameBits(model.decode(model.encode(items)), model.reconstruct(items))).toBe(true);
    expect(sameBits(model.decode([...model.encode(items)]), model.reconstruct(items))).toBe(true);
  });

  it("are pure: a hundred calls leave the model's bytes as they were", () => {
    const before = model.save();
    for (let i = 0; i < 100; i++) {
      model.encode(slice(0, 3));
      model.getSemanticIds(slice(0, 3));
      model.forward(slice(0, 3));
      model.reconstruct(slice(0, 3));
    }
    expect(sameBits(model.save(), before)).toBe(true);
  });

  it("take every form of items", () => {
    const expected = model.encode(items).codes;
    const rows = Array.from({ length: 700 }, (_, i) => items.data.slice(20 * i, 20 * (i + 1)));
    const offset = new Float32Array(14_003).subarray(3);
    offset.set(items.data);
    for (const form of [
      items.data,
      Float64Array.from(items.data),
      rows,
      rows.map((row) => [...row]),
      { data: Float64Array.from(items.data), rows: 700, dim: 20 },
      offset,
    ]) {
      expect(sameBits(model.encode(form).codes, expected)).toBe(true);
    }
    const foreign = runInNewContext("new Float32Array(values)", { values: [...items.data] }) as Float32Array;
    expect(foreign instanceof Float32Array).toBe(false);
    expect(sameBits(model.encode(foreign).codes, expected)).toBe(true);
    expect(sameBits(model.encode({ data: foreign, rows: 700, dim: 20 }).codes, expected)).toBe(true);
  });

  it("take half floats", () => {
    // 0x3c00 = 1, 0xc000 = -2, 0x3555 = 0.333251953125, 0x0001 = 2^-24
    const halves = Uint16Array.from({ length: 40 }, (_, i) => [0x3c00, 0xc000, 0x3555, 0x0001][i % 4]!);
    const floats = Float32Array.from({ length: 40 }, (_, i) => [1, -2, 0.333251953125, 2 ** -24][i % 4]!);
    expect(sameBits(model.latents({ data: halves, rows: 2, dim: 20 }), model.latents(floats))).toBe(true);
  });

  it("leave the caller's arrays alone and give fresh copies", () => {
    const copy = items.data.slice();
    const first = model.encode(items);
    const latents = model.latents(items);
    const kept = latents.slice();
    model.latents(catalogue(20_000, 20));
    expect(sameBits(items.data, copy)).toBe(true);
    expect(sameBits(latents, kept)).toBe(true);
    expect(first.codes.buffer.byteLength).toBe(700 * 3 * 2);
  });

  it("getSemanticIds tells what led to the IDs", () => {
    const { semIds, embeddings, residuals, quantizeLoss } = model.getSemanticIds(items);
    expect(sameBits(semIds.codes, model.encode(items).codes)).toBe(true);
    const codebooks = model.codebooks();
    const latents = model.latents(items);
    for (const i of [0, 17, 699]) {
      const [codes, at] = [semIds.at(i), i * 24];
      let loss = 0;
      for (let l = 0; l < 3; l++) {
        for (let j = 0; j < 8; j++) {
          const q = codebooks[l]![codes[l]! * 8 + j]!;
          const r = residuals[at + l * 8 + j]!;
          expect(embeddings[at + l * 8 + j]).toBe(q);
          expect(r).toBe(
            l === 0
              ? latents[i * 8 + j]
              : Math.fround(residuals[at + (l - 1) * 8 + j]! - embeddings[at + (l - 1) * 8 + j]!),
          );
          loss += 1.25 * (r - q) ** 2;
        }
      }
      expect(quantizeLoss[i]).toBeCloseTo(loss, 4);
    }
  });

  it("margins are the gap to the runner-up", () => {
    const ids = model.encode(items, { margins: true });
    expect(ids.margins).toHaveLength(2100);
    const { residuals } = model.getSemanticIds(items);
    const codebook = model.codebooks()[1]!;
    for (const i of [0, 5, 600]) {
      const distances = Array.from({ length: 16 }, (_, k) => {
        let d = 0;
        for (let j = 0; j < 8; j++) d += (residuals[i * 24 + 8 + j]! - codebook[k * 8 + j]!) ** 2;
        return d;
      });
      const sorted = distances.toSorted((a, b) => a - b);
      expect(distances[ids.at(i)[1]!]).toBe(sorted[0]);
      expect(ids.margins![i * 3 + 1]).toBeCloseTo(sorted[1]! - sorted[0]!, 3);
    }
    expect(model.encode(items).margins).toBeUndefined();
  });

  it("codebooks come in latent and in input space", () => {
    expect(model.codebooks().map((codebook) => codebook.length)).toEqual([128, 128, 128]);
    expect(model.codebooks({ space: "input" }).map((codebook) => codebook.length)).toEqual([320, 320, 320]);
  });

  it("encodeAsync gives the same IDs, tells progress and can be aborted", async () => {
    const large = catalogue(30_000, 20, 3);
    const progress: number[] = [];
    const ids = await model.encodeAsync(large, { onProgress: (event) => progress.push(event.progress) });
    expect(sameBits(ids.codes, model.encode(large).codes)).toBe(true);
    expect(progress.at(-1)).toBe(1);
    const reason = new Error("enough");
    await expect(model.encodeAsync(large, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const both = await Promise.all([model.encodeAsync(items), model.encodeAsync(items)]);
    expect(sameBits(both[0].codes, both[1].codes)).toBe(true);
  });
});

describe("losses", () => {
  const close = (a: Losses, b: Losses) => {
    expect(a.loss / b.loss).toBeCloseTo(1, 6);
    expect(a.reconstructionLoss / b.reconstructionLoss).toBeCloseTo(1, 6);
    expect(a.quantizeLoss / b.quantizeLoss).toBeCloseTo(1, 6);
  };

  it("do not depend on duplicated rows", () => {
    const twice = new Float32Array(2 * items.data.length);
    twice.set(items.data);
    twice.set(items.data, items.data.length);
    close(model.forward(twice), model.forward(items));
    expect(model.forward(twice).pUniqueIds).toBeCloseTo(model.forward(items).pUniqueIds / 2, 12);
  });

  it("add up as documented", () => {
    const losses = model.forward(items);
    const sum = losses.perLevel.reduce((s, level) => s + level.codebookLoss + 0.25 * level.commitmentLoss, 0);
    expect(losses.quantizeLoss).toBeCloseTo(sum, 10);
    expect(losses.loss).toBeCloseTo(losses.reconstructionLoss + losses.quantizeLoss, 10);
    expect(losses.embsNorm).toHaveLength(3);
    const { quantizeLoss } = model.getSemanticIds(items);
    expect(quantizeLoss.reduce((s, x) => s + x, 0) / 700).toBeCloseTo(losses.quantizeLoss, 4);
    const ids = [...model.encode(items)].map(String);
    expect(losses.pUniqueIds).toBe(new Set(ids).size / 700);
  });

  it("the commitment weight matters", async () => {
    const error = async (commitmentWeight: number) => {
      using own = await RQVAE.create({ ...options, commitmentWeight });
      await own.train(items, { epochs: 30, batchSize: 300 });
      return own.forward(items).perLevel.reduce((s, level) => s + level.quantizationError, 0);
    };
    expect(await error(5)).toBeLessThan(await error(0));
  });
});

describe("training", () => {
  it("reports every epoch once, at most ten times a second, and ends with the truth", async () => {
    using own = await RQVAE.create(options);
    const events: TrainProgress[] = [];
    const started = performance.now();
    const history = await own.train(items, { epochs: 60, batchSize: 100, onProgress: (event) => events.push(event) });
    const seconds = (performance.now() - started) / 1000;
    expect(events.length).toBeLessThanOrEqual(10 * seconds + 2);
    expect(events.flatMap((event) => event.newEpochs.map((record) => record.epoch))).toEqual([...Array(60).keys()]);
    expect(events.at(-1)!.progress).toBe(1);
    expect(history.epochs).toHaveLength(60);
    expect(history.steps).toBe(420);
    expect(own.history).toBe(history);
    const ids = [...own.encode(items)].map(String);
    expect(history.ids.distinctIds).toBe(new Set(ids).size);
    expect(history.epochs.at(-1)!.loss).toBeLessThan(history.epochs[0]!.loss);
  });

  it("gives the event loop its turn after each slice", async () => {
    using own = await RQVAE.create(options);
    let turns = 0;
    let timer = setImmediate(function count() {
      turns++;
      timer = setImmediate(count);
    });
    // By its clock every slice takes longer than it should.
    await withImpatientClock(() => own.train(items, { epochs: 20, batchSize: 300 }));
    clearImmediate(timer);
    expect(turns).toBeGreaterThanOrEqual(own.history!.steps);
  });

  it("aborted while initialising, leaves the model as it was", async () => {
    using own = await RQVAE.create({ ...options, codebookSize: 256, latentDim: 20 });
    const before = own.save();
    const controller = new AbortController();
    const reason = { why: "changed my mind" };
    setTimeout(() => controller.abort(reason), 20);
    await expect(own.kmeansInitCodebooks(catalogue(20_000, 20), { signal: controller.signal })).rejects.toBe(reason);
    expect(own.initialized).toBe(false);
    expect(sameBits(own.save(), before)).toBe(true);
  });

  it("aborted later, keeps the last whole step and can go on", async () => {
    using own = await RQVAE.create(options);
    const controller = new AbortController();
    const training = own.train(items, {
      epochs: 100_000,
      signal: controller.signal,
      onProgress: (event) => {
        if (event.step > 0) controller.abort();
      },
    });
    await expect(training).rejects.toThrow(/abort/i);
    expect(own.initialized).toBe(true);
    expect(own.encode(items)).toHaveLength(700);
    await own.train(items, { epochs: 1 });
  });

  it("is one at a time, and encode meanwhile uses the current weights", async () => {
    using own = await RQVAE.create(options);
    await own.kmeansInitCodebooks(items);
    const first = own.train(items, { epochs: 40 });
    await expect(own.train(items)).rejects.toThrow(/train is running/);
    await expect(own.train(items)).rejects.toHaveProperty("name", "BusyError");
    await expect(own.kmeansInitCodebooks(items)).rejects.toHaveProperty("name", "BusyError");
    expect(own.encode(items)).toHaveLength(700);
    await first;
    await own.train(items, { epochs: 1 });
  });

  it("keeps encodeAsync waiting from its initialisation on, and says so", async () => {
    using own = await RQVAE.create(options);
    const controller = new AbortController();
    const training = own.train(items, { epochs: 100_000, signal: controller.signal });
    await expect(own.encodeAsync(items)).rejects.toThrow(/^encodeAsync: train is running/);
    expect(() => own.encode(items)).toThrow(/not been trained/); // at once, and there is nothing to encode with yet
    controller.abort();
    await expect(training).rejects.toHaveProperty("name", "AbortError");
    await expect(own.encodeAsync(items)).rejects.toHaveProperty("name", "NotInitializedError");
  });

  it("disposed meanwhile, rejects", async () => {
    const own = await RQVAE.create(options);
    const training = own.train(items, { epochs: 100_000 });
    setTimeout(() => own.dispose(), 30);
    await expect(training).rejects.toHaveProperty("name", "DisposedError");
    expect(() => own.encode(items)).toThrow(/disposed/);
  });

  it("goes by a loop of one's own as well", async () => {
    using own = await RQVAE.create({ ...options, inputNoise: 0 });
    await own.kmeansInitCodebooks(items);
    using optimizer = own.createOptimizer({ optimizer: "adam", learningRate: 3e-3 });
    const before = own.forward(items);
    const first = own.trainStep(items, optimizer);
    expect(first.loss).toBeCloseTo(before.loss, 9);
    for (let step = 0; step < 60; step++) own.trainStep(items, optimizer);
    expect(own.forward(items).loss).toBeLessThan(before.loss);
  });

  it("starts without k-means when asked to", async () => {
    using own = await RQVAE.create({
      ...options,
      codebookKmeansInit: false,
      linearSkip: "none",
      inputScaling: "none",
    });
    expect(own.initialized).toBe(true);
    using optimizer = own.createOptimizer();
    expect(own.trainStep(items, optimizer).loss).toBeGreaterThan(0);
  });

  it("fit chooses, trains, and takes options of both kinds", async () => {
    using own = await RQVAE.fit(items, { seed: 3, epochs: 2, hiddenDims: [10], onProgress: () => {} });
    expect(own.config.seed).toBe(3);
    expect(own.config.hiddenDims).toEqual([10]);
    expect(own.config.codebookSize).toEqual([64, 64, 64]);
    expect(own.history!.epochs).toHaveLength(2);
    using flat = await RQVAE.fit(items.data, { inputDim: 20, epochs: 1, codebookSize: [4, 8] });
    expect(flat.config.codebookSize).toEqual([4, 8]);
  });

  it("suggests codes that follow the number of items", () => {
    const codes = (n: number) => suggestConfig({ n, inputDim: 64 }).model.codebookSize;
    expect([1, 100, 778, 1914, 12_101, 1e6].map(codes)).toEqual([8, 16, 64, 64, 256, 256]);
  });
});

describe("SemanticIds", () => {
  it("carries the fingerprint, and decode refuses another model's", async () => {
    const ids = model.encode(items);
    expect(ids.fingerprint).toBe(model.fingerprint);
    expect(ids).toBeInstanceOf(SemanticIds);
    using other = await trained(1, 1);
    expect(() => other.decode(ids)).toThrow(/different models/);
  });
});

describe("initialize", () => {
  it("may be called again without wasm and says what is in force when something else is asked for", async () => {
    await initialize();
    await expect(initialize({ wasm: new Uint8Array(8) })).rejects.toThrow(
      /already loaded from the package's own files/,
    );
    await expect(initialize({ treads: 1 } as object)).rejects.toThrow(/unknown option "treads"/);
  });
});
