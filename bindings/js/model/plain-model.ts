/**
 * A model as the plain networks of PyTorch programs: `load_state_dict(strict=True)` of the Hopwise tutorial's class accepts it. Parts that
 * those networks lack are expressed by parts that they have: the input scaling by the first and the last Linear, and the linear path by
 * additional hidden units.
 */

import { invalid } from "../base/errors.ts";
import { OptionReader, requireThat } from "../base/option-reader.ts";
import { TextDecoder } from "../base/text-codecs.ts";
import { call, valued, type Wording, worded } from "../base/wording.ts";
import { type FileTensor, writeSafetensors } from "../model-file/model-file.ts";
import type { HubConfig, ModelConfig } from "../types.ts";
import type { RQVAE } from "./rqvae.ts";

/** A state_dict and the arguments of its class. */
export interface PlainModel {
  /** safetensors, float32, under the names of the reference's class. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The arguments of the constructor; `config.json` for PyTorchModelHubMixin. */
  config: Required<
    Pick<
      HubConfig,
      | "input_dim"
      | "latent_dim"
      | "hidden_dims"
      | "codebook_size"
      | "codebook_kmeans_init"
      | "codebook_sim_vq"
      | "n_quantization_layers"
      | "commitment_weight"
    >
  >;
}

/** How to write a model. */
export interface PlainModelOptions {
  /**
   * Whether to write a model with a beam (`encodeBeam` above 1, as `RQVAE.fit` chooses) anyway. The class takes the nearest code at each
   * level, so that some items get other IDs than from this model: those that it gives with `encodeBeam: 1`. Default: false.
   */
  greedy?: boolean;
}

/** A row-major matrix of doubles: products are computed in double and rounded once. */
interface Matrix {
  rows: number;
  columns: number;
  data: Float64Array;
}

/** y = weight x + bias. */
interface Affine {
  weight: Matrix;
  bias: Float64Array;
}

/**
 * The model as a plain encoder, decoder and codebooks, which give the same IDs (except for near-ties, since sums run in another order).
 *
 * x~ = (x - mean) / scale goes into the first Linear, W x~ + b = (W / scale) x + (b - W mean / scale), and its inverse into the last. The
 * linear path S x~ + s is carried in 2 latentDim additional units of each hidden layer, as a and -a: act(a) - act(-a) = a, for SiLU and for
 * ReLU. The decoder's path is z itself, carried in the same way, and its matrix is part of the last Linear. So `hidden_dims` is
 * `hiddenDims` plus 2 latentDim each.
 *
 * The reference's decoder applies a sigmoid and a normalisation after its network: `decode` of a model that is not `compat: "hopwise"`
 * equals its `decoder.network` without them.
 * @throws InvalidInputError for what such a class cannot compute: layer normalisation, a beam (unless `greedy`), scaling rows to unit
 * length, codebooks of different sizes; and for an encoder part.
 */
