/** Shapes whose sizes do not fit into 32 bits: they work or are refused, and no other model notices. */

import { RQVAE, RQVAEError } from "rqvae";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { forged, safetensors } from "../../../bench/fuzz-shapes.mjs";
import { native } from "../../../dist/runtime/native.js";

/** Rows of `dim` values of a plain generator. */
function rowsOf(rows: number, dim: number) {
  const data = new Float32Array(rows * dim);
  let state = 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state / 2 ** 32 - 0.5;
  }
  return { data, rows, dim };
}

vi.setConfig({ testTimeout: 300_000 }); // what is large takes its time on a busy machine

const items = rowsOf(600, 8);
let bystander: RQVAE;
let before: { bytes: Uint8Array; codes: number[] };
const state = () => ({ bytes: bystander.save(), codes: [...bystander.encode(items).codes] });

beforeAll(async () => {
  bystander = await RQVAE.fit(items, { epochs: 2, seed: 1 });
  before = state();
});
afterAll(() => bystander.dispose());

/** What came of it: "done" or the name of an error, which must be one of ours. */
async function attempt(body: () => Promise<RQVAE>): Promise<string> {
  let outcome = "done";
  try {
    (await body()).dispose();
  } catch (error) {
    expect(error).toBeInstanceOf(RQVAEError);
    outcome = `${(error as Error).name}: ${(error as Error).message}`;
  }
  expect(state()).toEqual(before);
  return outcome;
}

const PLAIN = {
  inputDim: 2,
  latentDim: 1,
  hiddenDims: [],
  linearSkip: "none",
  inputScaling: "none",
  codebookKmeansInit: false,
} as const;

it.each([
  ["products of 65,536 codes with themselves, 2^32", [65_536, 65_536]],
  ["products that sum to more than 2^31", [27_000, 27_000, 27_000]],
  ["products of 32,768 codes", [32_768, 32_768, 32_768]],
  ["uneven levels", [65_535, 3, 65_537]],
])("encodes by a beam over %s", async (_name, codebookSize) => {
  const outcome = await attempt(async () => {
    const model = await RQVAE.create({ ...PLAIN, codebookSize, encodeBeam: 4 });
    const ids = model.encode(rowsOf(20, 2));
    expect([...model.encode(rowsOf(20, 2)).codes]).toEqual([...ids.codes]);
    // The same by a file, whose checksum is right.
    const again = await RQVAE.load(model.save());
    expect([...again.encode(rowsOf(20, 2)).codes]).toEqual([...ids.codes]);
    again.dispose();
    return model;
  });
  expect(outcome).toBe("done");
});

it("clusters where latentDim times the codes is 2^24", async () => {
  expect(
    await attempt(async () => {
      const model = await RQVAE.create({
        inputDim: 256,
        latentDim: 256,
        hiddenDims: [],
        linearSkip: "identity",
        codebookSize: [65_536],
      });
      await model.kmeansInitCodebooks(rowsOf(4, 256));
      return model;
    }),
  ).toBe("done");
});

it("refuses a Sinkhorn balance of 65,536 items over 65,536 codes before it begins", async () => {
  expect(
    await attempt(async () => {
      const model = await RQVAE.create({ ...PLAIN, codebookSize: [65_536], sinkhornEpsilon: 0.05 });
      await model.train(rowsOf(65_536, 2), { batchSize: 65_536, epochs: 1 });
      return model;
    }),
  ).toMatch(/^OutOfMemoryError: .*batchSize/);
});

it("makes the largest codebook that there may be", async () => {
  expect(
    await attempt(async () => {
      const model = await RQVAE.create({ ...PLAIN, codebookSize: [16_777_216] });
      model.encode(rowsOf(2, 2));
      return model;
    }),
  ).toBe("done");
});

/** Bytes of the WebAssembly's memory, which never shrinks. */
const memory = async () => (await native()).wasmMemory.buffer.byteLength;

