import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Worker } from "node:worker_threads";
import {
  BusyError,
  DisposedError,
  InvalidInputError,
  type Items,
  ModelFormatError,
  measureSpectrum,
  NotInitializedError,
  RQVAE,
  residualKMeans,
  SemanticIds,
  type TrainOptions,
  WasmLoadError,
  WorkerError,
} from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { threads } from "../runtime/started-threads.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const options = { inputDim: 6, latentDim: 4, hiddenDims: [8], codebookSize: [4, 8], seed: 3 };
const items = catalogue(90, 6);

/** Rows around a few centres, the same on every run. */
function catalogue(rows: number, dim: number) {
  const data = Float32Array.from({ length: rows * dim }, (_, k) => {
    const [i, j] = [Math.floor(k / dim), k % dim];
    return ((((i % 7) * 31 + j * 17) % 13) - 6) / 3 + ((k * 7919) % 101) / 500;
  });
  return { data, rows, dim };
}

const workers: RQVAEWorker[] = [];
async function start(extra: object = {}): Promise<RQVAEWorker> {
  const worker = await RQVAEWorker.create({ ...options, ...extra });
  workers.push(worker);
  return worker;
}
async function startTrained(): Promise<RQVAEWorker> {
  const worker = await start();
  await worker.train(items, { epochs: 2, batchSize: 32 });
  return worker;
}

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.dispose()));
});

it("starts no thread when it is imported", () => {
  expect(threads).toHaveLength(0);
});

