import { assessIds, type EmbeddingSource, RQVAE, residualKMeans, type TrainOptions } from "rqvae";
import { EncodePool, RQVAEWorker } from "rqvae/worker";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { RowHashes } from "../../../bindings/js/items/row-hashes.ts";

const rows = 600;
const dim = 6;
const data = Float32Array.from({ length: rows * dim }, (_, k) => (((k * 7919) % 101) - 50) / 25);
const items = { data, rows, dim };
const shape = { inputDim: dim, latentDim: 3, hiddenDims: [8], codebookSize: 8, nQuantizationLayers: 2 };
const options = { epochs: 2, batchSize: 64 };

/** A source whose read number `silent` answers when told to, with rows or an error. Counts reads; `asked` resolves at that read. */
function falteringSource(silent: number) {
  let reads = 0;
  let answer = (_: "rows" | "error") => {};
  let tell = () => {};
  const asked = new Promise<"asked">((resolve) => {
    tell = () => resolve("asked");
  });
  const read = (first: number, count: number): Float32Array | Promise<Float32Array> => {
    const part = () => data.slice(first * dim, (first + count) * dim);
    if (reads++ !== silent) return part();
    return new Promise((resolve, reject) => {
      answer = (how) => (how === "rows" ? resolve(part()) : reject(new Error("too late")));
      tell();
    });
  };
  return { source: { rows, dim, read } as EmbeddingSource, asked, answer: (how: "rows" | "error") => answer(how) };
}

const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);
beforeAll(() => void process.on("unhandledRejection", note));
afterAll(() => void process.off("unhandledRejection", note));
afterEach(() => expect(unhandled).toEqual([]));
const turns = () => new Promise((resolve) => setTimeout(resolve, 5));

/** What has train, encodeAsync and so on: a model here or in a worker. */
const homes = [
  ["RQVAE", () => RQVAE.create(shape)],
  ["RQVAEWorker", () => RQVAEWorker.create(shape)],
] as const;

