/** A pool of workers that encodes one catalogue: same bytes as one model, whatever the number of workers. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BroadcastChannel, type Worker } from "node:worker_threads";
import {
  InvalidInputError,
  type Items,
  ModelFormatError,
  NotInitializedError,
  RQVAE,
  type RQVAEError,
  SemanticIds,
  WasmLoadError,
  WorkerError,
} from "rqvae";
import { EncodePool } from "rqvae/worker";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { openItems } from "../../../bindings/js/items/items.ts";
import { copyShard } from "../../../bindings/js/worker/shard.ts";
import { startOptions, threads } from "../runtime/started-threads.ts";
import { catalogue, sameBits, small } from "../support/catalogue.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const WASM = new URL("../../../dist/wasm/", import.meta.url);
const DIM = 6;
const items = catalogue(5000, DIM);
let model: RQVAE;
let bytes: Uint8Array<ArrayBuffer>;
let pool: EncodePool;

beforeAll(async () => {
  model = await RQVAE.create({ inputDim: DIM, ...small });
  await model.train(catalogue(500, DIM), { epochs: 2 });
  bytes = model.save({ part: "encoder" });
  pool = await EncodePool.create(bytes, { workers: 3 });
});
afterAll(async () => {
  await pool.dispose();
  model.dispose();
});

function run(program: string): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: 30_000,
  });
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  return stdout;
}

/** Some items that take a while, of which the shards are many. */
const many = (rows: number) => ({ data: new Float32Array(rows * DIM).fill(0.5), rows, dim: DIM });

describe("the IDs", () => {
  it.each([1, 2, 5])("are those of one model, with %d workers", async (workers) => {
    const own = await EncodePool.create(bytes, { workers });
    expect([own.size, own.fingerprint]).toEqual([workers, model.fingerprint]);
    expect(own.config).toEqual(model.config);
    const ids = await own.encode(items);
    expect(ids).toBeInstanceOf(SemanticIds);
    expect(ids).toEqual(model.encode(items));
    await own.dispose();
  });

  it("are in order at every size about a shard's, and of every form of items", async () => {
    for (const rows of [1, 2, 255, 256, 257, 768, 769, 1025]) {
      const some = { data: items.data.slice(0, rows * DIM), rows, dim: DIM };
      expect(await pool.encode(some), String(rows)).toEqual(model.encode(some));
    }
    const rows = Array.from({ length: 700 }, (_, i) => items.data.subarray(i * DIM, (i + 1) * DIM));
    const forms: Items[] = [
      items.data,
      Float64Array.from(items.data),
      rows,
      rows.map((row) => Array.from(row)),
      { data: Uint16Array.from({ length: 700 * DIM }, (_, i) => (i * 7919) % 0x7c00), rows: 700, dim: DIM },
    ];
    for (const form of forms) expect(await pool.encode(form)).toEqual(model.encode(form));
    expect(items.data).toHaveLength(5000 * DIM);
  });

  it("come from calls at the same time, each its own", async () => {
    const parts = [0, 1, 2, 3].map((i) => items.data.slice(i * 900 * DIM, (i + 1) * 900 * DIM));
    const found = await Promise.all(parts.map((part) => pool.encode(part)));
    expect(found).toEqual(parts.map((part) => model.encode(part)));
  });

  it("take half floats exactly as the core does", () => {
    const data = Uint16Array.from({ length: 0x10000 }, (_, half) => half).filter((half) => (half & 0x7c00) !== 0x7c00);
    const floats = copyShard(openItems({ data, rows: data.length, dim: 1 }, 1), 0, data.length);
    data.forEach((half, i) => {
      const [exponent, fraction] = [(half >> 10) & 31, half & 0x3ff];
      const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
      expect(Object.is(floats[i], half & 0x8000 ? -size : size) || `half ${half}: ${floats[i]}`).toBe(true);
    });
  });
});

