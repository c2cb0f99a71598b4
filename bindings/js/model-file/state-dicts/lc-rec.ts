/** LC-Rec (zhengbw0324/LC-Rec, RQ-VAE/models), and the programs that reuse its model (LETTER, MiniOneRec, ...). */

import { indexes, type Layout, modules, type Tensors, type Translation, translate, unfit } from "./layout.ts";

const PROGRAM = "LC-Rec";
const ENCODER = "encoder.mlp_layers.";
const LEVELS = "rq.vq_layers.";

/**
 * `encoder.mlp_layers.N`: dropout, Linear, batch normalisation if it has one, ReLU for each hidden layer, and at the end dropout and
 * Linear: the Linears are 1, 4, 7, ..., or 1, 5, 9, ... with batch normalisation, which is folded into them.
 * `rq.vq_layers.{l}.embedding`. Linear output. undefined for other programs.
 */
export function readLcRec(tensors: Tensors, others: readonly string[]): Translation | undefined {
  const linears = modules(tensors, ENCODER);
  const levels = indexes(tensors, LEVELS, ".embedding.weight", 2);
  if (linears.length === 0 || levels.length === 0) return undefined;
  const hasBatchNorm = modules(tensors, ENCODER, "running_mean", 1).length > 0;
  const stride = hasBatchNorm ? 4 : 3;
  // One module fewer between two Linears: nn.Module without the activation.
  if (linears.length > 1 && linears[1]! - linears[0]! === stride - 1) {
    throw unfit({ program: PROGRAM }, "its hidden layers have no activation, but those here have ReLU or SiLU");
  }
  const layout: Layout = {
    program: PROGRAM,
    encoder: ENCODER,
    decoder: "decoder.mlp_layers.",
    linear: (layer) => 1 + stride * layer,
    ...(hasBatchNorm && { batchNorm: (layer: number) => 2 + stride * layer }),
    bias: true,
    level: (level) => `${LEVELS}${level}.`,
    projection: undefined,
    ignored: /\.num_batches_tracked$/,
  };
  const {
    sizes,
    part,
    tensors: translated,
    options,
  } = translate(tensors, others, layout, Math.floor((linears.at(-1)! - 1) / stride) + 1, levels.at(-1)! + 1);
  return { sizes, part, tensors: translated, options: { compat: "none", activation: "relu", ...options } };
}