describe("the same as without a worker", () => {
  it("trains, encodes, decodes and saves to the same bytes", async () => {
    const model = await RQVAE.create(options);
    const worker = await start();
    expect(worker.config).toEqual(model.config);
    expect(worker.fingerprint).toBe(model.fingerprint);
    expect([worker.initialized, worker.part]).toEqual([false, "full"]);

    const history = await model.train(items, { epochs: 3, batchSize: 32 });
    expect(await worker.train(items, { epochs: 3, batchSize: 32 })).toEqual(history);
    expect(worker.history).toEqual(history);
    expect(worker.initialized).toBe(true);
    expect(worker.fingerprint).toBe(model.fingerprint);
    expect(await worker.save()).toEqual(model.save());
    expect(await worker.save({ part: "encoder" })).toEqual(model.save({ part: "encoder" }));

    const ids = await worker.encode(items, { margins: true });
    expect(ids).toBeInstanceOf(SemanticIds);
    expect(ids).toEqual(model.encode(items, { margins: true }));
    expect(await worker.encode(items)).toEqual(model.encode(items));
    expect(await worker.encodeAsync(items)).toEqual(model.encode(items));
    expect(await worker.getSemanticIds(items)).toEqual(model.getSemanticIds(items));
    expect(await worker.latents(items)).toEqual(model.latents(items));
    expect(await worker.decode(ids)).toEqual(model.decode(ids));
    expect(await worker.decode([[1, 2]])).toEqual(model.decode([[1, 2]]));
    expect(await worker.reconstruct(items)).toEqual(model.reconstruct(items));
    expect(await worker.codebooks()).toEqual(model.codebooks());
    expect(await worker.codebooks({ space: "input" })).toEqual(model.codebooks({ space: "input" }));
    expect(await worker.forward(items)).toEqual(model.forward(items));
    expect(ids.codes).toHaveLength(2 * items.rows);
    model.dispose();
  });

  it("initialises by k-means and takes the steps of an own training loop", async () => {
    const model = await RQVAE.create(options);
    const worker = await start();
    const phases = new Set<string>();
    await worker.kmeansInitCodebooks(items, {
      onProgress: ({ phase, progress }) => phases.add(`${phase} ${progress}`),
    });
    await model.kmeansInitCodebooks(items);
    expect(phases).toContain("initialize 1");
    expect(worker.fingerprint).toBe(model.fingerprint);

    const adagrad = { optimizer: "adagrad", learningRate: 0.01 } as const;
    const [mine, theirs] = [await worker.createOptimizer(adagrad), model.createOptimizer(adagrad)];
    for (let step = 0; step < 3; step++) {
      expect(await worker.trainStep(items, mine)).toEqual(model.trainStep(items, theirs));
    }
    expect(worker.fingerprint).toBe(model.fingerprint);

    await mine.dispose();
    await expect(worker.trainStep(items, mine)).rejects.toThrow(DisposedError);
    const other = await start();
    await expect(other.trainStep(items, mine)).rejects.toThrow(InvalidInputError);
    model.dispose();
  });

  it("trains a model further, from bytes, a model or another worker", async () => {
    const old = await startTrained();
    const bytes = await old.save();
    const ids = await old.encode(items);
    const itemIds = Array.from({ length: items.rows }, (_, i) => i);
    const given = { epochs: 3, batchSize: 32, itemIds, published: { itemIds, ids } };
    using model = await RQVAE.fit(items, { from: bytes, ...given });
    for (const from of [bytes, old, await RQVAE.load(bytes)]) {
      const worker = await RQVAEWorker.fit(items, { from, ...given });
      workers.push(worker);
      expect(await worker.save()).toEqual(model.save());
      if (from instanceof RQVAE) from.dispose();
    }
    expect(await old.save()).toEqual(bytes);
    expect(ids.length).toBe(items.rows); // not given away
    using trained = await RQVAE.load(bytes);
    await trained.train(items, { ...given, stability: 0.5 });
    await old.train(items, { ...given, stability: 0.5 });
    expect(await old.save()).toEqual(trained.save());
    await expect(RQVAEWorker.fit(items, { from: bytes, latentDim: 9 })).rejects.toThrow("latentDim is 9");
  });

  it("fits", async () => {
    const given = { seed: 1, codebookSize: 8, epochs: 2 };
    const model = await RQVAE.fit(items, given);
    const worker = await RQVAEWorker.fit(items, given);
    workers.push(worker);
    expect(worker.history).toEqual(model.history);
    expect(await worker.save()).toEqual(model.save());
    model.dispose();
  });

  it("selects an epoch, and makes residual k-means", async () => {
    const training = { epochs: 12, batchSize: 32, validationShare: 0.2, evaluateEvery: 1, learningRate: 0.02 };
    const model = await RQVAE.create(options);
    const worker = await start();
    await model.train(items, training);
    await worker.train(items, training);
    for (const by of ["collision", "loss"] as const) {
      expect(await worker.select(by)).toEqual(model.select(by));
      expect(worker.history).toEqual(model.history);
      expect(worker.fingerprint).toBe(model.fingerprint);
      expect(await worker.save()).toEqual(model.save());
    }
    await expect(worker.select("best" as never)).rejects.toThrow(InvalidInputError);
    await expect((await start()).select("loss")).rejects.toThrow("call train first");
    model.dispose();

    const kmeans = { nQuantizationLayers: 2, codebookSize: 8, latentDim: 3, encodeBeam: 2, seed: 5 };
    const baseline = await residualKMeans(items, kmeans);
    const told: string[] = [];
    const onProgress = ({ phase, progress }: { phase: string; progress: number }) => told.push(`${phase} ${progress}`);
    const remote = await RQVAEWorker.residualKMeans(items, { ...kmeans, onProgress });
    workers.push(remote);
    expect(told.at(-1)).toBe("initialize 1");
    expect(await remote.save()).toEqual(baseline.save());
    await expect(RQVAEWorker.residualKMeans(items, { levels: 2 } as never)).rejects.toThrow(
      "it is called nQuantizationLayers",
    );
    baseline.dispose();
  });

  it("measures a spectrum and ends, as without a worker", async () => {
    const shape = { nQuantizationLayers: 2, codebookSize: 8, seed: 5 };
    const told: number[] = [];
    const spectrum = await RQVAEWorker.measureSpectrum(items, {
      ...{ ...shape, onProgress: ({ progress }) => told.push(progress) },
    });
    expect(spectrum).toEqual(await measureSpectrum(items, shape));
    expect(spectrum.latentDim).toBe(6);
    expect(told.at(-1)).toBe(1);
    expect(threads.at(-1)!.threadId).toBe(-1); // it is gone
    await expect(RQVAEWorker.measureSpectrum(items, { levels: 2 } as never)).rejects.toThrow(
      'measureSpectrum: unknown option "levels"',
    );
    const signal = AbortSignal.abort("enough");
    await expect(RQVAEWorker.measureSpectrum(items, { signal })).rejects.toBe("enough");
  });

  it("takes items in every form and leaves them as they are", async () => {
    const worker = await startTrained();
    const expected = await worker.encode(items);
    const rows = Array.from({ length: items.rows }, (_, i) => items.data.subarray(6 * i, 6 * i + 6));
    const forms = {
      matrix: items,
      double: { ...items, data: Float64Array.from(items.data) },
      flat: items.data,
      flatDouble: Float64Array.from(items.data),
      rows,
      numbers: rows.map((row) => Array.from(row)),
    };
    for (const [name, form] of Object.entries(forms)) expect(await worker.encode(form), name).toEqual(expected);
    const halfs = { data: new Uint16Array(12).fill(0x3c00), rows: 2, dim: 6 };
    expect(await worker.encode(halfs)).toEqual(
      await worker.encode({ data: new Float32Array(12).fill(1), rows: 2, dim: 6 }),
    );
    expect(items.data).toHaveLength(540);
    expect(halfs.data).toHaveLength(12);
    expect(expected.codes).toHaveLength(180);
    await worker.decode(expected);
    expect(expected.codes).toHaveLength(180);
  });
});