describe("a call", () => {
  it("tells its progress, to a callback and to a loop", async () => {
    const heard: number[] = [];
    const seen: number[] = [];
    const { data, rows, dim } = many(400_000);
    // By a clock that only reading moves: events are due between the pieces, however quick the machine is.
    let time = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => time);
    const call = pool.encode(
      {
        rows,
        dim,
        read: (start, count) => {
          time += 150;
          return data.subarray(start * dim, (start + count) * dim);
        },
      },
      {
        onProgress: ({ phase, progress }) => {
          expect(phase).toBe("encode");
          heard.push(progress);
        },
      },
    );
    for await (const { progress } of call) seen.push(progress);
    expect(seen).toEqual(heard);
    expect(heard.length).toBeGreaterThan(1);
    expect(heard).toEqual(heard.toSorted((a, b) => a - b));
    expect(heard.at(-1)).toBe(1);
    expect(heard[0]).toBeLessThan(1);
    expect(await call).toHaveLength(400_000);
    clock.mockRestore();
  });

  it("rejects with the signal's reason, in the middle, and the pool serves on", async () => {
    const controller = new AbortController();
    const reason = { why: "enough" };
    let read = 0;
    const call = pool.encode(
      source((number) => {
        read = number;
        if (number === 2) controller.abort(reason);
      }),
      { signal: controller.signal },
    );
    await expect(call).rejects.toBe(reason);
    expect(read).toBe(2); // of six pieces
    await expect(pool.encode(items, { signal: controller.signal })).rejects.toBe(reason);
    expect(await pool.encode(items)).toEqual(model.encode(items));
  });

  it("ends with what onProgress throws", async () => {
    const error = new Error("from onProgress");
    const onProgress = () => {
      throw error;
    };
    await expect(pool.encode(many(500_000), { onProgress })).rejects.toBe(error);
    expect(await pool.encode(items)).toEqual(model.encode(items));
  });

  it("says what is wrong with an item as RQVAE does, by its row in the whole", async () => {
    const bad = (row: number, column: number, value: number) => {
      const data = Float64Array.from(items.data);
      data[row * DIM + column] = value;
      data[4900 * DIM] = Number.NaN; // a later one is not the first
      return data;
    };
    const halfs = new Uint16Array(4000 * DIM);
    halfs[3999 * DIM + 2] = 0x7c00;
    const wrong: unknown[] = [
      bad(0, 0, Number.NaN),
      bad(3210, 4, Number.POSITIVE_INFINITY),
      bad(1700, 5, 1e39),
      { data: halfs, rows: 4000, dim: DIM },
      [[1, 2, 3, 4, 5, "6"]],
      [[1, 2]],
      [],
      new Float32Array(7),
      { data: new Float32Array(10), rows: 2, dim: 5 },
      undefined,
    ];
    for (const given of wrong) {
      const error = await pool.encode(given as never).catch((reason: RQVAEError) => reason);
      expect(error).toBeInstanceOf(InvalidInputError);
      expect(() => model.encode(given as never)).toThrow((error as RQVAEError).message);
    }
    expect(await pool.encode(items)).toEqual(model.encode(items));
  });

  it("refuses options that it does not have", async () => {
    for (const options of [{ margins: true }, { onProgress: 3 }, { signal: "now" }, null]) {
      await expect(pool.encode(items, options as never)).rejects.toThrow(InvalidInputError);
    }
  });
});

