/** Options in, complete and checked configurations out. Every message names the option, what was received and what is allowed. */

import { InvalidInputError } from "./errors.ts";
import type { ModelConfig, ModelOptions, OptimizerOptions, TrainOptions } from "./types.ts";

/** Values of the enumerations, in the order of src/config.h. */
const ACTIVATIONS = ["silu", "relu"] as const;
const INPUT_SCALINGS = ["none", "center", "commonScale"] as const;
const LINEAR_SKIPS = ["none", "pca"] as const;
const CODEBOOK_GRADIENTS = ["quantization", "joint"] as const;
const COMPATS = ["none", "hopwise"] as const;
const OPTIMIZERS = ["adam", "adamw", "adagrad", "sgd"] as const;
const SCHEDULES = ["constant", "cosine", "linear"] as const;

/** Largest dimension, codebook size and batch: far above any use, and small enough for 32-bit sizes. */
const MAX_SIZE = 2 ** 24;

/** Shows a received value in a message, short. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" || typeof value === "boolean" || value === undefined || value === null)
    return String(value);
  if (Array.isArray(value)) return value.length > 8 ? `an array of ${value.length}` : `[${value.map(show).join(", ")}]`;
  if (typeof value === "function") return "a function";
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Reads options one by one and complains about those that nobody asked for. */
class OptionReader {
  readonly #options: Record<string, unknown>;
  readonly #known = new Set<string>();
  readonly #where: string;

  constructor(options: unknown, where: string) {
    if (options === null || typeof options !== "object" || Array.isArray(options)) {
      throw new InvalidInputError(`${where}: expected an object of options, received ${show(options)}`);
    }
    this.#options = options as Record<string, unknown>;
    this.#where = where;
  }

  get(name: string): unknown {
    this.#known.add(name);
    return this.#options[name];
  }

  fail(name: string, rule: string): never {
    throw new InvalidInputError(`${this.#where}: ${name} must be ${rule}, received ${show(this.#options[name])}`);
  }

