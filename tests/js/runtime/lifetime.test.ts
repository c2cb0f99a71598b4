/** What is given back, and when: models, optimizers, workers; the WebAssembly's memory in long use; results that outlive its growth. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DisposedError, RQVAE, WorkerError } from "rqvae";
import { EncodePool, RQVAEWorker } from "rqvae/worker";
import { describe, expect, it } from "vitest";
import { catalogue, small } from "../support/catalogue.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const DIM = 6;
const items = catalogue(1000, DIM);

function node(...args: string[]): unknown {
  return JSON.parse(execFileSync(process.execPath, args, { cwd: ROOT, encoding: "utf8", timeout: 280_000 }));
}

/** Runs a program in a process of its own, where nothing else allocates. What it logs is JSON. */
function run(program: string): unknown {
  const script = `
    import { RQVAE } from "rqvae";
    import { native } from "./dist/runtime/native.js";
    const module = await native();
    const tiny = { inputDim: ${DIM}, latentDim: 2, hiddenDims: [4], codebookSize: 4, nQuantizationLayers: 2 };
    const items = { data: Float32Array.from({ length: ${1000 * DIM} }, (_, i) => (i * 7919) % 101), rows: 1000, dim: ${DIM} };
    const few = items.data.subarray(0, ${4 * DIM});
    const model = await RQVAE.create(tiny);
    await model.kmeansInitCodebooks(items);
    const bytes = model.save();
    // Its size tells of a leak once the free room in it is used up; where a large block would lie tells of it before.
    const heap = () => {
      const next = module._malloc(4 << 20);
      module._free(next);
      return [module.HEAPU8.length, next];
    };
    // What a turn still holds is garbage after it.
    const used = async () => {
      await new Promise((resolve) => setTimeout(resolve));
      gc();
      const { heapUsed, external } = process.memoryUsage();
      return (heapUsed + external) / 2 ** 20;
    };
    /** Does it a few times and then as often as told: what that leaves. */
    const left = async (times, work) => {
      for (let i = 0; i < times / 10; i++) await work(i);
      const before = [heap(), await used()];
      for (let i = 0; i < times; i++) await work(i);
      const after = [heap(), await used()];
      return { heap: after[0].map((x, i) => x - before[0][i]), grownMB: after[1] - before[1] };
    };
    console.log(JSON.stringify(await (async () => { ${program} })()));`;
  return node("--expose-gc", "--input-type=module", "-e", script);
}

