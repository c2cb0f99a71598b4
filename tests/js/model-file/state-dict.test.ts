/** PyTorch state_dicts of other programs: made here with their names, and compared with a naive forward pass in double. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ModelFormatError, RQVAE } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { generator } from "../support/catalogue.ts";

const [D, WIDTHS, LATENT, SIZES] = [11, [9, 7], 4, [8, 6, 5]];
const ROWS = 60;

type Tensor = { shape: number[]; data: number[]; dtype?: "F32" | "I64" };
type StateDict = Record<string, Tensor>;

/** A safetensors file as PyTorch users save it: no metadata of ours. */
function safetensors(state: StateDict): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const blobs: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data, dtype = "F32" }] of Object.entries(state)) {
    const values = dtype === "F32" ? Float32Array.from(data) : BigInt64Array.from(data.map(BigInt));
    header[name] = { dtype, shape, data_offsets: [offset, offset + values.byteLength] };
    blobs.push(new Uint8Array(values.buffer));
    offset += values.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return Buffer.concat([length, text, ...blobs]);
}

const next = generator(5);
const floats = (...shape: number[]): Tensor => ({
  shape,
  data: [...Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next)],
});
const items = Array.from({ length: ROWS }, () => floats(D).data);

/** Where a program has the modules of a network, and whether with biases and batch normalisation. */
interface Program {
  network: (layer: number) => string;
  batchNorm?: (layer: number) => string;
  bias: boolean;
  level: (level: number) => string;
  projection?: string;
}

const programs = {
  hopwise: {
    network: (layer) => `network.${2 * layer}`,
    bias: true,
    level: (level) => `quantization_layers.${level}`,
    projection: "out_proj",
  },
  semanticIdGeneration: {
    network: (layer) => `network.${2 * layer}`,
    bias: true,
    level: (level) => `quantization_layers.${level}`,
    projection: "out_proj.0",
  },
  rqVaeRecommender: { network: (layer) => `mlp.${2 * layer}`, bias: false, level: (level) => `layers.${level}` },
  rqVaeRecommenderDropout: {
    network: (layer) => `mlp.${3 * layer}`,
    bias: false,
    level: (level) => `layers.${level}`,
    projection: "out_proj.0",
  },
  lcRec: { network: (layer) => `mlp_layers.${1 + 3 * layer}`, bias: true, level: (level) => `rq.vq_layers.${level}` },
  lcRecBatchNorm: {
    network: (layer) => `mlp_layers.${1 + 4 * layer}`,
    batchNorm: (layer) => `mlp_layers.${2 + 4 * layer}`,
    bias: true,
    level: (level) => `rq.vq_layers.${level}`,
  },
} satisfies Record<string, Program>;

function stateDict({ network, batchNorm, bias, level, projection }: Program): StateDict {
  const state: StateDict = {};
  for (const [name, widths] of [
    ["encoder", [D, ...WIDTHS, LATENT]],
    ["decoder", [LATENT, ...[...WIDTHS].reverse(), D]],
  ] as const) {
    for (let layer = 0; layer + 1 < widths.length; layer++) {
      state[`${name}.${network(layer)}.weight`] = floats(widths[layer + 1]!, widths[layer]!);
      if (bias) state[`${name}.${network(layer)}.bias`] = floats(widths[layer + 1]!);
      if (!batchNorm || layer + 2 === widths.length) continue;
      const norm = `${name}.${batchNorm(layer)}`;
      for (const part of ["weight", "bias", "running_mean"]) state[`${norm}.${part}`] = floats(widths[layer + 1]!);
      const variance = floats(widths[layer + 1]!);
      state[`${norm}.running_var`] = { ...variance, data: variance.data.map((x) => Math.fround(x * x + 0.1)) };
      state[`${norm}.num_batches_tracked`] = { shape: [], data: [7], dtype: "I64" };
    }
  }
  for (const [l, size] of SIZES.entries()) {
    state[`${level(l)}.embedding.weight`] = floats(size, LATENT);
    if (projection) state[`${level(l)}.${projection}.weight`] = floats(LATENT, LATENT);
  }
  return state;
}

