/** A PyTorch state_dict without our metadata: the names tell its program, the shapes its architecture. */

import { invalid, ModelFormatError } from "../base/errors.ts";
import { isSame } from "../base/file-values.ts";
import { show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { MODEL_OPTION_NAMES, resolveModelConfig } from "../options/model-config.ts";
import type { HubConfig, ModelConfig, ModelOptions } from "../types.ts";
import type { FileTensor, ModelFile } from "./model-file.ts";
import { readHopwise, readOwn } from "./state-dicts/hopwise.ts";
import { isHubConfig, readHubConfig } from "./state-dicts/hub-config.ts";
import { quoteNames, type Sizes, type Translation } from "./state-dicts/layout.ts";
import { readLcRec } from "./state-dicts/lc-rec.ts";
import { readRqVaeRecommender } from "./state-dicts/rq-vae-recommender.ts";
import { readSemanticIdGeneration } from "./state-dicts/semantic-id-generation.ts";

/** Wrappers of a model, torch.compile and DistributedDataParallel, put their name before all others. */
const WRAPPERS = ["_orig_mod.", "module.", "model."];

/**
 * Configuration and tensors of a foreign file, under our names. What the tensors do not show is as in the program that wrote them, unless
 * overridden by `overrides`: the caller's options, or those of a `config.json`.
 * @throws ModelFormatError if it is not a state_dict of a known program, or one that cannot be expressed here.
 */
export function modelFromTensors(
  { tensors: found, others = [] }: ModelFile,
  overrides: Partial<ModelOptions> & HubConfig,
): { config: ModelConfig; part: "full" | "encoder"; tensors: Map<string, FileTensor> } {
  const unwrapped = unwrap([...found.keys(), ...others]);
  const names = new Map([...found].map(([name, tensor]) => [unwrapped(name), tensor]));
  const { sizes, part, tensors, options } = recognise(names, others.map(unwrapped));

  const given: Record<string, unknown> = { ...overrides };
  const stated = isHubConfig(given)
    ? readHubConfig(given, MODEL_OPTION_NAMES)
    : { options: given as Partial<ModelOptions>, names: new Map<string, string>() };
  checkSizes(sizes, stated.options, stated.names);
  const chosen: ModelOptions = { ...options, ...stated.options, ...sizes };
  // A foreign file has input statistics and a skip path only if it has their tensors.
  if (!tensors.has("input.mean")) chosen.inputScaling ??= "none";
  if (!tensors.has("encoder.skip.weight")) chosen.linearSkip ??= "none";
  return { config: resolveModelConfig(chosen, "RQVAE.load: config"), part, tensors };
}

function recognise(tensors: Map<string, FileTensor>, others: readonly string[]): Translation {
  for (const read of [readOwn, readSemanticIdGeneration, readHopwise, readRqVaeRecommender, readLcRec]) {
    const translation = read(tensors, others);
    if (translation) return translation;
  }
  const names = quoteNames([...tensors.keys(), ...others], 3);
  throw new ModelFormatError(
    `this safetensors file is neither an rqvae model nor a state_dict of Hopwise or Semantic-ID-Generation ("encoder.network.0.weight", "quantization_layers.0.embedding.weight"), RQ-VAE-Recommender ("encoder.mlp.0.weight", "layers.0.embedding.weight") or LC-Rec ("encoder.mlp_layers.1.weight", "rq.vq_layers.0.embedding.weight"); it holds ${names || "no tensors"}`,
    { code: "FILE_FOREIGN" },
  );
}

/** Removes the wrappers' names if every name has them. */
function unwrap(names: readonly string[]): (name: string) => string {
  let length = 0;
  for (;;) {
    const wrapper = WRAPPERS.find(
      (prefix) => names.length > 0 && names.every((name) => name.startsWith(prefix, length)),
    );
    if (wrapper === undefined) return (name) => name.slice(length);
    length += wrapper.length;
  }
}

function checkSizes(sizes: Sizes, stated: Partial<ModelOptions>, names: ReadonlyMap<string, string>): void {
  for (const [name, size] of Object.entries(sizes)) {
    const given = stated[name as keyof Sizes];
    const one = name === "codebookSize" && typeof given === "number";
    const spelled = one ? sizes.codebookSize.map(() => given) : given;
    if (spelled !== undefined && !isSame(spelled, size)) {
      throw invalid(
        "OPTIONS_CONFLICT",
      )`${call("RQVAE.load")}config.${names.get(name) ?? name} is ${show(given)}, but the file's tensors have ${show(size)}${{ hint: "leave it out" }}`;
    }
  }
}