describe.each(homes)("with a source that no longer answers, %s", (home, create) => {
  type Model = Awaited<ReturnType<typeof create>>;
  type Call = (model: Model, source: EmbeddingSource, signal: AbortSignal) => Promise<unknown>;
  const calls: [string, Call][] = [
    ["train", (model, source, signal) => model.train(source, { ...options, signal })],
    ["kmeansInitCodebooks", (model, source, signal) => model.kmeansInitCodebooks(source, { signal })],
    ["encodeAsync", (model, source, signal) => model.encodeAsync(source, { signal })],
    [
      "encodeStream",
      async (model, source, signal) => {
        for await (const _ of model.encodeStream(source, { signal }));
      },
    ],
    [
      "fit",
      (_, source, signal) =>
        (home === "RQVAE" ? RQVAE : RQVAEWorker).fit(source, { ...shape, ...options, validationShare: 0, signal }),
    ],
    [
      "residualKMeans",
      async (_, source, signal) => {
        const made = home === "RQVAE" ? residualKMeans : RQVAEWorker.residualKMeans;
        (await made(source, { nQuantizationLayers: 2, codebookSize: 8, signal })).dispose();
      },
    ],
  ];

  it.each(calls)("%s rejects at once when it is aborted, at whichever read", async (name, call) => {
    const model = await create();
    if (name.startsWith("encode")) await model.kmeansInitCodebooks(items);
    let silent = 0;
    for (; ; silent++) {
      const { source, asked, answer } = falteringSource(silent);
      const controller = new AbortController();
      const running = call(model, source, controller.signal);
      running.catch(() => {});
      if ((await Promise.race([asked, running])) !== "asked") break; // it needs no more reads than that
      const reason = new Error(`at read ${silent}`);
      controller.abort(reason);
      await expect(running).rejects.toBe(reason);
      // Not busy, and what comes now is nobody's.
      await model.kmeansInitCodebooks(items);
      const before = await model.save();
      answer(silent % 2 === 0 ? "rows" : "error");
      await turns();
      expect(Buffer.compare(before, await model.save())).toBe(0);
    }
    expect(silent).toBeGreaterThan(0);
    await model.dispose();
  });

  it("rejects at once when it is disposed", async () => {
    const model = await create();
    const { source, asked, answer } = falteringSource(3);
    const running = model.train(source, options);
    running.catch(() => {});
    await asked;
    void model.dispose();
    await expect(running).rejects.toThrow(/disposed/);
    answer("rows");
    await turns();
  });

  it("encodeStream rejects at once when it waits for a batch", async () => {
    for (const end of ["abort", "dispose"] as const) {
      const model = await create();
      await model.kmeansInitCodebooks(items);
      const controller = new AbortController();
      const silent = { next: () => new Promise<never>(() => {}), [Symbol.asyncIterator]: () => silent };
      const running = model.encodeStream(silent, { signal: controller.signal }).next();
      running.catch(() => {});
      await turns();
      if (end === "abort") controller.abort();
      else void model.dispose();
      await expect(running).rejects.toThrow(end === "abort" ? /abort/ : /disposed/);
      if (end === "abort") await model.train(items, options);
      await model.dispose();
    }
  });

  it("a checkpoint that is never written holds up no abort", async () => {
    for (const late of ["resolves", "rejects"]) {
      const model = await create();
      const controller = new AbortController();
      let settle = () => {};
      let writing = () => {};
      const asked = new Promise<void>((resolve) => {
        writing = resolve;
      });
      const write = () => {
        writing();
        return new Promise<void>((resolve, reject) => {
          settle = () => (late === "resolves" ? resolve() : reject(new Error("disk full")));
        });
      };
      const training: TrainOptions = { epochs: 1e5, signal: controller.signal, checkpoint: { everyMs: 0, write } };
      const running = model.train(items, training);
      running.catch(() => {});
      await asked;
      controller.abort();
      await expect(running).rejects.toHaveProperty("name", "AbortError");
      await model.train(items, options);
      const before = await model.save();
      settle();
      await turns();
      expect(Buffer.compare(before, await model.save())).toBe(0);
      await model.dispose();
    }
  });

  it("a source is not asked twice at the same time: the next call waits until the last read has answered", async () => {
    const model = await create();
    const { source, asked, answer } = falteringSource(1);
    let open = 0;
    let most = 0;
    const counted: EmbeddingSource = {
      rows,
      dim,
      async read(first, count) {
        most = Math.max(most, ++open);
        try {
          return await source.read(first, count);
        } finally {
          open--;
        }
      },
    };
    const controller = new AbortController();
    const running = model.train(counted, { ...options, signal: controller.signal });
    running.catch(() => {});
    await asked;
    controller.abort();
    await expect(running).rejects.toHaveProperty("name", "AbortError");
    const again = model.train(counted, options);
    await turns();
    expect(open).toBe(1);
    answer("rows");
    await again;
    expect(most).toBe(1);
    await model.dispose();
  });
});

it("EncodePool and assessIds reject at once when they are aborted, at whichever read", async () => {
  const model = await RQVAE.create(shape);
  await model.kmeansInitCodebooks(items);
  const ids = model.encode(items);
  const pool = await EncodePool.create(model.save(), { workers: 2 });
  const calls = [
    (source: EmbeddingSource, signal: AbortSignal) => pool.encode(source, { signal }),
    (source: EmbeddingSource, signal: AbortSignal) => assessIds(ids, { items: source, model, signal }),
  ];
  for (const call of calls) {
    let silent = 0;
    for (; ; silent++) {
      const { source, asked, answer } = falteringSource(silent);
      const controller = new AbortController();
      const running = call(source, controller.signal);
      running.catch(() => {});
      if ((await Promise.race([asked, running])) !== "asked") break;
      controller.abort();
      await expect(running).rejects.toHaveProperty("name", "AbortError");
      answer(silent % 2 === 0 ? "rows" : "error");
      await turns();
    }
    expect(silent).toBeGreaterThan(0);
  }
  expect(await pool.encode(items)).toHaveLength(rows);
  await pool.dispose();
  model.dispose();
});

