/**
 * `config.json` as PyTorchModelHubMixin writes it: the arguments of the model's constructor, with their names in the programs whose
 * state_dicts are read.
 */

import { ModelFormatError } from "../../base/errors.ts";
import { show } from "../../base/option-reader.ts";
import { TextDecoder } from "../../base/text-codecs.ts";
import type { HubConfig, ModelOptions } from "../../types.ts";

/** Arguments that are our options under another name. */
const OPTIONS: Record<string, keyof ModelOptions> = {
  input_dim: "inputDim",
  in_dim: "inputDim",
  latent_dim: "latentDim",
  embed_dim: "latentDim",
  e_dim: "latentDim",
  hidden_dims: "hiddenDims",
  layers: "hiddenDims",
  codebook_size: "codebookSize",
  num_emb_list: "codebookSize",
  n_quantization_layers: "nQuantizationLayers",
  n_layers: "nQuantizationLayers",
  codebook_kmeans_init: "codebookKmeansInit",
  kmeans_init: "codebookKmeansInit",
  codebook_sim_vq: "codebookSimVq",
  commitment_weight: "commitmentWeight",
  beta: "commitmentWeight",
  sk_epsilons: "sinkhornEpsilon",
  sk_iters: "sinkhornIterations",
};

/** Arguments that change an ID in a way that our configurations cannot express, and the values with which they do not. */
const HARMLESS: Record<string, readonly unknown[]> = {
  codebook_normalize: [false],
  normalize_quantizer_inputs: [false],
  distance_mode: [1, "l2", "L2"],
};

/** Whether an object has arguments of such a constructor. */
export const isHubConfig = (config: object): boolean =>
  Object.keys(config).some((name) => Object.hasOwn(OPTIONS, name));

/**
 * A `config.json` next to a state_dict; undefined if it is another program's.
 * @param name Its path or URL, for the message.
 * @throws ModelFormatError if it is not JSON.
 */
export function parseHubConfig(json: Uint8Array, name: string): HubConfig | undefined {
  let config: unknown;
  try {
    config = JSON.parse(new TextDecoder().decode(json));
  } catch (cause) {
    throw new ModelFormatError(`${name}, which is next to the state_dict, is not JSON`, { code: "NOT_JSON", cause });
  }
  const isObject = config !== null && typeof config === "object" && !Array.isArray(config);
  return isObject && isHubConfig(config as object) ? (config as HubConfig) : undefined;
}

/**
 * The options that the arguments mean, and the name by which each was given. Unknown arguments that are not our options either steer
 * training or another part of the program, and are ignored, as is null.
 * @throws ModelFormatError for an argument with which the model cannot be expressed here.
 */
export function readHubConfig(
  config: Readonly<Record<string, unknown>>,
  optionNames: readonly string[],
): { options: Partial<ModelOptions>; names: Map<string, string> } {
  const options: Record<string, unknown> = {};
  const names = new Map<string, string>();
  for (const [name, value] of Object.entries(config)) {
    const harmless = Object.hasOwn(HARMLESS, name) ? HARMLESS[name] : undefined;
    if (harmless && value !== null && value !== undefined && !harmless.includes(value)) {
      throw new ModelFormatError(
        `the model's config has ${name} ${show(value)}, which is not supported: the IDs are the same only with ${harmless.map(show).join(" or ")}`,
        { code: "STATE_DICT_UNSUPPORTED" },
      );
    }
    const option = optionNames.includes(name) ? name : Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (option === undefined || value === null || value === undefined) continue;
    options[option] = value;
    names.set(option, name);
  }
  return { options, names };
}