describe("what the object knows", () => {
  it("has every method and property of RQVAE", () => {
    const names = (of: object) => Object.getOwnPropertyNames(of).filter((name) => typeof name === "string");
    const ours = names(RQVAE.prototype);
    expect(ours.length).toBeGreaterThanOrEqual(20);
    expect(names(RQVAEWorker.prototype)).toEqual(expect.arrayContaining(ours));
    const statics = names(RQVAE).filter((name) => !["length", "name", "prototype"].includes(name));
    expect(statics).toEqual(expect.arrayContaining(["create", "fit", "load"]));
    expect(names(RQVAEWorker)).toEqual(expect.arrayContaining([...statics, "residualKMeans"]));
  });

  it("forgets the history with the weights that it was about, as RQVAE does", async () => {
    const training = { epochs: 2, batchSize: 32, validationShare: 0.2 };
    const model = await RQVAE.create(options);
    const worker = await start();
    const [theirs, mine] = [model.createOptimizer(), await worker.createOptimizer()];
    for (const change of [
      [() => model.kmeansInitCodebooks(items), () => worker.kmeansInitCodebooks(items)],
      [async () => model.trainStep(items, theirs), () => worker.trainStep(items, mine)],
    ] as const) {
      await model.train(items, training);
      await worker.train(items, training);
      expect(worker.history).toEqual(model.history);
      expect(worker.history).toBeDefined();
      await worker.encode(items); // changes nothing
      expect(worker.history).toEqual(model.history);
      for (const side of change) await side();
      expect(model.history).toBeUndefined();
      expect(worker.history).toBeUndefined();
    }
    // A training that was refused leaves it.
    await worker.train(items, training);
    await expect(worker.train(items, { epochs: -1 })).rejects.toThrow(InvalidInputError);
    expect(worker.history?.epochs).toHaveLength(2);
    model.dispose();
  });
});