describe("memory stays flat", () => {
  const flat = (result: unknown) => {
    const { heap, grownMB } = result as { heap: number[]; grownMB: number };
    expect(heap).toEqual([0, 0]);
    expect(grownMB).toBeLessThan(4); // compiled code comes and goes, 2 MB of it; 420 bytes a call would be more
  };

  it("over 200 models loaded, used and disposed", () => {
    flat(
      run(`return left(200, async () => {
        const other = await RQVAE.load(bytes);
        other.encode(items);
        other.dispose();
      });`),
    );
  });

  it("over 200 trainings, own steps and resumptions", () => {
    flat(
      run(`return left(200, async (i) => {
        const other = await RQVAE.load(bytes);
        const optimizer = other.createOptimizer();
        other.trainStep(items, optimizer);
        await other.train(items, { epochs: 1, validationShare: 0.1 });
        if (i % 2) other.select("loss");
        optimizer.dispose();
        other.dispose();
      });`),
    );
  });

  it("over 5,000 encodes of 1,000 items (D27)", () => {
    flat(run("return left(5000, () => model.encode(items));"));
  });

  it("over 10,000 calls that fail", () => {
    const program = `
      const nan = items.data.slice();
      nan[4321] = NaN;
      const damaged = bytes.slice();
      damaged[damaged.length - 1] ^= 1;
      const foreign = (await RQVAE.load(bytes)).createOptimizer();
      const wrong = [
        () => model.encode(nan),
        () => model.encode([[1, 2, 3, 4, 5, "6"]]),
        () => model.getSemanticIds(nan),
        () => model.latents({ data: nan, rows: 3, dim: 5 }),
        () => model.forward(nan),
        () => model.decode([[1, 99]]),
        () => model.trainStep(items, foreign),
        () => model.encodeAsync(nan),
        () => model.train(nan),
        () => model.train(few, { epochs: 0 }),
        () => model.train(few, { resume: damaged }),
        () => model.kmeansInitCodebooks(few, { signal: AbortSignal.abort() }),
        () => RQVAE.load(damaged),
        () => RQVAE.create({ ...tiny, latentDim: 0 }),
      ];
      let failed = 0;
      const result = await left(10_000, async (i) => {
        try { await wrong[i % wrong.length](); } catch { failed++; }
      });
      return { ...result, failed };`;
    const result = run(program) as { failed: number };
    expect(result.failed).toBe(11_000); // each of them, the first ones too
    flat(result);
  });

  it("when nobody disposes, as soon as the garbage is collected", () => {
    const program = `
      const forget = async () => {
        const other = await RQVAE.create(tiny);
        await other.train(few, { epochs: 1 });
        other.createOptimizer();
      };
      const collect = async () => {
        for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)); }
      };
      return left(100, async (i) => { await forget(); if (i % 10 === 9) await collect(); });`;
    flat(run(program));
  });

  it("but for little garbage: at most 1 KB a call of encode with one vector", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rqvae-garbage-"));
    try {
      using wide = await RQVAE.create({ inputDim: 768, ...small });
      await wide.kmeansInitCodebooks(catalogue(100, 768));
      const path = join(folder, "model.safetensors");
      writeFileSync(path, wide.save());
      // As npm run bench does.
      const flags = ["--expose-gc", "--min-semi-space-size=64"];
      expect(node(...flags, "bench/speed/scripts/garbage.mjs", path)).toBeLessThanOrEqual(1024);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("results", () => {
  it("are copies, which a growth of the memory leaves as they are", () => {
    const program = `
      await model.train(items, { epochs: 1, validationShare: 0.1 });
      const ids = model.encode(items, { margins: true });
      const { semIds, ...more } = model.getSemanticIds(items);
      const arrays = [
        ids.codes, ids.margins, semIds.codes, ...Object.values(more), (await model.encodeAsync(items)).codes,
        model.latents(items), model.decode(ids), model.reconstruct(items), ...model.codebooks(), ...model.codebooks({ space: "input" }),
        model.save(), model.saveCheckpoint(),
      ];
      const copies = arrays.map((array) => array.slice());
      const size = module.HEAPU8.length;
      const block = module._malloc(64 << 20);
      module.HEAPU8.fill(7, block, block + (64 << 20));
      model.encode(items);
      return {
        grown: module.HEAPU8.length > size,
        views: arrays.filter(({ buffer }) => buffer === module.HEAPU8.buffer || buffer.byteLength > 1e6).length,
        changed: arrays.filter((array, i) => Buffer.compare(Buffer.from(array.buffer, array.byteOffset, array.byteLength), Buffer.from(copies[i].buffer))).length,
        empty: arrays.filter(({ length }) => length === 0).length,
        count: arrays.length,
      };`;
    expect(run(program)).toEqual({ grown: true, views: 0, changed: 0, empty: 0, count: 16 });
  });

  it("of calls that overlap are each call's own", async () => {
    const models = await Promise.all([1, 2].map((seed) => RQVAE.create({ inputDim: DIM, ...small, seed })));
    for (const each of models) await each.kmeansInitCodebooks(items);
    const parts = [0, 1, 2, 3, 4, 5].map((k) => catalogue(700 + 300 * k, DIM, k));
    const expected = models.map((each) => parts.map((part) => each.encode(part)));
    const reconstructed = models.map((each) => parts.map((part) => each.reconstruct(part)));

    const third = await RQVAE.create({ inputDim: DIM, ...small });
    const background = third.train(items, { epochs: 20 }); // grows the memory meanwhile
    const calls = models.flatMap((each, m) =>
      parts.map(async (part, p) => {
        const asked = [each.encodeAsync(part), each.encodeAsync(part)];
        await new Promise((resolve) => setImmediate(resolve));
        expect(each.reconstruct(part)).toEqual(reconstructed[m]![p]); // synchronous ones in between
        for (const ids of await Promise.all(asked)) expect(ids).toEqual(expected[m]![p]);
      }),
    );
    await Promise.all([...calls, background]);
    for (const each of [...models, third]) each.dispose();
  });

  it("of an encode that the items' own code starts while they are read are right too", async () => {
    using model = await RQVAE.create({ inputDim: DIM, ...small });
    await model.kmeansInitCodebooks(items);
    const inner = Array.from({ length: 50 }, (_, i) => Array.from(items.data.subarray(i * DIM, (i + 1) * DIM)));
    const plain = inner.map((row) => [...row]);
    const found: unknown[] = [];
    const outer = plain.map((row) =>
      Object.defineProperty([...row], 0, {
        get() {
          if (found.length < 3) found.push(model.encode(inner));
          return row[0];
        },
      }),
    );
    expect(model.encode(outer)).toEqual(model.encode(plain));
    expect(found).toEqual([0, 0, 0].map(() => model.encode(plain)));
  });
});

describe("every handle", () => {
  /** A thing that has to be given back: how it is made, and what it is used for. */
  interface Case {
    make(): Promise<{ handle: Disposable | AsyncDisposable; dispose(): unknown; use(): unknown }>;
    error: new () => Error;
  }
  const options = { inputDim: DIM, ...small };
  const trained = async () => {
    const model = await RQVAE.create(options);
    await model.kmeansInitCodebooks(items);
    return model;
  };
  const cases: Record<string, Case> = {
    RQVAE: {
      async make() {
        const handle = await trained();
        return { handle, dispose: () => handle.dispose(), use: () => handle.encode(items) };
      },
      error: DisposedError,
    },
    Optimizer: {
      async make() {
        const model = await trained();
        const handle = model.createOptimizer();
        return { handle, dispose: () => handle.dispose(), use: () => model.trainStep(items, handle) };
      },
      error: DisposedError,
    },
    RQVAEWorker: {
      async make() {
        const handle = await RQVAEWorker.create(options);
        return { handle, dispose: () => handle.dispose(), use: () => handle.save() };
      },
      error: WorkerError,
    },
    WorkerOptimizer: {
      async make() {
        const worker = await RQVAEWorker.create(options);
        await worker.kmeansInitCodebooks(items);
        const handle = await worker.createOptimizer();
        return { handle, dispose: () => handle.dispose(), use: () => worker.trainStep(items, handle) };
      },
      error: DisposedError,
    },
    EncodePool: {
      async make() {
        using model = await trained();
        const handle = await EncodePool.create(model.save(), { workers: 1 });
        return { handle, dispose: () => handle.dispose(), use: () => handle.encode(items) };
      },
      error: WorkerError,
    },
  };

  it.each(Object.entries(cases))(
    "%s: may be disposed twice, and is of no use afterwards",
    async (_, { make, error }) => {
      for (const way of ["dispose", "symbol"] as const) {
        const { handle, dispose, use } = await make();
        const give = () =>
          way === "dispose"
            ? dispose()
            : Symbol.asyncDispose in handle
              ? handle[Symbol.asyncDispose]()
              : handle[Symbol.dispose]();
        await use();
        await give();
        await give();
        await dispose();
        await expect((async () => use())(), way).rejects.toThrow(error);
      }
    },
  );

  it("RQVAE: everything says that it was disposed, its optimizer can still be", async () => {
    const model = await trained();
    const optimizer = model.createOptimizer();
    const ids = model.encode(items);
    model.dispose();
    const calls: Record<string, () => unknown> = {
      encode: () => model.encode(items),
      encodeAsync: () => model.encodeAsync(items),
      encodeStream: () => model.encodeStream([items]).next(),
      getSemanticIds: () => model.getSemanticIds(items),
      latents: () => model.latents(items),
      decode: () => model.decode(ids),
      reconstruct: () => model.reconstruct(items),
      codebooks: () => model.codebooks(),
      forward: () => model.forward(items),
      createOptimizer: () => model.createOptimizer(),
      trainStep: () => model.trainStep(items, optimizer),
      kmeansInitCodebooks: () => model.kmeansInitCodebooks(items),
      train: () => model.train(items),
      save: () => model.save(),
      saveCheckpoint: () => model.saveCheckpoint(),
      select: () => model.select("loss"),
    };
    const methods = Object.getOwnPropertyNames(RQVAE.prototype).filter(
      (name) => typeof Object.getOwnPropertyDescriptor(RQVAE.prototype, name)?.value === "function",
    );
    expect(Object.keys(calls).sort()).toEqual(methods.filter((name) => !/^(constructor|dispose)$/.test(name)).sort());
    for (const [name, call] of Object.entries(calls)) {
      await expect((async () => call())(), name).rejects.toThrow(DisposedError);
    }
    optimizer.dispose();
    optimizer.dispose();
  });
});