export function writePlainModel(model: RQVAE, options: PlainModelOptions = {}): PlainModel {
  requireThat(typeof model?.save === "function", "model", "an RQVAE (not a worker's)", model);
  const { config } = model;
  const read = new OptionReader(options, "writePlainModel");
  const greedy = read.boolean("greedy", false);
  read.refuseUnknown();
  refuse(model, greedy);
  const tensors = readTensors(model.save());
  const layers = config.hiddenDims.length + 1;
  const network = (name: string): Affine[] =>
    Array.from({ length: layers }, (_, layer) => affine(tensors, `${name}.network.${2 * layer}`));
  let encoder = network("encoder");
  let decoder = network("decoder");
  if (config.linearSkip !== "none") {
    encoder = carried(encoder, affine(tensors, "encoder.skip"), "first");
    decoder = carried(decoder, affine(tensors, "decoder.skip"), "last");
  }
  const mean = tensors.get("input.mean")?.data;
  if (mean) {
    const scale = tensors.get("input.scale")?.data ?? [1];
    const scaleOf = (j: number) => scale[scale.length === 1 ? 0 : j]!;
    encoder[0] = ofScaled(encoder[0]!, mean, scaleOf);
    decoder[layers - 1] = toUnscaled(decoder[layers - 1]!, mean, scaleOf);
  }

  const written: FileTensor[] = [];
  for (const [name, affines] of [
    ["encoder", encoder],
    ["decoder", decoder],
  ] as const) {
    for (const [layer, { weight, bias }] of affines.entries()) {
      const module = `${name}.network.${2 * layer}`;
      written.push({
        name: `${module}.weight`,
        shape: [weight.rows, weight.columns],
        data: Float32Array.from(weight.data),
      });
      written.push({ name: `${module}.bias`, shape: [weight.rows], data: Float32Array.from(bias) });
    }
  }
  written.push(...[...tensors.values()].filter(({ name }) => name.startsWith("quantization_layers.")));
  const bad = written.find(({ data }) => !data.every(Number.isFinite));
  if (bad)
    throw invalid(
      "FORMAT_CANNOT_HOLD",
    )`${call("writePlainModel")}including the input's scale, ${bad.name} exceeds the range of float32`;
  return {
    bytes: writeSafetensors(
      { format: "pt" },
      written.map((tensor) => ({ ...tensor, dtype: "F32" })),
    ),
    config: {
      input_dim: config.inputDim,
      latent_dim: config.latentDim,
      hidden_dims: encoder.slice(0, -1).map(({ weight }) => weight.rows),
      codebook_size: config.codebookSize[0]!,
      codebook_kmeans_init: false, // the codebooks follow
      codebook_sim_vq: config.codebookSimVq,
      n_quantization_layers: config.nQuantizationLayers,
      commitment_weight: config.commitmentWeight,
    },
  };
}

function refuse({ config, part }: { config: ModelConfig; part: string }, greedy: boolean): void {
  const complaint = complaintOf(config, part, greedy);
  if (complaint) throw invalid("FORMAT_CANNOT_HOLD")`${call("writePlainModel")}${complaint}`;
}

function complaintOf(config: ModelConfig, part: string, greedy: boolean): Wording | undefined {
  if (part !== "full")
    return worded`the model has no decoder, but a strict load_state_dict needs one${{ hint: "give the full model" }}`;
  if (config.layerNorm) return worded`layerNorm is true, but the class has no layer normalisation`;
  if (config.inputScaling === "l2")
    return worded`inputScaling is "l2", but no Linear scales a row to unit length${{ hint: "train on rows of unit length with another scaling" }}`;
  if (new Set(config.codebookSize).size > 1)
    return worded`codebookSize is [${config.codebookSize.join(", ")}], but the class has one size for all levels`;
  if (config.encodeBeam > 1 && !greedy)
    return worded`encodeBeam is ${config.encodeBeam}, but the class takes the nearest code at each level: some items would get other IDs${{ hint: worded`For equal IDs, train with ${valued("encodeBeam", 1)}; to write it anyway, ${{ api: "pass greedy: true", cli: "give --greedy" }}`, after: ". " }}`;
  return undefined;
}

const zeros = (rows: number, columns: number): Matrix => ({ rows, columns, data: new Float64Array(rows * columns) });

/** target[row.., column..] += factor * source */
function add(target: Matrix, source: Matrix, row: number, column: number, factor = 1): void {
  for (let i = 0; i < source.rows; i++) {
    for (let j = 0; j < source.columns; j++) {
      target.data[(row + i) * target.columns + column + j]! += factor * source.data[i * source.columns + j]!;
    }
  }
}

const identity = (size: number): Matrix => {
  const matrix = zeros(size, size);
  for (let i = 0; i < size; i++) matrix.data[i * size + i] = 1;
  return matrix;
};

/**
 * The network and its linear path as one plain network. The hidden layers carry d numbers: `skip` of the input ("first"), or the input, to
 * which `skip` is then applied ("last").
 */
