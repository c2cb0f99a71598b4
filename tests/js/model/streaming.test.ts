/** Training and encoding from an EmbeddingSource: the bytes that items in memory give, and what can go wrong. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  BusyError,
  DisposedError,
  type EmbeddingSource,
  InvalidInputError,
  type ModelOptions,
  RQVAE,
  residualKMeans,
  type TrainHistory,
  type TrainOptions,
} from "rqvae";
import { describe, expect, it } from "vitest";
import { catalogue, sameBits, small } from "../support/catalogue.ts";
import { sourceOf } from "../support/embedding-sources.ts";
import { withImpatientClock } from "../support/impatient-clock.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const DIM = 12;
const items = catalogue(1500, DIM);
/** More than a piece that is fetched at a time. */
const many = catalogue(9500, DIM);
/** More than a window of the shuffle: what is read while it trains goes on. */
const large = catalogue(70_000, 3);
const tiny = {
  inputDim: 3,
  latentDim: 3,
  hiddenDims: [4],
  codebookSize: 8,
  nQuantizationLayers: 2,
} satisfies ModelOptions;
const long = { epochs: 2, batchSize: 1000, validationShare: 0.01, evaluateEvery: 2 } satisfies TrainOptions;
const options = { inputDim: DIM, ...small } satisfies ModelOptions;
const brief = { epochs: 3, batchSize: 400 } satisfies TrainOptions;

interface Trained {
  file: Uint8Array;
  checkpoint: Uint8Array;
  history: TrainHistory;
  codes: ArrayBufferView;
}

async function train(
  of: typeof items | EmbeddingSource,
  modelOptions: ModelOptions,
  trainOptions: TrainOptions,
): Promise<Trained> {
  using model = await RQVAE.create(modelOptions);
  const history = await model.train(of, trainOptions);
  const { codes } = await model.encodeAsync(of);
  return { file: model.save(), checkpoint: model.saveCheckpoint(), history, codes };
}

function expectSame(actual: Trained, expected: Trained): void {
  expect(actual.history).toEqual(expected.history);
  for (const part of ["file", "checkpoint", "codes"] as const) {
    expect(sameBits(actual[part], expected[part]), part).toBe(true);
  }
}