const product = ({ shape, data }: Tensor, x: number[]): number[] =>
  Array.from({ length: shape[0]! }, (_, i) => x.reduce((sum, value, j) => sum + data[i * shape[1]! + j]! * value, 0));

const activations = { silu: (x: number) => x / (1 + Math.exp(-x)), relu: (x: number) => Math.max(x, 0) };

function mlp(
  state: StateDict,
  { network, batchNorm }: Program,
  name: string,
  row: number[],
  activation: "silu" | "relu",
) {
  let x = row;
  for (let layer = 0; layer <= WIDTHS.length; layer++) {
    const bias = state[`${name}.${network(layer)}.bias`];
    x = product(state[`${name}.${network(layer)}.weight`]!, x).map((y, i) => y + (bias?.data[i] ?? 0));
    if (layer === WIDTHS.length) break;
    if (batchNorm) {
      const [gain, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(
        (part) => state[`${name}.${batchNorm(layer)}.${part}`]!.data,
      );
      x = x.map((y, i) => ((y - mean![i]!) / Math.sqrt(variance![i]! + 1e-5)) * gain![i]! + shift![i]!);
    }
    x = x.map(activations[activation]);
  }
  return x;
}

/** Codes and decoder's network of one row. */
function forward(state: StateDict, program: Program, row: number[], activation: "silu" | "relu") {
  let residual = mlp(state, program, "encoder", row, activation);
  const sum = residual.map(() => 0);
  const codes = SIZES.map((size, l) => {
    const { data } = state[`${program.level(l)}.embedding.weight`]!;
    const matrix = program.projection && state[`${program.level(l)}.${program.projection}.weight`];
    const codebook = Array.from({ length: size }, (_, k) => {
      const row = data.slice(k * LATENT, (k + 1) * LATENT);
      return matrix ? product(matrix, row) : row;
    });
    const distances = codebook.map((code) => code.reduce((total, c, j) => total + (residual[j]! - c) ** 2, 0));
    const code = distances.indexOf(Math.min(...distances));
    residual = residual.map((r, j) => r - codebook[code]![j]!);
    for (const [j, c] of codebook[code]!.entries()) sum[j]! += c;
    return code;
  });
  return { codes, output: mlp(state, program, "decoder", sum, activation) };
}

const states = Object.fromEntries(
  Object.entries(programs).map(([name, program]) => [name, stateDict(program)]),
) as Record<keyof typeof programs, StateDict>;

describe("the state_dict of another program", () => {
  it.each([
    ["hopwise", "silu", { compat: "hopwise", codebookSimVq: true }],
    ["semanticIdGeneration", "silu", { compat: "hopwise", codebookSimVq: true }],
    ["rqVaeRecommender", "silu", { compat: "none", codebookSimVq: false }],
    ["rqVaeRecommenderDropout", "silu", { compat: "none", codebookSimVq: true }],
    ["lcRec", "relu", { compat: "none", codebookSimVq: false }],
    ["lcRecBatchNorm", "relu", { compat: "none", codebookSimVq: false }],
  ] as const)("of %s gives its IDs", async (name, activation, config) => {
    const [program, state] = [programs[name], states[name]];
    using model = await RQVAE.load(safetensors(state));
    expect(model.config).toMatchObject({
      ...config,
      activation,
      inputDim: D,
      latentDim: LATENT,
      hiddenDims: WIDTHS,
      codebookSize: SIZES,
      inputScaling: "none",
      linearSkip: "none",
    });
    const expected = items.map((row) => forward(state, program, row, activation));
    expect([...model.encode(items)]).toEqual(expected.map(({ codes }) => codes));
    // The other activation gives others, so that the right one is known by this.
    using other = await RQVAE.load(safetensors(state), {
      config: { activation: activation === "silu" ? "relu" : "silu" },
    });
    expect([...other.encode(items)]).not.toEqual(expected.map(({ codes }) => codes));

    if (name.startsWith("rqVae")) {
      expect(model.part).toBe("encoder");
      expect(() => model.reconstruct(items)).toThrow(/program whose decoder this library does not support/);
      return;
    }
    const restored = model.reconstruct(items);
    for (const [i, { output }] of expected.entries()) {
      let wanted = output;
      if (model.config.compat === "hopwise") {
        const squashed = output.map((y) => 1 / (1 + Math.exp(-y)));
        const norm = Math.hypot(...squashed);
        wanted = squashed.map((y) => y / norm);
      }
      for (const [j, y] of wanted.entries()) expect(restored[i * D + j]).toBeCloseTo(y, 4);
    }
  });

  it("may be wrapped by torch.compile and DistributedDataParallel, and hold no decoder", async () => {
    const wrapped = Object.fromEntries(
      Object.entries(states.lcRec).map(([name, tensor]) => [`module._orig_mod.${name}`, tensor]),
    );
    using plain = await RQVAE.load(safetensors(states.lcRec));
    using model = await RQVAE.load(safetensors(wrapped));
    expect(model.fingerprint).toBe(plain.fingerprint);
    const encoder = Object.fromEntries(Object.entries(states.lcRec).filter(([name]) => !name.startsWith("decoder")));
    using part = await RQVAE.load(safetensors(encoder));
    expect(part.part).toBe("encoder");
    expect(part.fingerprint).toBe(plain.fingerprint);
  });

  const without = (state: StateDict, ...names: string[]): StateDict =>
    Object.fromEntries(Object.entries(state).filter(([name]) => !names.includes(name)));
  const reshaped = (state: StateDict, name: string, ...shape: number[]): StateDict => ({
    ...state,
    [name]: floats(...shape),
  });

  it.each<[string, StateDict, RegExp]>([
    [
      "missing and unexpected names",
      {
        ...without(states.lcRec, "encoder.mlp_layers.4.bias", "rq.vq_layers.1.embedding.weight"),
        "head.weight": floats(2, 2),
      },
      /of LC-Rec cannot be loaded: missing: "encoder\.mlp_layers\.4\.bias", "rq\.vq_layers\.1\.embedding\.weight"; unexpected: "head\.weight"/,
    ],
    [
      "an integer tensor that is unexpected",
      { ...states.hopwise, "quantization_layers.0.counts": { shape: [1], data: [3], dtype: "I64" } },
      /of Hopwise cannot be loaded: unexpected: "quantization_layers\.0\.counts"/,
    ],
    [
      "half a batch normalisation",
      without(states.lcRecBatchNorm, "decoder.mlp_layers.2.running_var"),
      /missing: "decoder\.mlp_layers\.2\.running_var"/,
    ],
    [
      "layers that do not follow one another",
      reshaped(states.lcRec, "encoder.mlp_layers.4.weight", 7, 8),
      /"encoder\.mlp_layers\.4\.weight" has shape \[7,8\], but the layer before it gives 9/,
    ],
    [
      "a bias of another length",
      reshaped(states.lcRec, "encoder.mlp_layers.4.bias", 8),
      /"encoder\.mlp_layers\.4\.bias" has shape \[8\] instead of \[7\]/,
    ],
    [
      "codes of another dimension",
      reshaped(states.rqVaeRecommender, "layers.1.embedding.weight", 6, 5),
      /of RQ-VAE-Recommender .*"layers\.1\.embedding\.weight" has shape \[6,5\], but the encoder ends with 4/,
    ],
    [
      "a decoder that is no mirror",
      { ...reshaped(states.lcRec, "decoder.mlp_layers.7.weight", 12, 9), "decoder.mlp_layers.7.bias": floats(12) },
      /its decoder has the widths 4 -> 7 -> 9 -> 12, but must mirror the encoder, 4 -> 7 -> 9 -> 11/,
    ],
    [
      "hidden layers without activation",
      Object.fromEntries(
        Object.entries(states.lcRec).map(([name, tensor]) => [
          name.replace(/mlp_layers\.(\d+)/, (_, n) => `mlp_layers.${1 + (2 * (Number(n) - 1)) / 3}`),
          tensor,
        ]),
      ),
      /no activation/,
    ],
    [
      "a normalised input",
      { ...states.semanticIdGeneration, "encoder.input_norm.weight": floats(D) },
      /of Semantic-ID-Generation .*normalises the input by batch statistics/,
    ],
    [
      "another program",
      { "codebook.weight": floats(3, 3) },
      /neither an rqvae model nor a state_dict of Hopwise.*"codebook.weight"/,
    ],
  ])("is refused for %s", async (_, state, message) => {
    await expect(RQVAE.load(safetensors(state))).rejects.toThrow(message);
    await expect(RQVAE.load(safetensors(state))).rejects.toBeInstanceOf(ModelFormatError);
  });
});

describe("config.json of PyTorchModelHubMixin", () => {
  const hub = {
    input_dim: D,
    embed_dim: LATENT,
    hidden_dims: WIDTHS,
    codebook_size: 6,
    n_layers: 2,
    codebook_kmeans_init: false,
    codebook_normalize: false,
    commitment_weight: 0.5,
    n_cat_features: 18,
    seed: 3,
  };
  const state = {
    ...Object.fromEntries(Object.entries(states.rqVaeRecommender).filter(([name]) => !name.startsWith("layers."))),
    "layers.0.embedding.weight": floats(6, LATENT),
    "layers.1.embedding.weight": floats(6, LATENT),
  };
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "rqvae hub % "));
    writeFileSync(join(folder, "model.safetensors"), safetensors(state));
    writeFileSync(join(folder, "config.json"), JSON.stringify(hub));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is taken as config, with options of ours beside it", async () => {
    using model = await RQVAE.load(safetensors(state), { config: { ...hub, seed: 4 } });
    expect(model.config).toMatchObject({
      codebookKmeansInit: false,
      commitmentWeight: 0.5,
      seed: 4,
      activation: "silu",
    });
    using relu = await RQVAE.load(safetensors(state), { config: { ...hub, activation: "relu" } });
    expect(relu.config.activation).toBe("relu");
    expect(relu.fingerprint).not.toBe(model.fingerprint);
  });

  it("is found beside the file, and in a folder", async () => {
    const file = join(folder, "model.safetensors");
    for (const source of [
      folder,
      `${folder}/`,
      pathToFileURL(folder),
      pathToFileURL(`${folder}/`),
      file,
      pathToFileURL(file),
    ]) {
      using model = await RQVAE.load(source);
      expect(model.config.commitmentWeight, String(source)).toBe(0.5);
      using told = await RQVAE.load(source, { config: { commitmentWeight: 0.75 } });
      expect(told.config).toMatchObject({ commitmentWeight: 0.75, codebookKmeansInit: false });
    }
    const worker = await RQVAEWorker.load(folder);
    expect(worker.config.commitmentWeight).toBe(0.5);
    worker.dispose();
  });

  describe("beside a URL", () => {
    const ask: string[] = [];
    let answers: Record<string, [status: number, body: string | Uint8Array]>;
    const server = createServer((request, response) => {
      ask.push(request.url!);
      const [status, body] = answers[request.url!] ?? [404, "Entry not found"];
      if (status === 302) response.setHeader("location", String(body));
      response.writeHead(status).end(body);
    });
    let base: string;
    const file = "/u/m/resolve/main/model.safetensors";
    const config = "/u/m/resolve/main/config.json";
    beforeAll(async () => {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterAll(() => server.close());
    beforeEach(() => {
      ask.length = 0;
      answers = { [file]: [200, safetensors(state)], [config]: [200, JSON.stringify(hub)] };
    });

    it("is fetched", async () => {
      for (const source of [`${base}${file}`, new URL(`${base}${file}`)]) {
        using model = await RQVAE.load(source);
        expect(model.config).toMatchObject({ commitmentWeight: 0.5, codebookKmeansInit: false });
        using told = await RQVAE.load(source, { config: { commitmentWeight: 0.75 } });
        expect(told.config).toMatchObject({ commitmentWeight: 0.75, codebookKmeansInit: false });
      }
      expect(ask).toEqual([file, config, file, config, file, config, file, config]);
      const worker = await RQVAEWorker.load(`${base}${file}`);
      expect(worker.config.commitmentWeight).toBe(0.5);
      worker.dispose();
    });

    it("is that of the URL, not of where it leads; a query is for both", async () => {
      answers[`${file}?key=a/b`] = [302, `${base}/blobs/3f`];
      answers["/blobs/3f"] = answers[file]!;
      answers[`${config}?key=a/b`] = answers[config]!;
      using model = await RQVAE.load(`${base}${file}?key=a/b`);
      expect(model.config.commitmentWeight).toBe(0.5);
      expect(ask).toEqual([`${file}?key=a/b`, "/blobs/3f", `${config}?key=a/b`]);
    });

    it.each<[string, number, string]>([
      ["is missing", 404, "Entry not found"],
      ["may not be read", 403, "{"],
      ["is a page in place of a missing file", 200, "\n<!doctype html><p>App"],
      ["is another program's", 200, '{"hidden_size": 12}'],
    ])("may be none: it %s", async (_, status, body) => {
      answers[config] = [status, body];
      using model = await RQVAE.load(`${base}${file}`);
      expect(model.config.commitmentWeight).toBe(0.25);
      expect(ask).toEqual([file, config]);
    });

    it("is not asked for when the file describes itself, is no model or is missing", async () => {
      using model = await RQVAE.load(safetensors(state));
      answers[file] = [200, model.save()];
      using own = await RQVAE.load(`${base}${file}`);
      expect(own.config.commitmentWeight).toBe(0.25);
      answers[file] = [200, "<!doctype html><p>App"];
      await expect(RQVAE.load(`${base}${file}`)).rejects.toThrow(/starts with HTML/);
      answers[file] = [404, ""];
      await expect(RQVAE.load(`${base}${file}`)).rejects.toThrow(/HTTP 404/);
      expect(ask).toEqual([file, file, file]);
    });

    it("must be JSON, and fetched for certain", async () => {
      answers[config] = [200, "{"];
      await expect(RQVAE.load(`${base}${file}`)).rejects.toThrow(/\/main\/config\.json, which is next to.*not JSON/);
      answers[config] = [503, ""];
      await expect(RQVAE.load(`${base}${file}`)).rejects.toThrow(
        /config\.json, which belongs to the state_dict, could not be fetched: HTTP 503/,
      );
    });
  });

  it("is left alone when it is another program's, or the file describes itself", async () => {
    const other = join(folder, "other");
    mkdirSync(other);
    writeFileSync(join(other, "model.safetensors"), safetensors(state));
    writeFileSync(join(other, "config.json"), '{"hidden_size": 12}');
    using model = await RQVAE.load(other);
    expect(model.config.commitmentWeight).toBe(0.25);
    writeFileSync(join(other, "model.safetensors"), model.save());
    writeFileSync(join(other, "config.json"), JSON.stringify({ ...hub, commitment_weight: 0.5 }));
    using own = await RQVAE.load(other);
    expect(own.config.commitmentWeight).toBe(0.25);
    await expect(RQVAE.load(tmpdir())).rejects.toThrow(/a folder without model\.safetensors/);
  });

  it("must fit the tensors and what can be expressed", async () => {
    const load = (config: object) => RQVAE.load(safetensors(state), { config });
    await expect(load({ ...hub, embed_dim: 5 })).rejects.toThrow(
      /config\.embed_dim is 5, but the file's tensors have 4/,
    );
    await expect(load({ ...hub, codebook_size: 7 })).rejects.toThrow(/config\.codebook_size is 7/);
    await expect(load({ ...hub, codebook_normalize: true })).rejects.toThrow(
      /codebook_normalize true, which is not supported/,
    );
    await expect(load({ ...hub, codebook_normalize: true })).rejects.toBeInstanceOf(ModelFormatError);
    await expect(load({ embd_dim: 4 })).rejects.toThrow(/unknown option "embd_dim"/);
    writeFileSync(join(folder, "config.json"), "{");
    await expect(RQVAE.load(folder)).rejects.toThrow(/config\.json, which is next to the state_dict, is not JSON/);
  });
});