describe("transfer", () => {
  it("gives the array away, and the result is the same", async () => {
    const worker = await startTrained();
    const optimizer = await worker.createOptimizer();
    const give = { transfer: true };
    const calls: Record<string, (items: Items, options: object) => Promise<unknown>> = {
      encode: (given, o) => worker.encode(given, { margins: true, ...o }),
      encodeAsync: (given, o) => worker.encodeAsync(given, o),
      getSemanticIds: (given, o) => worker.getSemanticIds(given, o),
      latents: (given, o) => worker.latents(given, o),
      reconstruct: (given, o) => worker.reconstruct(given, o),
      forward: (given, o) => worker.forward(given, o),
    };
    for (const [name, call] of Object.entries(calls)) {
      const expected = await call(items, {});
      const matrix = { ...items, data: items.data.slice() };
      const flat = Float64Array.from(items.data);
      expect(await call(matrix, give), name).toEqual(expected);
      expect(await call(flat, give), name).toEqual(expected);
      expect([matrix.data.length, flat.length], name).toEqual([0, 0]);
    }
    // Those that change the weights.
    for (const call of [
      (given: Items) => worker.trainStep(given, optimizer, give),
      (given: Items) => worker.kmeansInitCodebooks(given, give),
      (given: Items) => worker.train(given, { epochs: 1, ...give }),
      async (given: Items) => workers.push(await RQVAEWorker.fit(given, { epochs: 1, inputDim: 6, ...give })),
      async (given: Items) => workers.push(await RQVAEWorker.residualKMeans(given, { inputDim: 6, ...give })),
      (given: Items) => RQVAEWorker.measureSpectrum(given, { inputDim: 6, ...give }),
    ]) {
      const given = items.data.slice();
      await call(given);
      expect(given).toHaveLength(0);
    }
    expect(items.data).toHaveLength(540);
  });

  it("copies what is part of a larger buffer, or rows; shared memory is shared", async () => {
    const worker = await startTrained();
    const expected = await worker.encode(items);
    const larger = new Float32Array(600);
    larger.set(items.data, 60);
    const part = larger.subarray(60);
    const rows = Array.from({ length: items.rows }, (_, i) => items.data.slice(6 * i, 6 * i + 6));
    const shared = new Float32Array(new SharedArrayBuffer(4 * 540));
    shared.set(items.data);
    for (const given of [part, rows, shared]) {
      expect(await worker.encode(given, { transfer: true })).toEqual(expected);
      expect(given.length).toBeGreaterThan(0);
    }
    expect(rows[3]).toHaveLength(6);
    expect(larger).toHaveLength(600);
  });

  it("must be true or false, and the other options are checked still", async () => {
    const worker = await startTrained();
    for (const call of [
      worker.encode(items, { transfer: "yes" } as never),
      worker.latents(items, { transfer: 1 } as never),
      worker.train(items, { transfer: "no" } as never),
    ]) {
      await expect(call).rejects.toThrow(/transfer must be true or false, received/);
    }
    await expect(worker.latents(items, { transfr: true } as never)).rejects.toThrow('did you mean "transfer"');
    await expect(worker.encode(items, { margin: true } as never)).rejects.toThrow('did you mean "margins"');
    for (const method of ["encode", "latents", "train", "encodeAsync"] as const) {
      await expect(worker[method](items, null as never), method).rejects.toThrow(InvalidInputError);
    }
    expect(items.data).toHaveLength(540);
  });
});

describe("the worker's own initialize", () => {
  const url = new URL("../../../dist/wasm/rqvae.wasm", import.meta.url);
  const bytes = () => new Uint8Array(readFileSync(url));

  it("takes a URL, bytes, a module and a response", async () => {
    const larger = new Uint8Array(bytes().length + 100);
    larger.set(bytes(), 50);
    const expected = await (await start()).save();
    const sources = {
      url,
      bytes: bytes(),
      part: larger.subarray(50, larger.length - 50),
      buffer: bytes().buffer,
      module: await WebAssembly.compile(bytes()),
      response: new Response(bytes(), { headers: { "content-type": "application/wasm" } }),
    };
    for (const [name, wasm] of Object.entries(sources)) {
      const worker = await RQVAEWorker.create(options, { wasm, threads: 1 });
      workers.push(worker);
      expect(await worker.save(), name).toEqual(expected);
    }
    expect(larger).toHaveLength(bytes().length + 100);
    const fitted = await RQVAEWorker.fit(items, { epochs: 1 }, { wasm: url });
    const loaded = await RQVAEWorker.load(await fitted.save(), {}, { threads: 1 });
    const quantised = await RQVAEWorker.residualKMeans(items, { codebookSize: 4 }, { threads: 1 });
    workers.push(fitted, loaded, quantised);
    expect(await loaded.encode(items)).toEqual(await fitted.encode(items));
  });

  it("uses what it is given, and says what is wrong with it", async () => {
    const text = (body: string, init?: ResponseInit) => new Response(body, init);
    const wrong: [object, new () => Error, RegExp][] = [
      [{ wasm: new URL("file:///nowhere/rqvae.wasm") }, WasmLoadError, /nowhere/],
      [{ wasm: text("<!doctype html>") }, WasmLoadError, /received HTML/],
      [{ wasm: text("", { status: 404 }) }, WasmLoadError, /HTTP 404/],
      [{ wasm: bytes().subarray(0, 900) }, WasmLoadError, /could not be compiled/],
      [{ wasm: "/nowhere/rqvae.wasm" }, WasmLoadError, /nowhere/],
      [{ threads: 0 }, InvalidInputError, /threads must be "auto" or a whole number from 1 to 64, received 0/],
      [{ thread: 2 }, InvalidInputError, /did you mean "threads"/],
      [{ wasm: () => {} }, InvalidInputError, /cannot be sent/],
    ];
    for (const [given, ErrorClass, message] of wrong) {
      const error = await RQVAEWorker.create(options, given).catch((reason) => reason);
      expect(error, String(message)).toBeInstanceOf(ErrorClass);
      expect(error.message).toMatch(message);
    }
  });
});

