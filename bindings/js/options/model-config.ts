/** Turns model options into a complete and checked configuration. */

import { OptionReader } from "../base/option-reader.ts";
import type { ModelConfig, ModelOptions } from "../types.ts";
import { checkExclusions, nativeConfig, resolve } from "./resolve.ts";
import { MODEL } from "./table.ts";

/** Fills in the defaults of `ModelOptions` and checks everything. @throws InvalidInputError */
export function resolveModelConfig(options: ModelOptions, where = "RQVAE.create"): ModelConfig {
  const read = new OptionReader(options, where);
  const config = resolve(read, where, MODEL);
  read.refuseUnknown();
  return config as unknown as ModelConfig;
}

/** @throws InvalidInputError for options that exclude each other, which says which to leave out. */
export function checkCombinations(config: ModelConfig, where: string): void {
  checkExclusions(MODEL, where, config);
}

/** The names of all options of a model. */
export const MODEL_OPTION_NAMES: readonly string[] = Object.keys(MODEL);

/** A configuration as the binding reads it. */
export const nativeModelConfig = (config: ModelConfig): object => nativeConfig(MODEL, config);