it.each([
  [
    "widths of 16,000",
    { hiddenDims: [16_000, 16_000] },
    /^ModelFormatError: tensor "encoder.network.0.weight" has shape/,
  ],
  [
    "200,000 layers",
    { hiddenDims: new Array(200_000).fill(1) },
    /^ModelFormatError: .*hiddenDims must be at most 64 whole/,
  ],
  [
    "100,000 levels",
    { codebookSizes: new Array(100_000).fill(2), nQuantizationLayers: 100_000 },
    /^ModelFormatError: .*1 to 64/,
  ],
  [
    "codebooks of 16,777,216",
    { codebookSizes: [16_777_216, 16_777_216, 16_777_216] },
    /^ModelFormatError: tensor "quanti/,
  ],
  ["2^48 weights", { hiddenDims: [16_777_216, 16_777_216] }, /^ModelFormatError: tensor/],
])("refuses a file that claims %s, before there is room for them", async (_name, changes, message) => {
  const file = await forged(bystander.save(), changes);
  const size = await memory();
  expect(await attempt(() => RQVAE.load(file))).toMatch(message);
  expect(await memory()).toBe(size);
});

it("refuses a state_dict of 20,000 layers", async () => {
  const shapes: Record<string, number[]> = {};
  for (let i = 0; i < 20_000; i++) {
    for (const half of ["encoder", "decoder"]) {
      shapes[`${half}.network.${2 * i}.weight`] = [1, 1];
      shapes[`${half}.network.${2 * i}.bias`] = [1];
    }
  }
  shapes["quantization_layers.0.embedding.weight"] = [4, 1];
  const size = await memory();
  expect(await attempt(() => RQVAE.load(safetensors(shapes)))).toMatch(
    /^\w+Error: .*hiddenDims must be at most 64 whole/,
  );
  expect(await memory()).toBe(size);
});

it.each([
  ["weights", { inputDim: 3, hiddenDims: [16_777_216, 16_777_216] }],
  ["codebooks", { inputDim: 3, codebookSize: [16_777_216, 16_777_216], latentDim: 16 }],
  ["one buffer", { inputDim: 3, latentDim: 1, hiddenDims: [23_200, 23_200] }],
])("refuses to make a model whose %s are too large, with numbers, before it begins", async (_name, options) => {
  const size = await memory();
  expect(await attempt(() => RQVAE.create({ ...PLAIN, ...options }))).toMatch(
    /^OutOfMemoryError: about [\d.]+ GB of memory would be needed: the model [\d.]+ GB\. WebAssembly has 4 GB at most.*Make hiddenDims, latentDim or codebookSize smaller$/,
  );
  expect(await memory()).toBe(size);
});

it.each([
  ["in memory", rowsOf(3000, 4)],
  ["from a source", { rows: 3000, dim: 4, read: async (_: number, count: number) => new Float32Array(4 * count) }],
])("fit refuses what would not fit before there is a model, items %s", async (_name, given) => {
  const size = await memory();
  expect(await attempt(() => RQVAE.fit(given, { hiddenDims: [16_000, 16_000] }))).toMatch(
    /^OutOfMemoryError: about [\d.]+ GB of memory would be needed: the model 3\.9 GB.*Make hiddenDims/,
  );
  expect(await memory()).toBe(size);
});

it("a model that only encodes has its weights, packed ones beside them, and no gradients", async () => {
  const size = await memory();
  const weights = 2 * 4 * (4_000 * 4_000 + 4_000 * 2 + 4_000);
  const model = await RQVAE.create({ ...PLAIN, hiddenDims: [4_000, 4_000] });
  model.encode(rowsOf(2, 2));
  expect((await memory()) - size).toBeLessThan(2.5 * weights);
  model.dispose();
});

it("refuses principal directions whose covariance is too large for one matrix", async () => {
  expect(
    await attempt(() => RQVAE.fit(rowsOf(3, 27_000), { inputDim: 27_000, latentDim: 2, hiddenDims: [], epochs: 1 })),
  ).toMatch(/^OutOfMemoryError: .*for one matrix, of which the largest would be 2\.8 GB/);
});