describe("loading", () => {
  let folder: string;
  let bytes: Uint8Array;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rqvae-worker-"));
    bytes = await (await startTrained()).save();
    writeFileSync(join(folder, "model 100%.safetensors"), bytes);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("takes bytes, a path, a URL, a Blob and a Response", async () => {
    const path = join(folder, "model 100%.safetensors");
    const buffer = Buffer.from(bytes);
    const sources = {
      bytes,
      buffer,
      arrayBuffer: new Uint8Array(bytes).buffer,
      path,
      url: pathToFileURL(path),
      blob: new Blob([new Uint8Array(bytes)]),
      response: new Response(new Uint8Array(bytes)),
    };
    for (const [name, source] of Object.entries(sources)) {
      const worker = await RQVAEWorker.load(source);
      workers.push(worker);
      expect(await worker.save(), name).toEqual(bytes);
    }
    expect(buffer).toHaveLength(bytes.length); // not detached
    expect(bytes.length).toBeGreaterThan(0);
  });

  it("refuses a damaged file and ends the worker", async () => {
    const started = threads.length;
    await expect(RQVAEWorker.load(bytes.slice(0, 100))).rejects.toThrow(ModelFormatError);
    await expect(RQVAEWorker.load(join(folder, "none"))).rejects.toThrow(InvalidInputError);
    await Promise.all(threads.slice(started).map((thread) => thread.terminate()));
  });
});

