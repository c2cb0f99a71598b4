/** A model as the plain networks of PyTorch's programs: the same IDs, here and in PyTorch. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { InvalidInputError, type ModelOptions, RQVAE } from "rqvae";
import { writePlainModel } from "rqvae/formats";
import { describe, expect, it } from "vitest";
import { readNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { expectError, files, quick, readBytes, rqvae, useFolder } from "../cli/harness.ts";
import { catalogue } from "../support/catalogue.ts";
import { checkoutFolder, hasTorch, python, ROOT, removeFolder } from "./torch.ts";

const N = 2000;
const D = 20;
const items = catalogue(N, D);
const rowsOf = ({ data }: { data: Float32Array }) =>
  Array.from({ length: N }, (_, i) => [...data.subarray(i * D, (i + 1) * D)]);
const codesOf = (model: RQVAE) => [...model.encode(items)].map(String);

async function trained(options: Partial<ModelOptions>): Promise<RQVAE> {
  const model = await RQVAE.create({
    inputDim: D,
    latentDim: 6,
    hiddenDims: [16, 12],
    codebookSize: 16,
    seed: 2,
    ...options,
  });
  await model.train(items, { epochs: 2, batchSize: 256, learningRate: 3e-4 });
  return model;
}

const cases: [string, Partial<ModelOptions>][] = [
  ["the default", {}],
  ["ReLU and each dimension scaled", { activation: "relu", inputScaling: "perDimension" }],
  ["no hidden layer", { hiddenDims: [] }],
  ["one hidden layer, centred", { hiddenDims: [16], inputScaling: "center" }],
  ["SimVQ, no linear path", { codebookSimVq: true, inputScaling: "center", linearSkip: "none" }],
  ["an identity path", { latentDim: D, linearSkip: "identity" }],
  ["compat hopwise", { compat: "hopwise", codebookSimVq: false }],
];

/** The items whose IDs differ, with how near their codes were to the runner-up. */
function differing(a: string[], b: string[], margin: (row: number) => number): number[] {
  return a.flatMap((codes, i) => (codes === b[i] ? [] : [margin(i)]));
}

describe("writePlainModel", () => {
  it.each(cases)("gives the same IDs and vectors: %s", async (_, options) => {
    using model = await trained(options);
    const { bytes, config } = writePlainModel(model);
    const wider = model.config.linearSkip === "none" ? 0 : 2 * model.config.latentDim;
    expect(config).toEqual({
      input_dim: D,
      latent_dim: model.config.latentDim,
      hidden_dims: model.config.hiddenDims.map((width) => width + wider),
      codebook_size: 16,
      codebook_kmeans_init: false,
      codebook_sim_vq: model.config.codebookSimVq,
      n_quantization_layers: 3,
      commitment_weight: 0.25,
    });
    const compat = model.config.compat;
    using plain = await RQVAE.load(bytes, { config: { ...config, compat, activation: model.config.activation } });
    expect(plain.config).toMatchObject({ compat, inputScaling: "none", linearSkip: "none" });
    const { margins } = model.encode(items, { margins: true });
    const expected = codesOf(model);
    expect(new Set(expected).size).toBeGreaterThan(100);
    const scale = Math.max(...model.getSemanticIds(items).quantizeLoss);
    const others = differing(expected, codesOf(plain), (i) => Math.min(...margins!.subarray(3 * i, 3 * i + 3)));
    expect(others.length).toBeLessThanOrEqual(N / 1000);
    for (const margin of others) expect(margin).toBeLessThan(1e-3 * scale);
    const ids = [...model.encode(items)];
    const [restored, same] = [model.decode(ids), plain.decode(ids)];
    const size = Math.max(...restored.map(Math.abs));
    for (const [k, x] of restored.entries()) expect(Math.abs(same[k]! - x)).toBeLessThan(1e-4 * size);
    // Without being told it is taken for Hopwise's, whose IDs are the same.
    using taken = await RQVAE.load(bytes, { config: { activation: model.config.activation } });
    expect(taken.config.compat).toBe("hopwise");
    expect(codesOf(taken)).toEqual(codesOf(plain));
  });

  it.skipIf(!hasTorch())("is taken by the reference's class, strictly, and PyTorch gives the same IDs", async () => {
    const folder = await checkoutFolder("plain");
    for (const [name, options] of cases) {
      using model = await trained(options);
      const { bytes, config } = writePlainModel(model);
      const [path, request] = [join(folder, "plain.safetensors"), join(folder, "request.json")];
      writeFileSync(path, bytes);
      const { activation } = model.config;
      writeFileSync(request, JSON.stringify({ model: path, config, activation, items: rowsOf(items) }));
      const { stdout, stderr } = python([join(ROOT, "tests/fixtures/plain_model.py"), request]);
      expect(stderr, name).toBe("");
      const { codes, margins, restored } = JSON.parse(stdout) as {
        codes: number[][];
        margins: number[];
        restored: number[];
      };
      const others = differing(codesOf(model), codes.map(String), (i) => margins[i]!);
      expect(others.length, name).toBeLessThanOrEqual(N / 1000);
      const scale = Math.max(...model.getSemanticIds(items).quantizeLoss);
      for (const margin of others) expect(margin, name).toBeLessThan(1e-3 * scale);
      if (model.config.compat === "hopwise") continue; // its decoder goes on with a sigmoid
      const expected = model.decode(codes);
      const size = Math.max(...expected.map(Math.abs));
      for (const [k, x] of expected.entries()) expect(Math.abs(restored[k]! - x), name).toBeLessThan(1e-4 * size);
    }
    removeFolder(folder);
  });

  it.each<[Partial<ModelOptions>, RegExp]>([
    [{ encodeBeam: 3 }, /encodeBeam is 3, .*some items would get other IDs.*greedy: true/],
    [{ layerNorm: true }, /layerNorm is true/],
    [{ inputScaling: "l2" }, /inputScaling is "l2"/],
    [{ codebookSize: [4, 8] }, /codebookSize is \[4, 8\], but the class has one size/],
  ])("refuses what the class does not compute: %o", async (options, message) => {
    using model = await RQVAE.create({ inputDim: 4, latentDim: 2, hiddenDims: [3], ...options });
    expect(() => writePlainModel(model)).toThrow(message);
    expect(() => writePlainModel(model)).toThrow(InvalidInputError);
  });

  it("writes a model with a beam when it is told that greedy IDs are wanted", async () => {
    using model = await trained({ encodeBeam: 8 });
    using greedy = await RQVAE.load(model.save(), { config: { encodeBeam: 1 } });
    const written = writePlainModel(model, { greedy: true });
    expect(written).toEqual(writePlainModel(greedy));
    using plain = await RQVAE.load(written.bytes);
    const expected = codesOf(greedy);
    expect(differing(expected, codesOf(plain), () => 0).length).toBeLessThanOrEqual(N / 1000);
    // The beam makes a difference: else this would show nothing.
    expect(differing(expected, codesOf(model), () => 0).length).toBeGreaterThan(N / 100);
    expect(() => writePlainModel(model, { greedy: false })).toThrow(/encodeBeam is 8/);
    using uneven = await RQVAE.create({ inputDim: 4, codebookSize: [4, 8], encodeBeam: 2 });
    expect(() => writePlainModel(uneven)).toThrow(/codebookSize is/); // greedy would not help
    expect(() => writePlainModel(model, { greedy: 1 as never })).toThrow(/greedy must be true or false, received 1/);
    expect(() => writePlainModel(model, { beam: 1 } as never)).toThrow(/unknown option "beam"/);
  });

  it("refuses an encoder part", async () => {
    using model = await RQVAE.create({ inputDim: 4, codebookSize: 4 });
    using part = await RQVAE.load(model.save({ part: "encoder" }));
    expect(() => writePlainModel(part)).toThrow(/no decoder/);
  });
});

