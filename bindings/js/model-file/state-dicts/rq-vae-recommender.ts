/** EdoardoBotta/RQ-VAE-Recommender. */

import { indexes, type Layout, modules, type Tensors, type Translation, translate } from "./layout.ts";

const ENCODER = "encoder.mlp.";
const LEVELS = "layers.";

/**
 * `encoder.mlp.{0,2,...}` (0, 3, ... where it was trained with dropout) without biases, `layers.{l}.embedding`, optionally `.out_proj.0`
 * (SimVQ): SiLU. Its decoder ends with an L2 normalisation over all but the categorical features, which is not supported here: the model
 * encodes but has no decoder. undefined for other programs.
 */
export function readRqVaeRecommender(tensors: Tensors, others: readonly string[]): Translation | undefined {
  const linears = modules(tensors, ENCODER);
  const levels = indexes(tensors, LEVELS, ".embedding.weight", 2);
  if (linears.length === 0 || levels.length === 0) return undefined;
  const stride = linears.length > 1 && linears[1]! - linears[0]! === 3 ? 3 : 2;
  const layout: Layout = {
    program: "RQ-VAE-Recommender",
    encoder: ENCODER,
    decoder: "decoder.mlp.",
    linear: (layer) => stride * layer,
    bias: modules(tensors, ENCODER, "bias", 1).length > 0,
    level: (level) => `${LEVELS}${level}.`,
    projection: tensors.has(`${LEVELS}0.out_proj.0.weight`) ? "out_proj.0.weight" : undefined,
    ignored: /\.kmeans_initted$/,
  };
  const {
    sizes,
    tensors: translated,
    options,
  } = translate(tensors, others, layout, Math.floor(linears.at(-1)! / stride) + 1, levels.at(-1)! + 1);
  for (const name of [...translated.keys()]) if (name.startsWith("decoder.")) translated.delete(name);
  return { sizes, part: "encoder", tensors: translated, options: { compat: "none", activation: "silu", ...options } };
}
