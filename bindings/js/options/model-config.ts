/** Model options in, a complete and checked configuration out. */

import { invalid } from "../base/errors.ts";
import { MAX_SIZE, OptionReader } from "../base/option-reader.ts";
import { call, option } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import type { ModelConfig, ModelOptions } from "../types.ts";

/** Values of the enumerations, in the order of the C++ enumerations. */
const ENUMERATIONS = {
  activation: ["silu", "relu"],
  inputScaling: ["none", "center", "commonScale", "perDimension", "l2"],
  linearSkip: ["none", "pca", "identity"],
  codebookGradient: ["quantization", "joint"],
  codebookUpdate: ["gradient", "ema"],
  gradientEstimator: ["straightThrough", "rotation"],
  reconstruction: ["mse", "cosine"],
  compat: ["none", "hopwise"],
} as const;

/** Most hidden layers of an encoder, as of levels: far beyond what can be trained, and so few that a file cannot keep its reader busy. */
const MAX_LAYERS = 64;
/** Widest beam: far beyond any gain, and small enough for the memory of one item. */
const MAX_BEAM = 256;

/** Fills in the defaults of `ModelOptions` and checks everything. @throws InvalidInputError */
export function resolveModelConfig(options: ModelOptions, where = "RQVAE.create"): ModelConfig {
  const read = new OptionReader(options, where);
  const choice = <Name extends keyof typeof ENUMERATIONS>(
    name: Name,
    fallback: (typeof ENUMERATIONS)[Name][number],
  ): (typeof ENUMERATIONS)[Name][number] =>
    read.choice<(typeof ENUMERATIONS)[Name][number]>(name, ENUMERATIONS[name], fallback);
  const inputDim = read.integer("inputDim", undefined, 1, MAX_SIZE);
  const compat = choice("compat", "none");
  const hopwise = compat === "hopwise";
  const codebookSizes = readCodebookSizes(read, where);
  const levels = codebookSizes.length;
  const linearSkip = choice("linearSkip", hopwise ? "none" : "pca");
  const codebookUpdate = choice("codebookUpdate", "gradient");

  const config: ModelConfig = {
    inputDim,
    latentDim: read.integer("latentDim", linearSkip === "identity" ? inputDim : Math.min(64, inputDim), 1, MAX_SIZE),
    hiddenDims: readHiddenDims(read),
    codebookSizes,
    nQuantizationLayers: levels,
    codebookKmeansInit: read.boolean("codebookKmeansInit", true),
    commitmentWeight: read.number("commitmentWeight", 0.25, 0),
    codebookWeight: read.number("codebookWeight", 1, 0),
    reconstructionWeight: read.number("reconstructionWeight", 1, 0),
    reconstruction: choice("reconstruction", "mse"),
    activation: choice("activation", "silu"),
    layerNorm: read.boolean("layerNorm", false),
    inputScaling: choice("inputScaling", hopwise ? "none" : "commonScale"),
    inputNoise: read.number("inputNoise", 0, 0),
    linearSkip,
    codebookGradient: choice("codebookGradient", hopwise || codebookUpdate === "ema" ? "quantization" : "joint"),
    codebookUpdate,
    emaDecay: read.number("emaDecay", 0.99, 0, 1 - 1e-9),
    gradientEstimator: choice("gradientEstimator", "straightThrough"),
    codebookSimVq: read.boolean("codebookSimVq", hopwise),
    sinkhornEpsilon: read.numbers("sinkhornEpsilon", 0, levels, 0),
    sinkhornIterations: read.integer("sinkhornIterations", 50, 1, 10_000),
    encodeBeam: read.integer("encodeBeam", 1, 1, MAX_BEAM),
    compat,
    seed: read.integer("seed", 0, 0, Number.MAX_SAFE_INTEGER),
  };
  read.refuseUnknown();
  return config;
}

function readHiddenDims(read: OptionReader): number[] {
  const widths = read.integers("hiddenDims", [256, 128], 1, MAX_SIZE);
  if (widths.length > MAX_LAYERS) read.fail("hiddenDims", `at most ${MAX_LAYERS} whole numbers`);
  return widths;
}

function readCodebookSizes(read: OptionReader, where: string): number[] {
  const size = read.get("codebookSize") ?? 256;
  if (!Array.isArray(size) && !ArrayBuffer.isView(size)) {
    const one = read.integer("codebookSize", 256, 1, MAX_SIZE);
    return new Array<number>(read.integer("nQuantizationLayers", 3, 1, MAX_LAYERS)).fill(one);
  }
  // Counted before each is looked at: a file may have millions.
  const { length } = size as ArrayLike<unknown>;
  if (length < 1 || length > MAX_LAYERS) read.fail("codebookSize", `a number, or 1 to ${MAX_LAYERS} of them`);
  const sizes = read.integers("codebookSize", [], 1, MAX_SIZE);
  const levels = read.integer("nQuantizationLayers", sizes.length, 1, MAX_LAYERS);
  if (levels !== sizes.length) {
    throw invalid(
      "OPTIONS_CONFLICT",
    )`${call(where)}${option("codebookSize")} has ${counted(sizes.length, "entry")} but ${option("nQuantizationLayers")} is ${levels}${{ hint: "give one size for each level" }}`;
  }
  return sizes;
}

/** The options that give a configuration again. */
export function configToOptions(config: ModelConfig): Required<ModelOptions> {
  const { codebookSizes, ...rest } = config;
  return { ...rest, codebookSize: codebookSizes };
}

/** The names of all options of a model. */
export const MODEL_OPTION_NAMES: readonly string[] = Object.keys(configToOptions(resolveModelConfig({ inputDim: 1 })));

/** A configuration as the binding reads it: enumerations as numbers. */
export function nativeModelConfig(config: ModelConfig): object {
  const numbers = Object.entries(ENUMERATIONS).map(([name, values]) => [
    name,
    (values as readonly string[]).indexOf(config[name as keyof typeof ENUMERATIONS]),
  ]);
  return { ...config, ...Object.fromEntries(numbers) };
}