  integer(name: string, fallback: number | undefined, min: number, max: number): number {
    const value = this.get(name) ?? fallback;
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
      this.fail(
        name,
        max === Number.MAX_SAFE_INTEGER ? `a whole number of at least ${min}` : `a whole number from ${min} to ${max}`,
      );
    }
    return value;
  }

  number(name: string, fallback: number, min: number, max = Number.MAX_VALUE, open = false): number {
    const value = this.get(name) ?? fallback;
    if (typeof value !== "number" || !(value >= min) || !(value <= max) || (open && value === min)) {
      const range = max === Number.MAX_VALUE ? (open ? `above ${min}` : `of at least ${min}`) : `from ${min} to ${max}`;
      this.fail(name, `a number ${range}`);
    }
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.get(name) ?? fallback;
    if (typeof value !== "boolean") this.fail(name, "true or false");
    return value;
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.get(name) ?? fallback;
    if (!(choices as readonly unknown[]).includes(value)) {
      this.fail(name, `one of ${choices.map((choice) => `"${choice}"`).join(", ")}`);
    }
    return value as T;
  }

  integers(name: string, fallback: readonly number[], min: number, max: number): number[] {
    const value = this.get(name) ?? fallback;
    if (!Array.isArray(value) && !ArrayBuffer.isView(value)) this.fail(name, "an array of whole numbers");
    const numbers = Array.from(value as ArrayLike<number>);
    numbers.forEach((entry, i) => {
      if (!Number.isInteger(entry) || entry < min || entry > max) {
        throw new InvalidInputError(
          `${this.#where}: ${name}[${i}] must be a whole number from ${min} to ${max}, received ${show(entry)}`,
        );
      }
    });
    return numbers;
  }

  /** To be called last. */
  refuseUnknown(): void {
    for (const name of Object.keys(this.#options)) {
      if (this.#known.has(name)) continue;
      const nearest = nearestName(name, [...this.#known]);
      throw new InvalidInputError(
        `${this.#where}: unknown option "${name}"${nearest === undefined ? "" : `; did you mean "${nearest}"?`}`,
      );
    }
  }
}

/** The known name within a small edit distance of a mistyped one. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const distance = (a: string, b: string): number => {
    let row = Array.from({ length: b.length + 1 }, (_, j) => j);
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++) {
        next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      }
      row = next;
    }
    return row[b.length]!;
  };
  let best: string | undefined;
  let least = Math.max(3, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const d = distance(name.toLowerCase(), candidate.toLowerCase());
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

/** Fills in the defaults of `ModelOptions` and checks everything. @throws InvalidInputError */
export function resolveModelConfig(options: ModelOptions, where = "RQVAE.create"): ModelConfig {
  const read = new OptionReader(options, where);
  const inputDim = read.integer("inputDim", undefined, 1, MAX_SIZE);
  const compat = read.choice("compat", COMPATS, "none");
  const hopwise = compat === "hopwise";

  const size = read.get("codebookSize") ?? 256;
  let codebookSizes: number[];
  if (Array.isArray(size) || ArrayBuffer.isView(size)) {
    codebookSizes = read.integers("codebookSize", [], 1, MAX_SIZE);
    if (codebookSizes.length < 1 || codebookSizes.length > 64)
      read.fail("codebookSize", "a number, or 1 to 64 of them");
    const levels = read.integer("nQuantizationLayers", codebookSizes.length, 1, 64);
    if (levels !== codebookSizes.length) {
      throw new InvalidInputError(
        `${where}: codebookSize has ${codebookSizes.length} entries but nQuantizationLayers is ${levels}: give one size a level`,
      );
    }
  } else {
    const one = read.integer("codebookSize", 256, 1, MAX_SIZE);
    codebookSizes = new Array<number>(read.integer("nQuantizationLayers", 3, 1, 64)).fill(one);
  }

  const config: ModelConfig = {
    inputDim,
    latentDim: read.integer("latentDim", Math.min(64, inputDim), 1, MAX_SIZE),
    hiddenDims: read.integers("hiddenDims", [256, 128], 1, MAX_SIZE),
    codebookSizes,
    nQuantizationLayers: codebookSizes.length,
    codebookKmeansInit: read.boolean("codebookKmeansInit", true),
    commitmentWeight: read.number("commitmentWeight", 0.25, 0),
    reconstructionWeight: read.number("reconstructionWeight", 1, 0),
    activation: read.choice("activation", ACTIVATIONS, "silu"),
    inputScaling: read.choice("inputScaling", INPUT_SCALINGS, hopwise ? "none" : "commonScale"),
    inputNoise: read.number("inputNoise", 0, 0),
    linearSkip: read.choice("linearSkip", LINEAR_SKIPS, hopwise ? "none" : "pca"),
    codebookGradient: read.choice("codebookGradient", CODEBOOK_GRADIENTS, hopwise ? "quantization" : "joint"),
    compat,
    codebookSimVq: read.boolean("codebookSimVq", hopwise),
    seed: read.integer("seed", 0, 0, Number.MAX_SAFE_INTEGER),
  };
  read.refuseUnknown();
  if (hopwise) {
    const fixed = { inputScaling: "none", linearSkip: "none", codebookGradient: "quantization" } as const;
    for (const [name, value] of Object.entries(fixed) as [keyof typeof fixed, string][]) {
      if (config[name] !== value) {
        throw new InvalidInputError(
          `${where}: compat "hopwise" needs ${name} "${value}", received "${config[name]}": leave it out`,
        );
      }
    }
  } else if (config.codebookSimVq) {
    throw new InvalidInputError(`${where}: codebookSimVq needs compat: "hopwise"`);
  }
  return config;
}

/** The options that give a configuration again. */
export function configToOptions(config: ModelConfig): Required<ModelOptions> {
  const { codebookSizes, ...rest } = config;
  return { ...rest, codebookSize: codebookSizes };
}

/** A configuration as the binding reads it: enumerations as numbers. */
export function nativeModelConfig(config: ModelConfig): object {
  return {
    ...config,
    activation: ACTIVATIONS.indexOf(config.activation),
    inputScaling: INPUT_SCALINGS.indexOf(config.inputScaling),
    linearSkip: LINEAR_SKIPS.indexOf(config.linearSkip),
    codebookGradient: CODEBOOK_GRADIENTS.indexOf(config.codebookGradient),
    compat: COMPATS.indexOf(config.compat),
  };
}

function readOptimizer(read: OptionReader, kind: (typeof OPTIMIZERS)[number]): object {
  return {
    kind: OPTIMIZERS.indexOf(kind),
    learningRate: read.number("learningRate", 1e-3, 0, Number.MAX_VALUE, true),
    codebookLearningRateScale: read.number("codebookLearningRateScale", 1, 0),
    weightDecay: read.number("weightDecay", 0, 0),
    beta1: read.number("beta1", 0.9, 0, 1 - 1e-9),
    beta2: read.number("beta2", 0.999, 0, 1 - 1e-9),
    epsilon: read.number("epsilon", kind === "adagrad" ? 1e-10 : 1e-8, 0, Number.MAX_VALUE, true),
    momentum: read.number("momentum", 0, 0, 1),
  };
}

/** Checks `OptimizerOptions` and gives what the binding reads. @throws InvalidInputError */
export function nativeOptimizerConfig(options: OptimizerOptions): object {
  const read = new OptionReader(options, "createOptimizer");
  const config = readOptimizer(read, read.choice("kind", OPTIMIZERS, "adam"));
  read.refuseUnknown();
  return config;
}

/** Checks `TrainOptions` (without its callbacks) and gives what the binding reads. @throws InvalidInputError */
export function nativeTrainConfig(options: TrainOptions): { epochs: number; batchSize: number } & object {
  const read = new OptionReader(options, "train");
  const epochs = read.integer("epochs", 100, 1, 2 ** 30);
  const config = {
    epochs,
    batchSize: read.integer("batchSize", 1024, 1, MAX_SIZE),
    schedule: SCHEDULES.indexOf(read.choice("schedule", SCHEDULES, "constant")),
    warmup: read.number("warmup", 0, 0, 1),
    evaluateEvery: read.integer("evaluateEvery", Math.max(1, Math.floor(epochs / 50)), 1, 2 ** 30),
    optimizer: readOptimizer(read, read.choice("optimizer", OPTIMIZERS, "adam")),
  };
  checkJobOptions(read);
  read.refuseUnknown();
  return config;
}

function checkJobOptions(read: OptionReader): void {
  const onProgress = read.get("onProgress");
  if (onProgress !== undefined && typeof onProgress !== "function") read.fail("onProgress", "a function");
  const signal = read.get("signal");
  if (signal !== undefined && typeof (signal as AbortSignal)?.aborted !== "boolean")
    read.fail("signal", "an AbortSignal");
}

/** Checks that options are an object with no other names than these. @throws InvalidInputError */
export function checkOptionNames(options: object, where: string, names: readonly string[]): void {
  const read = new OptionReader(options, where);
  for (const name of names) read.get(name);
  read.refuseUnknown();
}

/** The names of all options of training, for telling them from a model's; complete by its type. */
export const TRAIN_OPTION_NAMES = Object.keys({
  epochs: 1,
  batchSize: 1,
  schedule: 1,
  warmup: 1,
  evaluateEvery: 1,
  optimizer: 1,
  learningRate: 1,
  codebookLearningRateScale: 1,
  weightDecay: 1,
  beta1: 1,
  beta2: 1,
  epsilon: 1,
  momentum: 1,
  onProgress: 1,
  signal: 1,
} satisfies Record<keyof TrainOptions, 1>);

/** Checks the options of a job that has only progress and signal. @throws InvalidInputError */
export function validateJobOptions(options: object, where: string): void {
  const read = new OptionReader(options, where);
  checkJobOptions(read);
  read.refuseUnknown();
}