function carried(network: Affine[], skip: Affine, at: "first" | "last"): Affine[] {
  const last = network.length - 1;
  const into = at === "first" ? skip : { weight: identity(skip.weight.columns), bias: new Float64Array() };
  const out = at === "first" ? { weight: identity(skip.weight.rows), bias: new Float64Array() } : skip;
  if (last === 0) {
    const { weight, bias } = network[0]!;
    const sum = { ...weight, data: weight.data.map((w, k) => w + skip.weight.data[k]!) };
    return [{ weight: sum, bias: bias.map((b, i) => b + skip.bias[i]!) }];
  }
  const d = into.weight.rows;
  return network.map(({ weight, bias }, layer) => {
    const rows = weight.rows + (layer < last ? 2 * d : 0);
    const wide = zeros(rows, weight.columns + (layer > 0 ? 2 * d : 0));
    const wideBias = new Float64Array(rows);
    add(wide, weight, 0, 0);
    wideBias.set(bias);
    // a = act(a) - act(-a) from the previous layer, or the start of the path.
    const path = (row: number, factor: number) => {
      if (layer === 0) add(wide, into.weight, row, 0, factor);
      else {
        const matrix = layer === last ? out.weight : identity(d);
        add(wide, matrix, row, weight.columns, factor);
        add(wide, matrix, row, weight.columns + d, -factor);
      }
      const shift = layer === 0 ? into.bias : layer === last ? out.bias : [];
      for (const [i, b] of shift.entries()) wideBias[row + i]! += factor * b;
    };
    if (layer === last) path(0, 1);
    else {
      path(weight.rows, 1);
      path(weight.rows + d, -1);
    }
    return { weight: wide, bias: wideBias };
  });
}

/** The Linear of x that equals this one of (x - mean) / scale. */
function ofScaled({ weight, bias }: Affine, mean: Float32Array, scaleOf: (j: number) => number): Affine {
  const scaled = { ...weight, data: weight.data.map((w, k) => w / scaleOf(k % weight.columns)) };
  const shifted = bias.map((b, i) => {
    let sum = b;
    for (let j = 0; j < scaled.columns; j++) sum -= scaled.data[i * scaled.columns + j]! * mean[j]!;
    return sum;
  });
  return { weight: scaled, bias: shifted };
}

/** The Linear that gives y scale + mean. */
function toUnscaled({ weight, bias }: Affine, mean: Float32Array, scaleOf: (j: number) => number): Affine {
  return {
    weight: { ...weight, data: weight.data.map((w, k) => w * scaleOf(Math.floor(k / weight.columns))) },
    bias: bias.map((b, i) => b * scaleOf(i) + mean[i]!),
  };
}

function affine(tensors: ReadonlyMap<string, FileTensor>, name: string): Affine {
  const tensor = tensors.get(`${name}.weight`);
  if (tensor === undefined) {
    // Without hidden layers there is only the linear path.
    const { weight, bias } = affine(tensors, name.replace(/network\.0$/, "skip"));
    return { weight: zeros(weight.rows, weight.columns), bias: new Float64Array(bias.length) };
  }
  const { shape, data } = tensor;
  const weight = { rows: shape[0]!, columns: shape[1]!, data: Float64Array.from(data) };
  return { weight, bias: Float64Array.from((tensors.get(`${name}.bias`) as FileTensor).data) };
}

/** The tensors of a file that `save` has just written: float32, and already checked. */
function readTensors(bytes: Uint8Array<ArrayBuffer>): Map<string, FileTensor> {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const { __metadata__: _, ...header } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  const view = new DataView(bytes.buffer, 8 + length);
  return new Map(
    Object.entries(header).map(
      ([
        name,
        {
          shape,
          data_offsets: [begin, end],
        },
      ]) => {
        const data = Float32Array.from({ length: (end - begin) / 4 }, (_, i) => view.getFloat32(begin + 4 * i, true));
        return [name, { name, shape, data }];
      },
    ),
  );
}
