/**
 * What every PyTorch program's state_dict consists of: two `torch.nn.Sequential`s that mirror each other, and one codebook per level. A
 * program's own module says where they are; here they are found, checked and given our names.
 */

import { ModelFormatError } from "../../base/errors.ts";
import { showName } from "../../base/file-values.ts";
import { counted } from "../../base/words.ts";
import type { ModelOptions } from "../../types.ts";
import type { FileTensor } from "../model-file.ts";

/** Tensors of a file by name. */
export type Tensors = ReadonlyMap<string, FileTensor>;

/** Where a program keeps its tensors. Prefixes end with a dot; layers, modules and levels count from 0. */
export interface Layout {
  /** The program's name, for messages. */
  program: string;
  encoder: string;
  decoder: string;
  /** The module of a layer's Linear in its Sequential. */
  linear(layer: number): number;
  /** The module of the batch normalisation after a hidden layer's Linear, in programs that have one. */
  batchNorm?: (layer: number) => number;
  /** Whether its Linears have biases. */
  bias: boolean;
  /** The prefix of a level. */
  level: (level: number) => string;
  /** The name of the square matrix after the prefix of a level, if the codebook is a product with one (SimVQ). */
  projection: string | undefined;
  /** Integer tensors that steer training only. */
  ignored: RegExp;
}

/** What a program's file gives: the model's tensors under our names, and the options that follow from its shapes and its code. */
export interface Translation {
  part: "full" | "encoder";
  tensors: Map<string, FileTensor>;
  sizes: Sizes;
  options: Partial<ModelOptions>;
}

export interface Sizes {
  inputDim: number;
  latentDim: number;
  hiddenDims: number[];
  codebookSize: number[];
  nQuantizationLayers: number;
}

/** What PyTorch's BatchNorm1d adds to the variance by default. */
const BATCH_NORM_EPSILON = 1e-5;
const NORM_PARTS = ["weight", "bias", "running_mean", "running_var"] as const;
const SHOWN_NAMES = 12;

/** The indices of the modules of a Sequential that have a tensor with this name and number of dimensions, ascending. */
export function modules(tensors: Tensors, prefix: string, tensor = "weight", dimensions = 2): number[] {
  return indexes(tensors, prefix, `.${tensor}`, dimensions);
}

/** The numbers between a prefix and a suffix, ascending. */
export function indexes(tensors: Tensors, prefix: string, suffix: string, dimensions: number): number[] {
  const found: number[] = [];
  for (const [name, { shape }] of tensors) {
    if (!name.startsWith(prefix) || !name.endsWith(suffix) || shape.length !== dimensions) continue;
    const number = name.slice(prefix.length, name.length - suffix.length);
    if (/^\d{1,6}$/.test(number)) found.push(Number(number));
  }
  return found.sort((a, b) => a - b);
}

/**
 * The tensors under our names, batch normalisation folded into the Linear before it, missing biases as zeros.
 * @param layers Linears of the encoder.
 * @param levels Codebooks.
 * @param others Names of the tensors that are not floats.
 * @throws ModelFormatError that lists missing and unexpected names, or says which shapes do not match.
 */
export function translate(
  tensors: Tensors,
  others: readonly string[],
  layout: Layout,
  layers: number,
  levels: number,
): Translation & { hasDecoder: boolean } {
  const hasDecoder = [...tensors.keys()].some((name) => name.startsWith(layout.decoder));
  const networks = hasDecoder ? ["encoder", "decoder"] : ["encoder"];
  checkNames(tensors, others, layout, networks as Network[], layers, levels);

  const encoder = readNetwork(tensors, layout, layout.encoder, layers);
  const latentDim = encoder.at(-1)!.rows;
  const translated = new Map<string, FileTensor>();
  const put = (name: string, shape: readonly number[], data: Float32Array) =>
    translated.set(name, { name, shape, data });
  const putNetwork = (network: Network, linears: Linear[]) => {
    for (const [layer, { rows, columns, weight, bias }] of linears.entries()) {
      put(`${network}.network.${2 * layer}.weight`, [rows, columns], weight);
      put(`${network}.network.${2 * layer}.bias`, [rows], bias);
    }
  };
  putNetwork("encoder", encoder);
  const codebookSize: number[] = [];
  for (let level = 0; level < levels; level++) {
    const name = `${layout.level(level)}embedding.weight`;
    const { shape, data } = tensors.get(name)!;
    if (shape.length !== 2 || shape[1] !== latentDim) {
      throw unfit(layout, `"${name}" has shape [${shape}], but the encoder ends with ${counted(latentDim, "number")}`);
    }
    codebookSize.push(shape[0]!);
    put(`quantization_layers.${level}.embedding.weight`, shape, data);
    if (layout.projection === undefined) continue;
    const projection = `${layout.level(level)}${layout.projection}`;
    const matrix = tensors.get(projection)!;
    if (matrix.shape.length !== 2 || matrix.shape.some((extent) => extent !== latentDim)) {
      throw unfit(layout, `"${projection}" has shape [${matrix.shape}] instead of [${latentDim},${latentDim}]`);
    }
    put(`quantization_layers.${level}.out_proj.weight`, matrix.shape, matrix.data);
  }
  if (hasDecoder) {
    const decoder = readNetwork(tensors, layout, layout.decoder, layers);
    const widths = [decoder[0]!.columns, ...decoder.map(({ rows }) => rows)];
    const mirrored = [...encoder.map(({ rows }) => rows).reverse(), encoder[0]!.columns];
    if (widths.join() !== mirrored.join()) {
      throw unfit(
        layout,
        `its decoder has the widths ${widths.join(" -> ")}, but must mirror the encoder, ${mirrored.join(" -> ")}`,
      );
    }
    putNetwork("decoder", decoder);
  }
  return {
    part: hasDecoder ? "full" : "encoder",
    hasDecoder,
    tensors: translated,
    sizes: {
      inputDim: encoder[0]!.columns,
      latentDim,
      hiddenDims: encoder.slice(0, -1).map(({ rows }) => rows),
      codebookSize,
      nQuantizationLayers: levels,
    },
    options: { codebookSimVq: layout.projection !== undefined },
  };
}

