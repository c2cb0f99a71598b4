/** The Hopwise tutorial's program (tail-unica/hopwise, run_example/RQ_Vae_Semantic_IDs.py), and our own weights saved again by PyTorch. */

import { indexes, type Layout, modules, type Tensors, type Translation, translate, unfit } from "./layout.ts";

const ENCODER = "encoder.network.";
const LEVELS = "quantization_layers.";

/**
 * `encoder.network.{0,2,...}`, `quantization_layers.{l}.embedding`, optionally `.out_proj` (SimVQ), and `decoder.network.{0,2,...}`: SiLU,
 * with a sigmoid and L2 normalisation after the decoder (`compat: "hopwise"`).
 */
export function readHopwise(tensors: Tensors, others: readonly string[], program = "Hopwise"): Translation | undefined {
  const linears = modules(tensors, ENCODER);
  const levels = indexes(tensors, LEVELS, ".embedding.weight", 2);
  if (linears.length === 0 || levels.length === 0) return undefined;
  const stride = 2;
  const layout: Layout = {
    program,
    encoder: ENCODER,
    decoder: "decoder.network.",
    linear: (layer) => stride * layer,
    bias: true,
    level: (level) => `${LEVELS}${level}.`,
    // For a while the reference wrapped it in a Sequential.
    projection: ["out_proj.weight", "out_proj.0.weight"].find((name) => tensors.has(`${LEVELS}0.${name}`)),
    ignored: /\.kmeans_initted$/,
  };
  const {
    sizes,
    part,
    tensors: translated,
    options,
  } = translate(tensors, others, layout, Math.floor(linears.at(-1)! / stride) + 1, levels.at(-1)! + 1);
  return { sizes, part, tensors: translated, options: { compat: "hopwise", activation: "silu", ...options } };
}

/**
 * Our weights without the metadata: these have input statistics or a linear path, which no other program has. undefined if they are not
 * ours.
 */
export function readOwn(tensors: Tensors, others: readonly string[]): Translation | undefined {
  const isOwn = (name: string) => /^input\.|^(en|de)coder\.skip\./.test(name);
  const own = [...tensors].filter(([name]) => isOwn(name));
  if (own.length === 0) return undefined;
  const rest = new Map([...tensors].filter(([name]) => !isOwn(name)));
  if (modules(rest, ENCODER, "weight", 1).length > 0) {
    throw unfit(
      { program: "rqvae" },
      "its metadata is missing, and without it one layer normalisation looks like another: load the file that rqvae wrote",
    );
  }
  const read = readHopwise(rest, others, "rqvae");
  if (read === undefined) return undefined;
  for (const [name, tensor] of own) read.tensors.set(name, tensor);
  return { ...read, options: { ...read.options, compat: "none" } };
}