describe("rqvae convert --plain", () => {
  useFolder();

  it("writes the file and says how Python loads it", async () => {
    expect(rqvae("train", "items.npy", "-q", ...quick, "--codes", "8", "--beam", "1").status).toBe(0);
    const { status, stdout, stderr } = rqvae("convert", "--plain", "model.safetensors", "-o", "plain.safetensors");
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toContain("RQ_VAE(input_dim=5, latent_dim=3, hidden_dims=[14], codebook_size=8,");
    expect(stderr).toContain("codebook_sim_vq=False");
    using model = await RQVAE.load(readBytes("model.safetensors"));
    expect(Buffer.compare(readBytes("plain.safetensors"), writePlainModel(model).bytes)).toBe(0);
    expect(rqvae("convert", "--plain", "model.safetensors", "-q")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(files()).toContain("model.plain.safetensors");
    expectError(
      rqvae("convert", "--plain", "model.safetensors"),
      1,
      "model.plain.safetensors: exists already",
      "--force",
    );
    // And the other commands take it.
    expect(rqvae("encode", "plain.safetensors", "items.npy", "-q", "-o", "ids.csv").status).toBe(0);
    expectError(rqvae("convert", "--plain", "model.safetensors", "-o", "model.safetensors"), 1, "is an input");
    expectError(
      rqvae("convert", "--plain", "items.npy"),
      1,
      "items.npy",
      "is an npy file of vectors, but --plain must be a model",
    );
    expectError(rqvae("convert", "--plain", "model.safetensors", "--to", "csv"), 2, "--to is for IDs");
    expectError(rqvae("convert", "a.csv", "b.csv", "-o", "c.csv"), 2, "-o is for --plain");
    expect(rqvae("train", "items.npy", "-q", "-f", ...quick, "--codes", "8", "--beam", "2").status).toBe(0);
    expectError(
      rqvae("convert", "--plain", "model.safetensors", "--force"),
      1,
      "model.safetensors",
      "model.safetensors: encodeBeam is 2",
      "train with --beam 1; to write it anyway, give --greedy",
    );
    const told = rqvae("convert", "--plain", "model.safetensors", "--greedy", "-o", "greedy.safetensors");
    expect(told).toMatchObject({ status: 0, stdout: "" });
    expect(told.stderr).toContain("the IDs of some items differ from those that rqvae gives, with a beam of 2.");
    using beam = await RQVAE.load(readBytes("model.safetensors"));
    expect(Buffer.compare(readBytes("greedy.safetensors"), writePlainModel(beam, { greedy: true }).bytes)).toBe(0);
    // What rqvae says of the greedy model is what it says of the same weights without the beam.
    using one = await RQVAE.load(readBytes("model.safetensors"), { config: { encodeBeam: 1 } });
    using plain = await RQVAE.load(readBytes("greedy.safetensors"));
    const { data, rows, dim } = readNpy(readBytes("items.npy"));
    expect([...plain.encode({ data, rows, dim })]).toEqual([...one.encode({ data, rows, dim })]);
    expectError(rqvae("convert", "a.csv", "b.csv", "--greedy"), 2, "--greedy is for --plain");
  });
});