describe("making a pool", () => {
  it("refuses a bad model or number of workers, and ends what it started", async () => {
    const before = threads.length;
    await expect(EncodePool.create(bytes.slice(0, 200), { workers: 2 })).rejects.toThrow(ModelFormatError);
    for (const workers of [0, 1.5, 65, "two"]) {
      await expect(EncodePool.create(bytes, { workers } as never)).rejects.toThrow(
        "workers must be a whole number from 1 to 64",
      );
    }
    await expect(EncodePool.create(bytes, { worker: 2 } as never)).rejects.toThrow('did you mean "workers"');
    const wasm = readFileSync(new URL("rqvae-threads.wasm", WASM));
    await expect(EncodePool.create(bytes, { workers: 1, wasm })).rejects.toThrow(WasmLoadError);
    const started = threads.slice(before);
    expect(started.length).toBeGreaterThanOrEqual(3);
    await expect.poll(() => started.map(({ threadId }) => threadId)).toEqual(started.map(() => -1)); // that is: gone
  });

  it("takes the wasm from where it is told to", async () => {
    const wasm = new Uint8Array(readFileSync(new URL("rqvae.wasm", WASM)));
    for (const given of [new URL("rqvae.wasm", WASM), wasm, await WebAssembly.compile(wasm), new Response(wasm)]) {
      const own = await EncodePool.create(bytes, { workers: 2, wasm: given });
      expect(await own.encode(items)).toEqual(model.encode(items));
      await own.dispose();
    }
  });

  it("says NotInitializedError for a model that cannot encode", async () => {
    using fresh = await RQVAE.create({ inputDim: DIM, ...small });
    const own = await EncodePool.create(fresh.save(), { workers: 2 });
    await expect(own.encode(items)).rejects.toThrow(NotInitializedError);
    await own.dispose();
  });
});

/** Something that kills a worker thread from inside, where its own code cannot help it. */
const DEATHS = {
  exit: "process.exit(7)",
  throw: "setTimeout(() => { throw new Error('from nowhere') })",
  memory: "const held = []; for (;;) held.push(new Array(1e5).fill({}))",
};

/** A pool whose workers can be killed, and the threads that it starts from now on. */
async function mortal(workers: number) {
  const before = threads.length;
  // Not by the thread's own port: who listens there first takes the messages for the worker's code.
  const preload = `
    import { BroadcastChannel, threadId } from "node:worker_threads";
    const channel = new BroadcastChannel("deaths");
    channel.onmessage = ({ data: { thread, death } }) => {
      if (thread !== threadId) return;
      ${Object.entries(DEATHS)
        .map(([name, program]) => `if (death === "${name}") { ${program} }`)
        .join("\n")}
    };
    channel.unref();`;
  startOptions.given = {
    execArgv: ["--import", `data:text/javascript,${encodeURIComponent(preload)}`],
    resourceLimits: { maxOldGenerationSizeMb: 64 },
  };
  const lost: string[] = [];
  const pool = await EncodePool.create(bytes, { workers, onWorkerLost: ({ message }) => lost.push(message) });
  return { pool, lost, started: () => threads.slice(before) };
}

const channel = new BroadcastChannel("deaths");
/** Resolves when the thread is gone. */
function kill(thread: Worker | undefined, death: keyof typeof DEATHS = "exit"): Promise<unknown> {
  const gone = new Promise((resolve) => thread?.once("exit", resolve));
  channel.postMessage({ thread: thread?.threadId, death });
  return gone;
}
afterEach(() => {
  startOptions.given = {};
});
afterAll(() => channel.close());

/** A million items in six shards; before it gives its `number`-th, it does what is to be done then. */
const large = catalogue(1_000_000, DIM);
function source(before: (number: number) => unknown) {
  let number = 0;
  const read = async (first: number, count: number) => {
    await before(++number);
    return large.data.slice(first * DIM, (first + count) * DIM);
  };
  return { rows: large.rows, dim: DIM, read };
}