/** The file is a state_dict of the program, but cannot be expressed here. */
export function unfit(layout: Pick<Layout, "program">, complaint: string): ModelFormatError {
  return new ModelFormatError(`this state_dict of ${layout.program} cannot be loaded: ${complaint}`, {
    code: "STATE_DICT_UNSUPPORTED",
  });
}

/** `"a", "b" and 3 more`. */
export function quoteNames(names: readonly string[], shown = SHOWN_NAMES): string {
  const quoted = names.slice(0, shown).map(showName);
  return `${quoted.join(", ")}${names.length > shown ? ` and ${names.length - shown} more` : ""}`;
}

type Network = "encoder" | "decoder";

interface Linear {
  rows: number;
  columns: number;
  weight: Float32Array;
  bias: Float32Array;
}

function checkNames(
  tensors: Tensors,
  others: readonly string[],
  layout: Layout,
  networks: readonly Network[],
  layers: number,
  levels: number,
): void {
  const expected = new Set<string>();
  for (const network of networks) {
    for (let layer = 0; layer < layers; layer++) {
      const linear = `${layout[network]}${layout.linear(layer)}`;
      expected.add(`${linear}.weight`);
      if (layout.bias) expected.add(`${linear}.bias`);
      if (layout.batchNorm === undefined || layer === layers - 1) continue;
      for (const part of NORM_PARTS) expected.add(`${layout[network]}${layout.batchNorm(layer)}.${part}`);
    }
  }
  for (let level = 0; level < levels; level++) {
    expected.add(`${layout.level(level)}embedding.weight`);
    if (layout.projection !== undefined) expected.add(`${layout.level(level)}${layout.projection}`);
  }
  const missing = [...expected].filter((name) => !tensors.has(name));
  const unexpected = [...tensors.keys(), ...others].filter((name) => !expected.has(name) && !layout.ignored.test(name));
  if (missing.length + unexpected.length === 0) return;
  const complaints = [
    ...(missing.length > 0 ? [`missing: ${quoteNames(missing)}`] : []),
    ...(unexpected.length > 0 ? [`unexpected: ${quoteNames(unexpected)}`] : []),
  ];
  throw unfit(layout, complaints.join("; "));
}

/** The Linears of a Sequential, in order. */
function readNetwork(tensors: Tensors, layout: Layout, prefix: string, layers: number): Linear[] {
  const linears: Linear[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const name = `${prefix}${layout.linear(layer)}`;
    const { shape, data } = tensors.get(`${name}.weight`)!;
    const [rows, columns] = shape as [number, number];
    const before = linears.at(-1)?.rows ?? columns;
    if (shape.length !== 2 || columns !== before) {
      throw unfit(
        layout,
        `"${name}.weight" has shape [${shape}], but the layer before it gives ${counted(before, "number")}`,
      );
    }
    const vector = (vectorName: string) => {
      const vector = tensors.get(vectorName)!;
      if (vector.shape.length === 1 && vector.shape[0] === rows) return vector.data;
      throw unfit(layout, `"${vectorName}" has shape [${vector.shape}] instead of [${rows}]`);
    };
    const linear = { rows, columns, weight: data, bias: layout.bias ? vector(`${name}.bias`) : new Float32Array(rows) };
    if (layout.batchNorm === undefined || layer === layers - 1) {
      linears.push(linear);
      continue;
    }
    const norm = `${prefix}${layout.batchNorm(layer)}`;
    const [gain, shift, mean, variance] = NORM_PARTS.map((part) => vector(`${norm}.${part}`)) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    linears.push(foldBatchNorm(linear, gain, shift, mean, variance));
  }
  return linears;
}

/**
 * gain (W x + b - mean) / sqrt(variance + eps) + shift as one Linear, as the batch normalisation computes in evaluation mode. In double, so
 * that it rounds only once.
 */
function foldBatchNorm(
  { rows, columns, weight, bias }: Linear,
  gain: Float32Array,
  shift: Float32Array,
  mean: Float32Array,
  variance: Float32Array,
): Linear {
  const folded = { rows, columns, weight: new Float32Array(weight.length), bias: new Float32Array(rows) };
  for (let i = 0; i < rows; i++) {
    const factor = gain[i]! / Math.sqrt(variance[i]! + BATCH_NORM_EPSILON);
    for (let j = i * columns; j < (i + 1) * columns; j++) folded.weight[j] = weight[j]! * factor;
    folded.bias[i] = (bias[i]! - mean[i]!) * factor + shift[i]!;
  }
  return folded;
}
