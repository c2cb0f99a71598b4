/** justinhangoebl/Semantic-ID-Generation, from which the Hopwise tutorial's program derives. */

import { readHopwise } from "./hopwise.ts";
import { type Tensors, type Translation, unfit } from "./layout.ts";

const PROGRAM = "Semantic-ID-Generation";

/**
 * The names of Hopwise, with `out_proj.0` for SimVQ and, in later versions, `encoder.input_norm`: a batch normalisation of the input
 * followed by an L2 normalisation, which our configurations cannot express. undefined for other programs.
 */
export function readSemanticIdGeneration(tensors: Tensors, others: readonly string[]): Translation | undefined {
  const names = [...tensors.keys()];
  if (names.some((name) => name.startsWith("encoder.input_norm."))) {
    throw unfit(
      { program: PROGRAM },
      '"encoder.input_norm" normalises the input by batch statistics and then to unit length, which is not supported here. Do that to the items in Python, save the state_dict without it, and load that with config { activation: "relu", compat: "none" }',
    );
  }
  if (!names.some((name) => /^quantization_layers\.\d+\.out_proj\.0\.weight$/.test(name))) return undefined;
  return readHopwise(tensors, others, PROGRAM);
}
