/**
 * A model from its file: reads and checks it and copies its tensors. Separate from rqvae.ts, since many programs load no model. Internal.
 */

import { InvalidInputError, ModelFormatError } from "../base/errors.ts";
import { checkOptionNames, OptionReader } from "../base/option-reader.ts";
import { FieldJoiner, fromStored as layoutOf } from "../items/fields.ts";
import type { FileTensor, ModelFile, ModelRecord } from "../model-file/model-file.ts";
import { damaged, fromStored, readModelFile } from "../model-file/read-model-file.ts";
import { readSource } from "../model-file/source.ts";
import { checkCombinations, nativeModelConfig, resolveModelConfig } from "../options/model-config.ts";
import type { GuardedModule } from "../runtime/guard.ts";
import { hashOf } from "../runtime/hash.ts";
import { native } from "../runtime/native.ts";
import type { Handle, NativeTensor } from "../runtime/native-module.ts";
import type { HubConfig, ModelConfig, ModelOptions, ModelSource, TrainHistory } from "../types.ts";
import { recordOf } from "./provenance.ts";

type LoadOptions = { config?: Partial<ModelOptions> & HubConfig };

/** What is needed to make a model. */
export interface ReadModel {
  module: GuardedModule;
  file: ModelFile;
  config: ModelConfig;
  part: "full" | "encoder";
  tensors: ReadonlyMap<string, FileTensor>;
}

/** @throws ModelFormatError, InvalidInputError: see `RQVAE.load` */
export async function readModel(source: ModelSource, options: LoadOptions): Promise<ReadModel> {
  checkOptionNames(options, "RQVAE.load", ["config"]);
  if (options.config !== undefined) new OptionReader(options.config, "RQVAE.load: config");
  const { bytes, config: beside } = await readSource(source);
  const module = await native();
  const file = readModelFile(bytes, (data) => hashOf(module, data));
  const overrides = options.config ?? {};
  const { metadata } = file;
  if (!metadata) {
    const { modelFromTensors } = await import("../model-file/state-dict.ts"); // few need it
    const read = modelFromTensors(file, { ...beside, ...overrides });
    checkCombinations(read.config, "RQVAE.load: config");
    return { module, file, ...read };
  }
  if (metadata.numerics !== module.buildInfo().numerics) {
    throw new ModelFormatError(
      `the model file was made with numerics ${metadata.numerics}, but this release of rqvae computes with numerics ${module.buildInfo().numerics}: its IDs would differ. Use the release that made it, or train again`,
      { code: "NUMERICS_DIFFER" },
    );
  }
  const own = asFormatError(() => resolveModelConfig(fromStored(metadata.config), "the model file"));
  const config = resolveModelConfig({ ...own, ...overrides }, "RQVAE.load: config");
  checkCombinations(config, "RQVAE.load: config");
  return { module, file, config, part: metadata.part, tensors: file.tensors };
}

/** What the file remembers, and the history of its training. @throws ModelFormatError */
export async function readRecord({
  file: { metadata, history: stored },
}: ReadModel): Promise<{ record?: ModelRecord; history?: TrainHistory; fields?: FieldJoiner }> {
  if (!metadata) return {};
  const { training, version, data, from } = metadata;
  const joined = metadata.fields && { fields: new FieldJoiner(layoutOf(metadata.fields)) };
  const record = recordOf(
    { training, ...(version && { version }), ...(data && { data }), ...(from && { from }) },
    stored,
  );
  if (stored === undefined) return { record, ...joined };
  const { readHistory } = await import("../model-file/stored-history.ts"); // encoder parts and files of before have none
  const history = readHistory(stored, metadata.config.codebookSizes, (what, cause) =>
    damaged(`of its training's history, ${what}`, cause),
  );
  return { record, history, ...joined };
}

/** The weights must be those that the file says, unless its configuration was overridden. @throws ModelFormatError */
export function fitsFile(fingerprint: string, { metadata }: ModelFile, { config = {} }: LoadOptions): void {
  if (!metadata || Object.keys(config).length > 0 || fingerprint === metadata.fingerprint) return;
  throw new ModelFormatError(
    `the model file's fingerprint is ${metadata.fingerprint}, but its weights have ${fingerprint}`,
  );
}

/**
 * Makes a model from tensors. They are compared with what the configuration needs before anything is allocated.
 * @throws ModelFormatError if they do not match the configuration; OutOfMemoryError
 */
export function makeModel({ module, file, config, part, tensors }: ReadModel): Handle {
  const model = module.declareModel(nativeModelConfig(config), part === "encoder");
  try {
    checkTensors(module.tensors(model), tensors);
    module.allocateModel(model);
    for (const { name, address } of module.tensors(model)) {
      module.HEAPF32.set((tensors.get(name) as FileTensor).data, address / 4);
    }
    module.tensorsChanged(model, file.metadata?.initialized ?? true);
    return model;
  } catch (error) {
    model.delete();
    throw error;
  }
}

function checkTensors(expected: readonly NativeTensor[], tensors: ReadonlyMap<string, FileTensor>): void {
  for (const { name, shape } of expected) {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new ModelFormatError(`the model file has no tensor "${name}"`);
    if (tensor.shape.length !== shape.length || tensor.shape.some((extent, i) => extent !== shape[i])) {
      throw new ModelFormatError(
        `tensor "${name}" has shape [${tensor.shape.join(", ")}], but the configuration needs [${shape.join(", ")}]`,
      );
    }
  }
  const known = new Set(expected.map(({ name }) => name));
  for (const name of tensors.keys()) {
    if (!known.has(name))
      throw new ModelFormatError(`the model file has a tensor "${name}" that the configuration does not use`);
  }
}

/** A configuration in a file that does not check out is the file's fault, not the caller's. */
function asFormatError<T>(body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (cause instanceof InvalidInputError) throw new ModelFormatError(cause.wording, { cause });
    throw cause;
  }
}