describe.each(homes)("what onProgress throws once all is done, %s", (home, create) => {
  const error = new Error("from the last onProgress");
  const onProgress = ({ progress }: { progress: number }) => {
    if (progress === 1) throw error;
  };

  it("rejects, and the training stays", async () => {
    const model = await create();
    await expect(model.train(items, { ...options, onProgress })).rejects.toBe(error);
    expect(model.history?.epochs).toHaveLength(2);
    const plain = await RQVAE.create(shape);
    await plain.train(items, options);
    expect(Buffer.compare(await model.save(), plain.save())).toBe(0);
    expect((await model.select("loss")).selectedEpoch).toBe(plain.select("loss").selectedEpoch);
    expect((await model.saveCheckpoint()).length).toBeGreaterThan(0);
    plain.dispose();
    await model.dispose();
  });

  it("is told by fit and residualKMeans, whose model would be lost with it", async () => {
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    try {
      const maker = home === "RQVAE" ? RQVAE : RQVAEWorker;
      const fitted = await maker.fit(items, { ...shape, ...options, onProgress });
      expect(fitted.history?.epochs).toHaveLength(2);
      const kmeans = home === "RQVAE" ? residualKMeans : RQVAEWorker.residualKMeans;
      const made = await kmeans(items, { nQuantizationLayers: 2, codebookSize: 8, onProgress });
      expect(made.initialized).toBe(true);
      expect(told.mock.calls.map(([message, cause]) => [message, cause])).toEqual([
        ["rqvae: fit is done; onProgress threw after its end:", error],
        ["rqvae: residualKMeans is done; onProgress threw after its end:", error],
      ]);
      await fitted.dispose();
      await made.dispose();
    } finally {
      told.mockRestore();
    }
  });
});

describe("resume compares every row that was read", () => {
  const asSource = (values: Float32Array): EmbeddingSource => ({
    rows,
    dim,
    read: (first, count) => values.slice(first * dim, (first + count) * dim),
  });
  const forms = [
    ["in memory", (values: Float32Array) => ({ data: values, rows, dim })],
    ["of a source", asSource],
  ] as const;

  it.each(forms)("%s: one changed number anywhere, two that change places, two signs of a row", async (_, form) => {
    const model = await RQVAE.create(shape);
    await model.train(form(data), options);
    const resume = model.saveCheckpoint();
    const changes: ((values: Float32Array) => void)[] = [];
    for (let row = 0; row < rows; row += 13) {
      changes.push((values) => {
        values[row * dim + (row % dim)]! += 1e-6;
      });
    }
    changes.push((values) => {
      const row = values.slice(300 * dim, 301 * dim);
      values.copyWithin(300 * dim, 290 * dim, 291 * dim);
      values.set(row, 290 * dim);
    });
    changes.push((values) => {
      values[280 * dim]! *= -1;
      values[280 * dim + 1]! *= -1;
    });
    for (const change of changes) {
      const values = data.slice();
      change(values);
      const other = await RQVAE.create(shape);
      await expect(other.train(form(values), { resume })).rejects.toThrow(/made with other items/);
      expect(other.initialized).toBe(false);
      other.dispose();
    }
    // In whichever form they come.
    for (const [, same] of forms) {
      const other = await RQVAE.create(shape);
      await other.train(same(data), { resume });
      expect(Buffer.compare(other.save(), model.save())).toBe(0);
      other.dispose();
    }
    model.dispose();
  });

  it("names the rows between which they differ", async () => {
    const model = await RQVAE.create(shape);
    await model.train(asSource(data), options);
    const values = data.slice();
    values[301 * dim]! += 1;
    const other = await RQVAE.create(shape);
    const resume = model.saveCheckpoint();
    await expect(other.train(asSource(values), { resume })).rejects.toThrow("between row 300 and row 309");
    model.dispose();
    other.dispose();
  });

  it("rows that the checkpoint's run had not read yet are no difference, all others are", () => {
    const seen = new RowHashes(rows, dim);
    for (let row = 0; row < rows; row += 3) seen.add(data, row * dim, row, Math.min(2, rows - row)); // in any order, some twice
    seen.add(data, 30 * dim, 30, 2);
    const stored = JSON.parse(JSON.stringify(seen.save())) as ReturnType<RowHashes["save"]>;
    for (let row = 0; row < rows; row += 7) {
      const values = data.slice();
      values[row * dim + 2]! += 1;
      const again = RowHashes.of(stored, rows, dim);
      again.add(values, 0, 0, rows);
      expect(again.complete).toBe(true);
      expect(again.firstDifference(stored) !== undefined).toBe(row % 3 !== 2);
    }
  });
});