describe("a worker that dies", () => {
  it.each(["exit", "throw", "memory"] as const)("is replaced in the middle of a call, by %s", async (death) => {
    const { pool, lost, started } = await mortal(2);
    const ids = await pool.encode(source((number) => number === 2 && kill(started()[0], death)));
    expect(sameBits(ids.codes, model.encode(large).codes)).toBe(true);
    expect(lost).toHaveLength(1);
    expect(lost[0]).toMatch(/^The worker thread (ended by itself \(exit code 7\)|crashed: .+)/);
    expect([started().length, pool.size]).toEqual([3, 2]);
    expect(await pool.encode(items)).toEqual(model.encode(items));
    await pool.dispose();
  });

  it("is replaced when the next call finds it dead, however often", async () => {
    const { pool, lost, started } = await mortal(2);
    for (const round of [1, 2]) {
      await Promise.all(
        started()
          .slice(-2)
          .map((thread) => kill(thread)),
      );
      const found = await Promise.all([pool.encode(items), pool.encode(items)]);
      expect(found).toEqual([model.encode(items), model.encode(items)]);
      expect([lost.length, started().length]).toEqual([2 * round, 2 + 2 * round]);
    }
    await pool.dispose();
  });

  it("ends the pool when its replacement dies in the same call: no call hangs", async () => {
    const { pool, lost, started } = await mortal(1);
    const call = pool.encode(source((number) => (number === 2 || number === 3) && kill(started()[number - 2])));
    await expect(call).rejects.toThrow(/^A worker died, and so did its replacement, over rows \d+ to \d+: The worker/);
    await expect(call).rejects.toBeInstanceOf(WorkerError);
    await expect(pool.encode(items)).rejects.toThrow(WorkerError);
    expect(lost).toHaveLength(1);
    await pool.dispose();
  });

  it.each(["dispose", "abort"] as const)("may be being replaced at a %s", async (end) => {
    const { pool, started } = await mortal(1);
    const controller = new AbortController();
    const never = new Promise(() => {});
    const { signal } = controller;
    const call = pool.encode(
      source((number) => (number === 2 ? kill(started()[0]) : number === 3 && never)),
      { signal },
    );
    await expect.poll(() => started().length).toBe(2);
    if (end === "abort") {
      controller.abort("enough");
      await expect(call).rejects.toBe("enough");
      expect(await pool.encode(items)).toEqual(model.encode(items));
      await pool.dispose();
    } else {
      const ended = pool.dispose();
      await expect(call).rejects.toThrow("The pool was disposed");
      await ended;
    }
    await expect.poll(() => started().map(({ threadId }) => threadId)).toEqual([-1, -1]);
  });

  it("is told of on the console, unless somebody listens", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const before = threads.length;
    const own = await EncodePool.create(bytes, { workers: 1 });
    await threads[before]?.terminate();
    expect(await own.encode(items)).toEqual(model.encode(items));
    expect(warn.mock.calls).toEqual([
      ["rqvae: The worker thread ended by itself (exit code 1); EncodePool replaces it"],
    ]);
    warn.mockRestore();
    await own.dispose();
    await expect(EncodePool.create(bytes, { onWorkerLost: 1 } as never)).rejects.toThrow(
      "onWorkerLost must be a function",
    );
  });
});

describe("the end of the pool", () => {
  it("rejects pending calls before the workers are gone, and later ones", async () => {
    const own = await EncodePool.create(bytes, { workers: 2 });
    const call = own.encode(many(2_000_000));
    const ended = own.dispose();
    expect(await Promise.race([call.catch((reason) => reason), ended])).toBeInstanceOf(WorkerError);
    await ended;
    await expect(own.encode(items)).rejects.toThrow("The pool was disposed");
    await own.dispose();
    await own.dispose();
  });

  it("lets the process end, and no worker takes CPU time before", () => {
    const program = (last: string) => `
      import { RQVAE } from "rqvae";
      import { EncodePool } from "rqvae/worker";
      const data = Float32Array.from({ length: 3000 }, (_, i) => (i * 7919) % 101);
      const model = await RQVAE.fit({ data, rows: 500, dim: 6 }, { epochs: 1, codebookSize: 8 });
      const pool = await EncodePool.create(model.save(), { workers: 4 });
      const { length } = await pool.encode(data);
      await new Promise((resolve) => setTimeout(resolve, 100));
      const before = process.cpuUsage(); // of all threads
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const { user, system } = process.cpuUsage(before);
      console.log(length, (user + system) / 1e6 < 0.1);
      ${last}`;
    expect(run(program("await pool.dispose();"))).toBe("500 true\n");
    expect(run(program(""))).toBe("500 true\n"); // an idle one does not hold it up either
  });
});
