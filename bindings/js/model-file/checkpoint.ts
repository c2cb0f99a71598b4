/** Checkpoints: a model file with the training job's state beside the weights, and what must be the same to resume. Internal. */

import { invalid } from "../base/errors.ts";
import { isSame } from "../base/file-values.ts";
import { show } from "../base/option-reader.ts";
import { call, option, worded } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import { CALLBACK_NAMES, resolveTrainConfig } from "../options/train-config.ts";
import { hashOf } from "../runtime/hash.ts";
import { native } from "../runtime/native.ts";
import type { NativeModule } from "../runtime/native-module.ts";
import type { ModelConfig, TrainOptions } from "../types.ts";
import type { CheckpointInfo, DataIdentity, ModelFile, ModelMetadata } from "./model-file.ts";
import { fromStored, readModelFile } from "./read-model-file.ts";

/**
 * Checks that a checkpoint goes on with this model, these options and these items, and gives the training configuration.
 * @throws InvalidInputError that names the first difference.
 */
function resumedConfig(
  file: ModelFile,
  model: ModelConfig,
  options: TrainOptions,
  numerics: number,
): CheckpointInfo & { state: Uint8Array; metadata: ModelMetadata } {
  const { metadata, state } = file;
  const info = metadata?.checkpoint;
  if (!metadata || !info || !state) {
    throw invalid(
      "CHECKPOINT_MISMATCH",
    )`${call("resume")}these bytes are a model, not a checkpoint: ${{ api: "pass what checkpoint.write or saveCheckpoint() gave", cli: "name the file that --checkpoint wrote" }}`;
  }
  if (metadata.numerics !== numerics) {
    throw invalid(
      "CHECKPOINT_MISMATCH",
    )`${call("resume")}the checkpoint was made with numerics ${metadata.numerics}, this release of rqvae computes with numerics ${numerics}${{ hint: "resume with the release that made it" }}`;
  }
  requireSame("the model's", fromStored(metadata.config), model);
  const given = Object.fromEntries(
    Object.entries(options).filter(([name, value]) => value !== undefined && !CALLBACK_NAMES.includes(name)),
  );
  const callbacks = Object.fromEntries(Object.entries(options).filter(([name]) => CALLBACK_NAMES.includes(name)));
  // The stored configuration is complete: a spread of it resolves to itself, what was said to be meant beside Sinkhorn included.
  const stored = { ...info.train, deadCodeRestart: info.train.deadCodeRestart && ("withSinkhorn" as const) };
  const train = resolveTrainConfig({ ...stored, ...given, ...callbacks }, model);
  requireSame("training's", info.train, train);
  return { train, data: info.data, state, metadata };
}

/** The latent width of a checkpoint's model; undefined in a file that is not ours, which `train` refuses. @throws ModelFormatError */
export async function latentDimOf(bytes: Uint8Array): Promise<number | undefined> {
  const module = await native();
  return readModelFile(new Uint8Array(bytes), (data) => hashOf(module, data)).metadata?.config.latentDim;
}

/** A checkpoint's bytes, read and checked as `resumedConfig` does. */
export function readCheckpoint(bytes: Uint8Array, model: ModelConfig, options: TrainOptions, module: NativeModule) {
  const file = readModelFile(new Uint8Array(bytes), (data) => hashOf(module, data));
  const resumed = resumedConfig(file, model, options, module.buildInfo().numerics);
  return {
    ...resumed,
    requireSameRows(difference: [first: number, last: number] | undefined): void {
      if (difference === undefined) return;
      const [first, last] = difference;
      throw invalid(
        "CHECKPOINT_MISMATCH",
      )`${call("resume")}the checkpoint was made with other items: there is a difference between ${{ row: first }} and row ${last} (or their order)${{ hint: worded`use the same items, or begin again without ${option("resume")}` }}`;
    },
    /** What can be told only once the items are known. @throws InvalidInputError */
    requireFit(data: DataIdentity, isInitialized: boolean): void {
      requireSameData(resumed.data, data);
      if (resumed.metadata.initialized || !isInitialized) return;
      throw invalid(
        "CHECKPOINT_MISMATCH",
      )`${call("resume")}the checkpoint was taken during initialisation, and this model is initialised already${{ hint: "resume on a new model" }}`;
    },
  };
}

export function requireSame(whose: string, stored: object, now: object): void {
  for (const [name, value] of Object.entries(stored)) {
    const own = Object.hasOwn(now, name) ? (now as Record<string, unknown>)[name] : undefined;
    if (isSame(own, value)) continue;
    throw invalid(
      "CHECKPOINT_MISMATCH",
    )`${call("resume")}the checkpoint was made with ${{ api: `${whose} `, cli: "" }}${option(name.slice(0, 40))} ${show(value)}, now it is ${show(own)}${{ hint: "use the same options" }}`;
  }
}

/** @throws InvalidInputError when the items are others than those of the checkpoint. */
function requireSameData(stored: DataIdentity, now: DataIdentity): void {
  if (stored.rows !== now.rows || stored.dim !== now.dim) {
    throw invalid(
      "CHECKPOINT_MISMATCH",
    )`${call("resume")}the checkpoint was made with ${counted(stored.rows, "item")} of dimension ${stored.dim}, received ${counted(now.rows, "item")} of ${now.dim}${{ hint: worded`use the same items, or begin again without ${option("resume")}` }}`;
  }
  if (stored.hash !== now.hash) {
    throw invalid(
      "CHECKPOINT_MISMATCH",
    )`${call("resume")}the checkpoint was made with other items: there is a difference in the first or last 256 rows (or their order)${{ hint: worded`use the same items, or begin again without ${option("resume")}` }}`;
  }
}