describe("long calls", () => {
  it("tells every epoch once", async () => {
    const worker = await start();
    const epochs: number[] = [];
    let last = 0;
    await worker.train(items, {
      epochs: 400,
      onProgress(event) {
        epochs.push(...event.newEpochs.map(({ epoch }) => epoch));
        last = event.progress;
      },
    });
    expect(epochs).toEqual(Array.from({ length: 400 }, (_, epoch) => epoch));
    expect(last).toBe(1);
  });

  it("rejects with the signal's own reason and stays usable", async () => {
    const worker = await start();
    const controller = new AbortController();
    const reason = { why: "enough" };
    const training = worker.train(items, { epochs: 1e6, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 100);
    await expect(training).rejects.toBe(reason);
    await expect(worker.train(items, { signal: controller.signal })).rejects.toBe(reason);
    await worker.train(items, { epochs: 1 });
    expect(await worker.encode(items)).toHaveLength(items.rows);
  });

  it("is stopped in the middle, whatever it does", async () => {
    const big = catalogue(3000, 64);
    const worker = await RQVAEWorker.create({ inputDim: 64, hiddenDims: [128], codebookSize: 256, seed: 1 });
    workers.push(worker);
    const stopped = async (
      call: (
        options: Pick<TrainOptions, "signal"> & { onProgress(event: { progress: number }): void },
      ) => Promise<unknown>,
    ) => {
      const controller = new AbortController();
      const reason = new Error("enough");
      const heard: number[] = [];
      const onProgress = ({ progress }: { progress: number }) => {
        heard.push(progress);
        controller.abort(reason);
      };
      await expect(call({ signal: controller.signal, onProgress })).rejects.toBe(reason);
      expect(heard).toHaveLength(1); // of many
      expect(heard[0]).toBeLessThan(1);
    };
    const much = { ...big, data: new Float32Array(64 * 200_000).fill(1), rows: 200_000 };
    await stopped((options) => worker.kmeansInitCodebooks(much, options));
    expect(worker.initialized).toBe(false);
    await stopped((options) => worker.train(big, { ...options, epochs: 1e6 }));
    await worker.train(big, { epochs: 1 });
    await stopped((options) => worker.encodeAsync(much, options));
    expect(await worker.encode(big)).toHaveLength(3000);
  });

  it("ends a call whose onProgress throws, with what it threw", async () => {
    const worker = await start();
    const error = new Error("from onProgress");
    const onProgress = () => {
      throw error;
    };
    await expect(worker.train(items, { epochs: 1e6, onProgress })).rejects.toBe(error);
    await worker.train(items, { epochs: 1 });
  });

  it("answers other calls during train, but no second train", async () => {
    const worker = await start();
    await worker.kmeansInitCodebooks(items);
    const controller = new AbortController();
    const training = worker.train(items, { epochs: 1e6, signal: controller.signal });
    await expect(worker.train(items)).rejects.toThrow(BusyError);
    expect(await worker.encode(items)).toHaveLength(items.rows);
    controller.abort();
    await expect(training).rejects.toHaveProperty("name", "AbortError");
  });
});

describe("checkpoints", () => {
  const training = { epochs: 400, batchSize: 16, validationShare: 0.1 };

  it("are those of a model without a worker, and go on to the same bytes", async () => {
    const model = await RQVAE.create(options);
    await model.train(items, training);
    const worker = await start();
    const given: Uint8Array[] = [];
    // The first is of a moment in the middle; a write of some time holds the training up.
    let writing = 0;
    const write = async (bytes: Uint8Array) => {
      expect(++writing).toBe(1);
      given.push(bytes);
      await new Promise((resolve) => setTimeout(resolve, 5));
      writing--;
    };
    await worker.train(items, { ...training, checkpoint: { everyMs: 0, write } });
    expect(given.length).toBeGreaterThan(1);
    expect(await worker.save()).toEqual(model.save());

    // Each side goes on from the other's.
    for (const resume of [given[0]!, given.at(-1)!]) {
      const size = resume.length;
      const [here, there] = [await RQVAE.create(options), await start()];
      const history = await there.train(items, { resume });
      expect(resume).toHaveLength(size); // not detached
      expect(await there.save()).toEqual(model.save());
      expect(history).toEqual(await here.train(items, { resume }));
      expect(here.save()).toEqual(model.save());
      expect(await there.saveCheckpoint()).toEqual(here.saveCheckpoint());
      here.dispose();
    }
    // As a view into a larger buffer, and as a plain one.
    const larger = new Uint8Array(given[0]!.length + 9);
    larger.set(given[0]!, 9);
    for (const resume of [larger.subarray(9), new Uint8Array(given[0]!).buffer]) {
      const other = await start();
      await other.train(items, { ...training, resume: resume as Uint8Array });
      expect(await other.save()).toEqual(model.save());
    }
    model.dispose();
  });

  it("are saved during training, and of a training that was stopped", async () => {
    const worker = await start();
    await expect(worker.saveCheckpoint()).rejects.toThrow("there is no training to resume");
    const controller = new AbortController();
    const forever = { ...training, epochs: 100_000 };
    const stopped = worker.train(items, { ...forever, signal: controller.signal });
    const during = await worker.saveCheckpoint();
    controller.abort();
    await expect(stopped).rejects.toHaveProperty("name", "AbortError");
    const after = await worker.saveCheckpoint();
    const again = (await start()).train(items, { resume: after, epochs: 3 });
    await expect(again).rejects.toThrow("training's epochs 100000, but now it is 3");
    for (const bytes of [during, after]) (await RQVAE.load(bytes)).dispose();
  });

  it("end the call with what write throws, and training waits for it", async () => {
    const error = new Error("the disk is full");
    const throwing = [
      () => {
        throw error;
      },
      () => Promise.reject(error),
      () => new Promise<void>((_, reject) => setTimeout(() => reject(error), 20)),
    ];
    for (const write of throwing) {
      const worker = await start();
      const lost = worker.train(items, { epochs: 1e6, checkpoint: { everyMs: 0, write } });
      await expect(lost).rejects.toBe(error);
      // What was reached is kept, and the worker serves on.
      expect((await worker.saveCheckpoint()).length).toBeGreaterThan(0);
      await worker.train(items, { epochs: 1 });
    }
  });

  it("are written by fit too", async () => {
    let first: Uint8Array | undefined;
    const checkpoint = {
      everyMs: 0,
      write(bytes: Uint8Array) {
        expect(this).toBe(checkpoint);
        first ??= bytes;
      },
    };
    const fitted = await RQVAEWorker.fit(items, { seed: 1, epochs: 150, checkpoint });
    workers.push(fitted);
    const resumed = await RQVAEWorker.load(first!);
    workers.push(resumed);
    await resumed.train(items, { resume: first! });
    expect(await resumed.save()).toEqual(await fitted.save());
  });

  it("are refused as they are without a worker", async () => {
    const worker = await start();
    const model = await RQVAE.create(options);
    const wrong: object[] = [
      { checkpoint: {} },
      { checkpoint: { write: 3 } },
      { checkpoint: { write() {}, everyMs: "often" } },
      { resume: "a path" },
      { resume: model.save() },
      { resume: new Uint8Array(5) },
    ];
    for (const bad of wrong) {
      const refused = await worker.train(items, bad).catch((error) => error);
      await expect(model.train(items, bad)).rejects.toThrow(refused.message);
      expect(refused.name).toMatch(/^(InvalidInputError|ModelFormatError)$/);
    }
    model.dispose();
  });
});

describe("errors", () => {
  it("are of the model's classes, with the model's messages", async () => {
    const model = await RQVAE.create(options);
    await model.kmeansInitCodebooks(items);
    const worker = await start();
    await expect(worker.encode(items)).rejects.toThrow(NotInitializedError);
    await worker.kmeansInitCodebooks(items);
    const wrong: [string, unknown][] = [
      ["NaN", [1, 2, 3, 4, 5, Number.NaN]],
      ["a row of strings", [["1", "2", "3", "4", "5", "6"]]],
      ["ragged rows", [[1, 2, 3, 4, 5, 6], [1]]],
      ["no rows", []],
      ["another dimension", { data: new Float32Array(10), rows: 2, dim: 5 }],
      ["a wrong type", { data: new Uint8Array(12), rows: 2, dim: 6 }],
      ["no items", undefined],
    ];
    for (const [name, value] of wrong) {
      const refused = await worker.encode(value as never).catch((error) => error);
      expect(refused, name).toBeInstanceOf(InvalidInputError);
      expect(() => model.encode(value as never), name).toThrow(refused.message);
    }
    await expect(worker.train(items, { epoch: 3 } as never)).rejects.toThrow("it is called epochs here");
    await expect(worker.train(items, { onProgress: 3 } as never)).rejects.toThrow(InvalidInputError);
    await expect(worker.train(items, null as never)).rejects.toThrow(InvalidInputError);
    await expect(worker.encode([[() => {}]] as never)).rejects.toThrow(InvalidInputError);
    await expect(worker.createOptimizer({ learningRate: () => {} } as never)).rejects.toThrow(InvalidInputError);
    await expect(RQVAEWorker.create({} as never)).rejects.toThrow(InvalidInputError);
    expect(await worker.encode(items)).toHaveLength(items.rows);
    model.dispose();
  });
});

describe("the end of the worker", () => {
  it("rejects pending calls and later ones", async () => {
    const worker = await start();
    const training = worker.train(items, { epochs: 1e6 });
    const ended = worker.dispose();
    // At once: before the thread is gone.
    expect(await Promise.race([training.catch((reason) => reason), ended])).toBeInstanceOf(WorkerError);
    await ended;
    await expect(worker.encode(items)).rejects.toThrow(WorkerError);
    await worker.dispose();
    await worker.dispose();
  });

  it.each([
    ["crashes", (thread: Worker) => thread.emit("error", new Error("boom")), "boom"],
    ["exits", (thread: Worker) => void thread.terminate(), "ended by itself"],
    [
      "sends what cannot be read",
      (thread: Worker) => thread.emit("messageerror", new Error("what")),
      "could not be read",
    ],
  ])("is a WorkerError when it %s", async (_, break_, message) => {
    const worker = await start();
    const calls = [worker.train(items, { epochs: 1e6 }), worker.kmeansInitCodebooks(items)];
    break_(threads.at(-1) as Worker);
    for (const call of calls) {
      const error = await call.catch((reason) => reason);
      if (error instanceof BusyError) continue; // answered before the end
      expect(error).toBeInstanceOf(WorkerError);
      expect(error.message).toContain(message);
    }
    await expect(worker.forward(items)).rejects.toThrow(WorkerError);
  });

  it("is a WorkerError when it crashes in earnest", async () => {
    const worker = await start();
    const training = worker.train(items, { epochs: 1e6 });
    threads.at(-1)?.postMessage({ type: "call", id: 99, call: null }); // no call at all: its code throws
    await expect(training).rejects.toThrow(/^The worker thread crashed: /);
    await expect(worker.save()).rejects.toThrow(WorkerError);
  });

  it("comes by itself when nobody has the object any more", () => {
    const program = `
      import { Worker } from "node:worker_threads";
      import { RQVAEWorker } from "rqvae/worker";
      let ended = 0;
      const { terminate } = Worker.prototype;
      Worker.prototype.terminate = function () { ended++; return terminate.call(this); };
      const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
      const kept = await RQVAEWorker.create({ inputDim: 2, codebookSize: 2, hiddenDims: [4] });
      await (async () => { await RQVAEWorker.create({ inputDim: 2, codebookSize: 2, hiddenDims: [4] }); })();
      // The promise of a call is enough to hold on to.
      const history = RQVAEWorker.create({ inputDim: 2, codebookSize: 2, hiddenDims: [4] })
        .then((worker) => worker.train([[1, 2], [3, 4]], { epochs: 3000 }));
      for (let i = 0; i < 200 && ended === 0; i++) { await turn(); gc(); }
      console.log(ended, (await history).epochs.length);
      await kept.train([[1, 2], [3, 4]], { epochs: 1 });
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", "--input-type", "module", "-e", program], {
      cwd: root,
      encoding: "utf8",
      timeout: 30_000,
    });
    expect({ stdout, stderr }).toEqual({ stdout: "1 3000\n", stderr: "" });
  });

  it("gives the memory back, which nothing else does (D17)", () => {
    // 64 MB of items lie on the worker's heap while it trains; the heap keeps its size until the end.
    const program = `
      import { RQVAEWorker } from "rqvae/worker";
      const data = new Float32Array(16e6).map((_, i) => (i * 7919) % 101);
      const worker = await RQVAEWorker.create({ inputDim: 64, hiddenDims: [], latentDim: 4, codebookSize: 2, nQuantizationLayers: 1, linearSkip: "none", codebookKmeansInit: false, inputScaling: "none" }, { threads: 1 });
      await worker.train({ data, rows: 250_000, dim: 64 }, { epochs: 1, batchSize: 16384, transfer: true });
      const idle = process.memoryUsage.rss();
      await worker.dispose();
      await new Promise((resolve) => setTimeout(resolve, 50));
      console.log((idle - process.memoryUsage.rss()) / 2 ** 20);
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type", "module", "-e", program], {
      cwd: root,
      encoding: "utf8",
      timeout: 30_000,
    });
    expect(stderr).toBe("");
    expect(Number(stdout)).toBeGreaterThan(50);
  });

  it("works from a path with spaces and per cent signs (D10)", () => {
    const folder = mkdtempSync(join(tmpdir(), "rqvae 100% wörk er %20 "));
    try {
      const installed = join(folder, "node_modules/rqvae");
      mkdirSync(installed, { recursive: true });
      cpSync(join(root, "dist"), join(installed, "dist"), { recursive: true });
      cpSync(join(root, "package.json"), join(installed, "package.json"));
      writeFileSync(
        join(folder, "program.mjs"),
        `import { EncodePool, RQVAEWorker } from "rqvae/worker";
        const worker = await RQVAEWorker.fit([[1, 2], [3, 4], [5, 6]], { epochs: 1 });
        const pool = await EncodePool.create(await worker.save(), { workers: 2 });
        console.log((await pool.encode([[1, 2]])).length);`,
      );
      const { stdout, stderr } = spawnSync(process.execPath, [join(folder, "program.mjs")], {
        encoding: "utf8",
        timeout: 30_000,
      });
      expect({ stdout, stderr }).toEqual({ stdout: "1\n", stderr: "" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("does not keep an idle process alive, nor end a busy one", () => {
    const program = `
      import { RQVAEWorker } from "rqvae/worker";
      const worker = await RQVAEWorker.create({ inputDim: 2, codebookSize: 2, hiddenDims: [4] });
      await worker.train([[1, 2], [3, 4], [5, 6]], { epochs: 200 });
      console.log((await worker.encode([[1, 2]])).toTokens(0));
    `;
    const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type", "module", "-e", program], {
      cwd: root,
      encoding: "utf8",
      timeout: 20_000,
    });
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
    expect(stdout).toMatch(/^<a_\d><b_\d><c_\d>\n$/);
  });
});
