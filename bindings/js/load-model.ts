/** What `RQVAE.load` does before there is a model, and filling it. Apart from rqvae.ts, since a client that trains never loads one. */

import { InvalidInputError, ModelFormatError } from "./errors.ts";
import { configToOptions, resolveModelConfig } from "./model-config.ts";
import type { FileTensor, ModelMetadata } from "./model-file.ts";
import { native } from "./native.ts";
import type { Handle, NativeModule } from "./native-module.ts";
import { readModelFile } from "./read-model-file.ts";
import { hashOf } from "./rqvae.ts";
import { readSource } from "./source.ts";
import type { HubConfig, ModelConfig, ModelOptions, ModelSource } from "./types.ts";

/** A model as it is in a file, its configuration checked. */
export interface LoadedModel {
  module: NativeModule;
  config: ModelConfig;
  part: "full" | "encoder";
  tensors: ReadonlyMap<string, FileTensor>;
  /** Absent in a state_dict. */
  metadata?: ModelMetadata;
}

export async function loadModel(
  source: ModelSource,
  overrides: Partial<ModelOptions> & HubConfig,
): Promise<LoadedModel> {
  const { bytes, config: beside } = await readSource(source);
  const module = await native();
  const { metadata, ...file } = readModelFile(bytes, (data) => hashOf(module, data));
  if (!metadata) {
    const { modelFromTensors } = await import("./state-dict.ts"); // few need it
    return { module, ...modelFromTensors(file, { ...beside, ...overrides }) };
  }
  const { numerics } = module.buildInfo();
  if (metadata.numerics !== numerics) {
    throw new ModelFormatError(
      `the model file was made with numerics ${metadata.numerics}, this release of rqvae computes with numerics ${numerics}: its IDs would differ. Use the release that made it, or train again`,
    );
  }
  const own = asFormatError(() => resolveModelConfig(configToOptions(metadata.config), "the model file"));
  const config = resolveModelConfig({ ...configToOptions(own), ...overrides }, "RQVAE.load: config");
  return { module, config, part: metadata.part, tensors: file.tensors, metadata };
}

/** Gives a new model the weights of a file. @throws ModelFormatError when they are not those of its configuration. */
export function setTensors(model: Handle, { module, tensors, metadata }: LoadedModel): void {
  const expected = module.tensors(model);
  for (const { name, shape, address } of expected) {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new ModelFormatError(`the model file has no tensor "${name}"`);
    if (tensor.shape.length !== shape.length || tensor.shape.some((extent, i) => extent !== shape[i])) {
      throw new ModelFormatError(
        `tensor "${name}" has shape [${tensor.shape.join(", ")}], but the configuration needs [${shape.join(", ")}]`,
      );
    }
    module.HEAPF32.set(tensor.data, address / 4);
  }
  const known = new Set(expected.map(({ name }) => name));
  for (const name of tensors.keys()) {
    if (!known.has(name)) {
      throw new ModelFormatError(`the model file has a tensor "${name}" that the configuration has no place for`);
    }
  }
  module.tensorsChanged(model, metadata?.initialized ?? true);
}

/** Checks what only a file that was read whole can tell: that the weights are those that were saved. */
export function requireFingerprint(actual: string, { metadata }: LoadedModel): void {
  if (metadata && metadata.fingerprint !== actual) {
    throw new ModelFormatError(
      `the model file's fingerprint is ${metadata.fingerprint}, but its weights have ${actual}`,
    );
  }
}

function asFormatError<T>(body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (cause instanceof InvalidInputError) throw new ModelFormatError(cause.message, { cause });
    throw cause;
  }
}