describe("a source gives the bytes that memory gives", () => {
  const cases: [name: string, model: Partial<ModelOptions>, train: TrainOptions][] = [
    ["by default", {}, {}],
    ["balanced assignment", { sinkhornEpsilon: [0, 0, 0.003] }, {}],
    ["layer norm, rows of length one", { layerNorm: true, inputScaling: "l2" }, {}],
    ["no scaling, no skip", { inputScaling: "none", linearSkip: "none" }, {}],
    [
      "residual noise and separation",
      { codebookSize: 8, nQuantizationLayers: 2 },
      { residualNoise: 0.3, separationWeight: 0.5, evaluateEvery: 1 },
    ],
    ["restarted dead codes", { codebookKmeansInit: false, codebookSize: 64 }, { deadCodeRestart: true }],
    ["validation items that join", {}, { validationShare: 0.2, validationUntil: 0.5 }],
    ["validation items that nothing helped", {}, { validationShare: 0.2, validationUntil: 0.5, learningRate: 0.5 }],
    ["validation, the best by loss", {}, { validationShare: 0.2, select: "loss", patience: 2 }],
  ];
  it.each(cases)("%s", async (_, modelOptions, trainOptions) => {
    const [own, how] = [
      { ...options, ...modelOptions },
      { ...brief, ...trainOptions },
    ];
    const expected = await train(items, own, how);
    expectSame(await train(sourceOf(items), own, how), expected);
    expectSame(await train(sourceOf(items, { sync: true }), own, how), expected);
  });

  it("RQVAE.fit and residualKMeans", async () => {
    using memory = await RQVAE.fit(items, { epochs: 2 });
    using streamed = await RQVAE.fit(sourceOf(items), { epochs: 2 });
    expect(sameBits(streamed.save(), memory.save())).toBe(true);
    using kmeans = await residualKMeans(items, { codebookSize: 16, latentDim: 6 });
    using kmeansStreamed = await residualKMeans(sourceOf(items), { codebookSize: 16, latentDim: 6 });
    expect(sameBits(kmeansStreamed.save(), kmeans.save())).toBe(true);
  });

  it("kmeansInitCodebooks, on a new model and on a trained one", async () => {
    using memory = await RQVAE.create(options);
    using streamed = await RQVAE.create(options);
    const progress: number[] = [];
    for (let time = 0; time < 2; time++) {
      await memory.kmeansInitCodebooks(items);
      await streamed.kmeansInitCodebooks(sourceOf(items), { onProgress: (event) => progress.push(event.progress) });
      expect(sameBits(streamed.save(), memory.save())).toBe(true);
      await memory.train(items, brief);
      await streamed.train(sourceOf(items), brief);
    }
    expect(progress.filter((value) => value === 1)).toHaveLength(2);
  });

  it("over several windows of the shuffle, with two threads too", async () => {
    const expected = await train(large, tiny, long);
    expectSame(await train(sourceOf(large), tiny, long), expected);
    const program = `
      import { createHash } from "node:crypto";
      import { openSync, readSync } from "node:fs";
      import { initialize, RQVAE } from "rqvae";
      const { threads } = await initialize({ threads: 2 });
      const file = openSync(process.argv[1]);
      const source = { rows: 70_000, dim: 3, read(first, count) {
        const data = new Float32Array(3 * count);
        readSync(file, data, 0, data.byteLength, 12 * first);
        return data;
      } };
      const model = await RQVAE.create(${JSON.stringify(tiny)});
      await model.train(source, ${JSON.stringify(long)});
      console.log(threads + createHash("sha256").update(model.save()).digest("hex"));
      process.exit();`;
    const folder = mkdtempSync(join(tmpdir(), "rqvae-streaming-"));
    try {
      const path = join(folder, "items.f32");
      writeFileSync(path, large.data);
      const said = execFileSync(process.execPath, ["--input-type=module", "-e", program, path], {
        cwd: ROOT,
        encoding: "utf8",
        timeout: 120_000,
      });
      expect(said.trim()).toBe(`2${createHash("sha256").update(expected.file).digest("hex")}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("when a run goes on from a checkpoint, whichever way it began and at any point", async () => {
    const how = { ...brief, validationShare: 0.1, residualNoise: 0.2 };
    const expected = await train(many, options, how);
    const ways = [() => many, () => sourceOf(many)];
    for (const [begun, resumed] of [ways, ways.toReversed()] as const) {
      const checkpoints: Uint8Array[] = [];
      using first = await RQVAE.create(options);
      const checkpoint = { everyMs: 0, write: (bytes: Uint8Array) => void checkpoints.push(bytes) };
      await withImpatientClock(() => first.train(begun!(), { ...how, checkpoint }));
      expect(checkpoints.length).toBeGreaterThan(100);
      for (const at of [0.1, 0.5, 0.7, 0.9]) {
        const resume = checkpoints[Math.floor(at * checkpoints.length)]!;
        expectSame(await train(resumed!(), options, { ...how, resume }), expected);
      }
    }
  });
});

describe("reading", () => {
  it("is in ascending ranges, and passes over what is not needed", async () => {
    const wide = catalogue(30_000, 64);
    const source = sourceOf(wide);
    using model = await RQVAE.create({ inputDim: 64, ...small });
    await model.kmeansInitCodebooks(source);
    for (const [first, count] of source.reads) expect(count * 64 * 4, `${first}`).toBeLessThanOrEqual(12 << 20);
    // The ends, by which the items are known again, means, variances and the sample: each from front to back.
    const starts = source.reads.map(([first]) => first);
    expect(starts.filter((first, i) => i > 0 && first < starts[i - 1]!)).toHaveLength(3);

    const encoded = sourceOf(wide);
    await model.encodeAsync(encoded);
    let next = 0;
    for (const [first, count] of encoded.reads) {
      expect(first).toBe(next);
      next += count;
    }
    expect(next).toBe(30_000);
  });

  it("of the next piece is under way while one is encoded", async () => {
    using model = await RQVAE.create({ inputDim: 2048, ...small });
    await model.kmeansInitCodebooks(catalogue(300, 2048));
    const events: string[] = [];
    const wide = catalogue(5000, 2048);
    const source = sourceOf(wide, { before: (first) => void events.push(`read ${first}`) });
    await model.encodeAsync(source, { onProgress: ({ progress }) => events.push(`done ${progress}`) });
    const second = events.indexOf(`read ${source.reads[1]![0]}`);
    expect(second).toBeGreaterThan(0);
    expect(events.slice(0, second).filter((event) => event === "done 1")).toHaveLength(0);
    expect(source.reads.length).toBeGreaterThan(2);
  });
});

describe("reading ahead", () => {
  it("has the next window of an epoch before the steps on this one are done", async () => {
    const events: ("read" | "step")[] = [];
    const source = sourceOf(large, { before: () => void events.push("read") });
    using model = await RQVAE.create(tiny);
    let steps = 0;
    const onProgress = ({ step }: { step: number }) => {
      if (step > steps) events.push("step");
      steps = step;
    };
    await withImpatientClock(() => model.train(source, { ...long, epochs: 1, onProgress }));
    // 70 steps, 65 of them on the first window. Whatever is read for the evaluation comes after them.
    const between = events.slice(events.indexOf("step"), events.lastIndexOf("step"));
    expect(between.length).toBeGreaterThan(60);
    expect(between).not.toContain("read");
    expect(events.lastIndexOf("read")).toBeGreaterThan(events.lastIndexOf("step"));
  });
});

describe("what a source may do wrong", () => {
  const made = async () => {
    const model = await RQVAE.create(options);
    await model.train(items, brief);
    return model;
  };

  it.each<[string, unknown, RegExp]>([
    ["no rows", { ...sourceOf(items), rows: 0 }, /items: there are no rows/],
    ["rows that are no number", { ...sourceOf(items), rows: "7" }, /items\.rows must be a whole number.*"7"/],
    ["more rows than can be counted", { ...sourceOf(items), rows: 2 ** 32 }, /items\.rows must be .*4294967296/],
    ["another dimension", { ...sourceOf(items), dim: 7 }, /inputDim 12, received vectors of dimension 7/],
  ])("%s", async (_, source, message) => {
    using model = await made();
    const file = model.save();
    for (const call of [
      () => model.train(source as EmbeddingSource),
      () => model.kmeansInitCodebooks(source as EmbeddingSource),
      () => model.encodeAsync(source as EmbeddingSource),
      () => model.encodeStream(source as EmbeddingSource).next(),
    ]) {
      const error = await call().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(InvalidInputError);
      expect((error as Error).message).toMatch(message);
    }
    expect(sameBits(model.save(), file)).toBe(true);
  });

  it.each<[string, (first: number, count: number) => unknown, RegExp]>([
    [
      "too few values",
      (_, count) => new Float32Array(count * DIM - 1),
      /read\(0, 256\) must give .* 256 x 12 = 3,072 values .*Float32Array of 3,071/,
    ],
    ["doubles", (_, count) => new Float64Array(count * DIM), /received Float64Array of 3,072 values/],
    ["nothing", () => undefined, /received undefined/],
    [
      "an array of rows",
      (_, count) => Array.from({ length: count }, () => new Array(DIM).fill(0)),
      /received an array of 256/,
    ],
  ])("%s", async (_, read, message) => {
    using model = await RQVAE.create(options);
    const source = { rows: 1500, dim: DIM, read } as EmbeddingSource;
    await expect(model.train(source)).rejects.toThrow(message);
    expect(model.initialized).toBe(false);
  });

  it("a value that is not finite is named with its row, and the model is as it was", async () => {
    for (const row of [0, 700, 1499]) {
      const data = items.data.slice();
      data[row * DIM + 5] = row === 700 ? Number.POSITIVE_INFINITY : Number.NaN;
      const source = () => sourceOf({ ...items, data });
      const message = new RegExp(`items: row ${row}, column 5 is (NaN|Infinity); every value must be a finite number`);
      using fresh = await RQVAE.create(options);
      await expect(fresh.train(source())).rejects.toThrow(message);
      expect(fresh.initialized).toBe(false);
      await expect(fresh.kmeansInitCodebooks(source())).rejects.toThrow(message);
      using model = await made();
      const file = model.save();
      await expect(model.encodeAsync(source())).rejects.toThrow(message);
      await expect(model.encodeStream(source()).next()).rejects.toThrow(message);
      expect(sameBits(model.save(), file)).toBe(true);
    }
  });

  it("an error of read is passed on, whenever it comes, and the model goes on to work", async () => {
    using whole = await RQVAE.create(tiny);
    const counted = sourceOf(large);
    await whole.train(counted, long);
    const { length } = counted.reads;
    expect(length).toBeGreaterThan(60);
    for (const at of [0, 1, 5, 40, Math.floor(0.6 * length), length - 1]) {
      const broken = new Error(`the disk is gone at read ${at}`);
      using model = await RQVAE.create(tiny);
      const source = sourceOf(large, {
        before(_first, _count, number) {
          if (number === at) throw broken;
        },
      });
      await expect(model.train(source, long), `${at}`).rejects.toBe(broken);
      expect(source.reads.length).toBe(at + 1);
      if (at < 2) continue; // nothing was begun yet
      // As after an abort: it goes on to the same end.
      using other = await RQVAE.create(tiny);
      await other.train(sourceOf(large), { resume: model.saveCheckpoint() });
      expect(sameBits(other.save(), whole.save()), `${at}`).toBe(true);
    }
    using model = await made();
    const broken = new Error("no more");
    const failing: EmbeddingSource = {
      ...sourceOf(items),
      read() {
        throw broken;
      },
    };
    await expect(model.encodeAsync(failing)).rejects.toBe(broken);
    await expect(model.encodeStream(failing).next()).rejects.toBe(broken);
    await expect(model.train(failing)).rejects.toBe(broken);
    expect((await model.encodeAsync(sourceOf(items))).length).toBe(1500);
  });

  it("a checkpoint is refused with a source of other items", async () => {
    using model = await RQVAE.create(options);
    await model.train(sourceOf(items), brief);
    const resume = model.saveCheckpoint();
    for (const changed of [0, 255 * DIM, items.data.length - 1]) {
      const data = items.data.slice();
      data[changed]! += 1;
      using other = await RQVAE.create(options);
      await expect(other.train(sourceOf({ ...items, data }), { resume })).rejects.toThrow(/other items/);
    }
  });
});

describe("aborting, waiting, disposing", () => {
  it("an abort is heard between two reads, and the source is left alone then", async () => {
    const reason = new Error("enough");
    for (const call of ["train", "kmeansInitCodebooks", "encodeAsync"] as const) {
      using model = await RQVAE.create(options);
      if (call === "encodeAsync") await model.train(items, brief);
      const before = model.save();
      const controller = new AbortController();
      const source = sourceOf(items, { before: () => controller.abort(reason) });
      await expect(model[call](source, { signal: controller.signal })).rejects.toBe(reason);
      const { length } = source.reads;
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(source.reads.length).toBe(length);
      expect(length).toBeLessThanOrEqual(2);
      expect(sameBits(model.save(), before)).toBe(true);
    }
  });

  it("aborted in training, it keeps the last whole step and can go on", async () => {
    const expected = await train(large, tiny, long);
    const controller = new AbortController();
    using model = await RQVAE.create(tiny);
    let begun = false;
    const source = sourceOf(large, { before: () => void (begun && controller.abort()) });
    const onProgress = ({ step }: { step: number }) => {
      begun ||= step > 80; // of 140: in the second epoch
    };
    await expect(
      withImpatientClock(() => model.train(source, { ...long, signal: controller.signal, onProgress })),
    ).rejects.toThrow(/abort/i);
    expect(model.initialized).toBe(true);
    expect((await model.encodeAsync(large)).length).toBe(70_000);
    expectSame(await train(sourceOf(large), tiny, { ...long, resume: model.saveCheckpoint() }), expected);
  });

  it("one long call at a time, and a model that is disposed meanwhile says so", async () => {
    const model = await RQVAE.create(options);
    const training = model.train(sourceOf(items), brief);
    await expect(model.train(items)).rejects.toBeInstanceOf(BusyError);
    await expect(model.encodeAsync(sourceOf(items))).rejects.toBeInstanceOf(BusyError);
    await training;
    const encoding = model.encodeAsync(sourceOf(items));
    await expect(model.train(sourceOf(items))).rejects.toBeInstanceOf(BusyError);
    await encoding;
    let dispose = () => {};
    const source = () => sourceOf(items, { before: () => dispose() });
    dispose = () => model.dispose();
    await expect(model.encodeAsync(source())).rejects.toBeInstanceOf(DisposedError);
    dispose = () => {};
    const other = await RQVAE.create(options);
    dispose = () => other.dispose();
    await expect(other.train(source())).rejects.toBeInstanceOf(DisposedError);
  });
});

describe("several calls on one source that fills one array again and again", () => {
  const wide = { rows: 9000, dim: 700 }; // more than two reads
  const data = Float32Array.from({ length: wide.rows * wide.dim }, (_, i) => Math.sin((i % 9973) * (i % 101)));
  const reused = new Float32Array(wide.rows * wide.dim);
  const source: EmbeddingSource = {
    ...wide,
    async read(first, count) {
      const values = reused.subarray(0, count * wide.dim);
      values.fill(Number.NaN);
      await new Promise((resolve) => setTimeout(resolve, 1));
      values.set(data.subarray(first * wide.dim, (first + count) * wide.dim));
      return values;
    },
  };
  const model = async () => {
    const made = await RQVAE.create({ inputDim: wide.dim, latentDim: 4, hiddenDims: [4], codebookSize: 8, seed: 1 });
    await made.kmeansInitCodebooks({ data, ...wide });
    return made;
  };

  it("gives each the IDs of its items", async () => {
    using one = await model();
    using other = await model();
    const expected = Array.from(one.encode({ data, ...wide }).codes);
    const streamed = async () => {
      const codes: number[] = [];
      for await (const ids of one.encodeStream(source)) codes.push(...ids.codes);
      return codes;
    };
    const long = async (of: RQVAE) => Array.from((await of.encodeAsync(source)).codes);
    for (const codes of await Promise.all([long(one), long(other), streamed(), long(one), streamed()])) {
      expect(sameBits(Uint32Array.from(codes), Uint32Array.from(expected))).toBe(true);
    }
  });

  it("trains each on its items", async () => {
    using alone = await model();
    await alone.train({ data, ...wide }, { epochs: 1, batchSize: 3000 });
    using one = await model();
    using other = await model();
    await Promise.all([one, other].map((each) => each.train(source, { epochs: 1, batchSize: 3000 })));
    expect([one.fingerprint, other.fingerprint]).toEqual([alone.fingerprint, alone.fingerprint]);
  });
});
