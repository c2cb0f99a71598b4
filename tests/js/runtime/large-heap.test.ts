/** A heap of more than 2 GiB: addresses are unsigned, and at the limit the error says what to do. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { freemem } from "node:os";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const GIGABYTE = 2 ** 30;

/** Runs a program in a process of its own. What it logs is JSON. */
function run(program: string): unknown {
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", program], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: 280_000,
  });
  return JSON.parse(output);
}

/** Bytes that a process may take without others being pushed out. */
function availableMemory(): number {
  try {
    return 1024 * Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))![1]);
  } catch {
    return freemem();
  }
}

/** Everything that crosses between JavaScript and the heap; `before` may take room on it first. */
const everything = (before: string) => `
  import { createHash } from "node:crypto";
  import { RQVAE } from "rqvae";
  import { native } from "./dist/runtime/native.js";
  const module = await native();
  ${before}
  const found = {};
  const hash = (name, ...arrays) => {
    const sum = createHash("sha256");
    for (const array of arrays) sum.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    found[name] = sum.digest("hex");
  };
  const dim = 6;
  const data = Float32Array.from({ length: 1000 * dim }, (_, i) => Math.fround(((i * 7919) % 1009) / 100));
  const items = { data, rows: 1000, dim };
  const source = { rows: 1000, dim, read: (first, count) => data.subarray(first * dim, (first + count) * dim) };
  const halves = { data: Uint16Array.from(data, (_, i) => 0x3c00 + (i % 500)), rows: 1000, dim };
  const model = await RQVAE.create({ inputDim: dim, latentDim: 4, hiddenDims: [8], codebookSize: 8 });
  await model.train(items, { epochs: 2, validationShare: 0.1, residualNoise: 0.2 });
  hash("checkpoint", model.saveCheckpoint());
  await model.train(source, { epochs: 1, checkpoint: { everyMs: 0, write() {} } });
  model.select("loss");
  const optimizer = model.createOptimizer();
  found.losses = [model.trainStep(items, optimizer), model.forward(Array.from(items.data.subarray(0, 12)).reduce((rows, x, i) => (i % dim ? rows.at(-1).push(x) : rows.push([x]), rows), []))];
  const ids = model.encode(items, { margins: true });
  const { semIds, embeddings, residuals, quantizeLoss } = model.getSemanticIds(items);
  hash("ids", ids.codes, ids.margins, semIds.codes, embeddings, residuals, quantizeLoss);
  hash("long", (await model.encodeAsync(items)).codes, (await model.encodeAsync(source)).codes, model.encode(halves).codes);
  hash("vectors", model.latents(items), model.decode(ids), model.reconstruct(items), ...model.codebooks({ space: "input" }));
  const bytes = model.save();
  hash("file", bytes, (await RQVAE.load(bytes)).save());
  found.refused = await model.train({ ...items, data: data.with(777, NaN) }).catch(({ message }) => message);
  const address = module._malloc(16) >>> 0;
  console.log(JSON.stringify({ found, address }));
  process.exit();`;

describe("beyond 2 GiB", () => {
  it("every call gives the bytes that it gives below", { timeout: 120_000 }, () => {
    interface Found {
      found: unknown;
      address: number;
    }
    const low = run(everything("")) as Found;
    // Room that is never touched takes no memory of the machine.
    const high = run(everything("for (let i = 0; i < 9; i++) module._malloc(2 ** 28);")) as Found;
    expect(low.address).toBeLessThan(GIGABYTE);
    expect(high.address).toBeGreaterThan(2 * GIGABYTE);
    expect(high.found).toEqual(low.found);
  });

  // 2.2 GiB of rows on the heap; in JavaScript they are few.
  it.skipIf(availableMemory() < 4 * GIGABYTE)(
    "rows in memory train as rows of a source do",
    { timeout: 300_000 },
    () => {
      const program = `
        import { createHash } from "node:crypto";
        import { RQVAE } from "rqvae";
        import { native } from "./dist/runtime/native.js";
        const module = await native();
        const [rows, dim] = [580_000, 1024];
        const few = Array.from({ length: 997 }, (_, row) =>
          Float32Array.from({ length: dim }, (_, j) => Math.fround(((row * 31 + j * 17) % 101) / 100 + ((row * j) % 7))));
        const at = (row) => few[(row * 7919) % 997];
        const items = Array.from({ length: rows }, (_, row) => at(row));
        const source = { rows, dim, read(first, count) {
          const data = new Float32Array(count * dim);
          for (let i = 0; i < count; i++) data.set(at(first + i), i * dim);
          return data;
        } };
        const hashes = [];
        let size = 0;
        for (const given of [source, items]) {
          const model = await RQVAE.create({ inputDim: dim, latentDim: 2, hiddenDims: [], codebookSize: 4, nQuantizationLayers: 2, linearSkip: "none", inputScaling: "none" });
          await model.train(given, { epochs: 1, batchSize: 8192 });
          hashes.push(createHash("sha256").update(model.saveCheckpoint()).digest("hex"));
          model.dispose();
          if (given === source) size = module.HEAPU8.length;
        }
        console.log(JSON.stringify({ hashes, streamed: size, memory: module.HEAPU8.length }));
        process.exit();`;
      const { hashes, streamed, memory } = run(program) as { hashes: string[]; streamed: number; memory: number };
      expect(memory).toBeGreaterThan(2 * GIGABYTE);
      expect(streamed).toBeLessThan(GIGABYTE);
      expect(hashes[1]).toBe(hashes[0]);
    },
  );

  it("what no heap can hold is refused at once, with the way out", () => {
    const program = `
      import { OutOfMemoryError, RQVAE } from "rqvae";
      const row = new Float32Array(1024);
      const model = await RQVAE.create({ inputDim: 1024, latentDim: 2, hiddenDims: [], codebookSize: 2 });
      const error = await model.train(Array.from({ length: 1_100_000 }, () => row)).catch((reason) => reason);
      // Beyond the heap's room, but not beyond what 32 bits can count.
      const nearly = await model.train(Array.from({ length: 1_047_000 }, () => row)).catch((reason) => reason);
      await model.kmeansInitCodebooks([row, row]);
      console.log(JSON.stringify([error, nearly].map((each) => [each instanceof OutOfMemoryError, each.message])));
      process.exit();`;
    const errors = run(program) as [boolean, string][];
    for (const [isOurs, message] of errors) {
      expect(isOurs).toBe(true);
      expect(message).toMatch(/4 GB at most.*EmbeddingSource/);
    }
  });
});

it.each([1, 2])("gives no memory that is in use where the end of memory is near, on %i threads", (threads) => {
  // The allocator's own check wrapped around at 4 GB: a hole of 16 MB was large enough for 1.1 GB.
  const outcome = run(`
    import { initialize } from "./dist/index.js";
    import { native } from "./dist/runtime/native.js";
    await initialize({ threads: ${threads} });
    const module = await native();
    const parts = [1.5 * 2 ** 30, 2 ** 24, 1.5 * 2 ** 30, 64].map((size) => module._malloc(size));
    module._free(parts[1]);
    const [tooLarge, fits] = [1100 * 2 ** 20, 2 ** 23].map((size) => module._malloc(size));
    console.log(JSON.stringify([parts.every((address) => address !== 0), tooLarge, fits !== 0]));
    process.exit();
  `);
  expect(outcome).toEqual([true, 0, true]);
});
