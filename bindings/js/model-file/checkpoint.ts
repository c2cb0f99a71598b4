/** Checkpoints: a model file that also has the training job's state, and what must be the same to resume. Internal. */

import { invalid, ModelFormatError } from "../base/errors.ts";
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
 * Checks that a checkpoint belongs to this model, these options and these items, and returns the training configuration.
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
    )`${call("resume")}these bytes are a model, not a checkpoint: ${{ api: "pass the bytes from checkpoint.write or saveCheckpoint()", cli: "name the file that --checkpoint wrote" }}`;
  }
  if (metadata.numerics !== numerics) {
    throw invalid(
      "CHECKPOINT_MISMATCH",
    )`${call("resume")}the checkpoint was made with numerics ${metadata.numerics}, but this release of rqvae computes with numerics ${numerics}${{ hint: "resume with the release that made it" }}`;
  }
  requireSame("the model's", fromStored(metadata.config), model);
  const given = Object.fromEntries(
    Object.entries(options).filter(([name, value]) => value !== undefined && !CALLBACK_NAMES.includes(name)),
  );
  const callbacks = Object.fromEntries(Object.entries(options).filter(([name]) => CALLBACK_NAMES.includes(name)));
  // The stored configuration is complete: a spread of it resolves to itself, including options allowed explicitly with Sinkhorn.
  const stored = { ...info.train, deadCodeRestart: info.train.deadCodeRestart && ("withSinkhorn" as const) };
  const train = resolveTrainConfig({ ...stored, ...given, ...callbacks }, model);
  requireSame("training's", info.train, train);
  return { ...info, train, state, metadata };
}

/** Reads what was given as `resume`. @throws ModelFormatError that names the option. */
function readResumed(bytes: Uint8Array, module: NativeModule): ModelFile {
  try {
    return readModelFile(new Uint8Array(bytes), (data) => hashOf(module, data));
  } catch (error) {
    if (!(error instanceof ModelFormatError)) throw error;
    const { wording, code } = error;
    // What the reader advises goes first.
    throw new ModelFormatError(
      worded`${option("resume")}: ${wording}${{ hint: "pass the bytes from checkpoint.write or saveCheckpoint()", after: "; " }}`,
      { code, cause: error },
    );
  }
}

/** The latent width of a checkpoint's model; undefined in a file that is not ours, which `train` refuses. @throws ModelFormatError */
export async function latentDimOf(bytes: Uint8Array): Promise<number | undefined> {
  return readResumed(bytes, await native()).metadata?.config.latentDim;
}

/** The fingerprint of the trained model that a checkpoint's training started from, if it did. @throws ModelFormatError */
export async function originOf(bytes: Uint8Array): Promise<string | undefined> {
  return readResumed(bytes, await native()).metadata?.checkpoint?.from;
}

/** A checkpoint's bytes, read and checked as `resumedConfig` does. */
export function readCheckpoint(bytes: Uint8Array, model: ModelConfig, options: TrainOptions, module: NativeModule) {
  const file = readResumed(bytes, module);
  const resumed = resumedConfig(file, model, options, module.buildInfo().numerics);
  return {
    ...resumed,
    requireSameRows(difference: [first: number, last: number] | undefined): void {
      if (difference === undefined) return;
      const [first, last] = difference;
      throw invalid(
        "CHECKPOINT_MISMATCH",
      )`${call("resume")}the checkpoint was made with other items: rows differ between ${{ row: first }} and row ${last} (or in their order)${{ hint: worded`use the same items, or start again without ${option("resume")}` }}`;
    },
    /** @param published Hash of the codes that are held because they were given as `published`; undefined if they were not. */
    requireSamePublished(published: string | undefined): void {
      if (published === resumed.published) return;
      throw invalid(
        "CHECKPOINT_MISMATCH",
      )`${call("resume")}the checkpoint was made ${resumed.published === undefined ? "without" : "with other"} ${{ option: "published" }} IDs${{ hint: worded`use the same, or start again without ${option("resume")}` }}`;
    },
    /** Checks that need the items. @throws InvalidInputError */
    requireFit(data: DataIdentity, isInitialized: boolean): void {
      requireSameData(resumed.data, data);
      if (resumed.metadata.initialized || !isInitialized) return;
      throw invalid(
        "CHECKPOINT_MISMATCH",
      )`${call("resume")}the checkpoint was taken during initialisation, but this model is already initialised${{ hint: "resume on a new model" }}`;
    },
  };
}

export function requireSame(whose: string, stored: object, now: object): void {
  for (const [name, value] of Object.entries(stored)) {
    const own = Object.hasOwn(now, name) ? (now as Record<string, unknown>)[name] : undefined;
    if (isSame(own, value)) continue;
    throw invalid(
      "CHECKPOINT_MISMATCH",
    )`${call("resume")}the checkpoint was made with ${{ api: `${whose} `, cli: "" }}${option(name.slice(0, 40))} ${show(value)}, but now it is ${show(own)}${{ hint: "use the same options" }}`;
  }
}

/** @throws InvalidInputError if the items are not those of the checkpoint. */
function requireSameData(stored: DataIdentity, now: DataIdentity): void {
  if (stored.rows !== now.rows || stored.dim !== now.dim) {
    throw invalid(
      "CHECKPOINT_MISMATCH",
    )`${call("resume")}the checkpoint was made with ${counted(stored.rows, "item")} of dimension ${stored.dim}, received ${counted(now.rows, "item")} of ${now.dim}${{ hint: worded`use the same items, or start again without ${option("resume")}` }}`;
  }
  if (stored.hash !== now.hash) {
    throw invalid(
      "CHECKPOINT_MISMATCH",
    )`${call("resume")}the checkpoint was made with other items: the first or last 256 rows differ (or their order)${{ hint: worded`use the same items, or start again without ${option("resume")}` }}`;
  }
}
