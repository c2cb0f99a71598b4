/** A PyTorch state_dict in the reference's naming, without our metadata: its architecture is read off the shapes. */

import { InvalidInputError, ModelFormatError } from "./errors.ts";
import { resolveModelConfig } from "./model-config.ts";
import type { FileTensor } from "./model-file.ts";
import { show } from "./option-reader.ts";
import type { ModelConfig, ModelOptions } from "./types.ts";

/**
 * Configuration and tensors, under our names, of a foreign file: `encoder.network.{0,2,...}`, `quantization_layers.{l}.embedding`,
 * optionally `.out_proj` (SimVQ) and `decoder.network.{0,2,...}`. Taken as `compat: "hopwise"`, SiLU, unless `overrides` say otherwise.
 * @throws ModelFormatError when it is no such state_dict.
 */
export function modelFromTensors(
  file: ReadonlyMap<string, FileTensor>,
  overrides: Partial<ModelOptions>,
): { config: ModelConfig; part: "full" | "encoder"; tensors: Map<string, FileTensor> } {
  const tensors = new Map<string, FileTensor>();
  // The reference wrapped out_proj in a Sequential for a while.
  for (const [name, tensor] of file) tensors.set(name.replace(".out_proj.0.weight", ".out_proj.weight"), tensor);

  const matrix = (name: string): readonly number[] | undefined => {
    const shape = tensors.get(name)?.shape;
    return shape?.length === 2 ? shape : undefined;
  };
  const encoder: (readonly number[])[] = [];
  for (let i = 0; ; i += 2) {
    const shape = matrix(`encoder.network.${i}.weight`);
    if (shape === undefined) break;
    encoder.push(shape);
  }
  const codebooks: (readonly number[])[] = [];
  for (let l = 0; ; l++) {
    const shape = matrix(`quantization_layers.${l}.embedding.weight`);
    if (shape === undefined) break;
    codebooks.push(shape);
  }
  if (encoder.length === 0 || codebooks.length === 0) {
    const names = [...file.keys()].slice(0, 3).map((name) => `"${name}"`);
    throw new ModelFormatError(
      `this safetensors file is neither an rqvae model nor a state_dict with "encoder.network.0.weight" and "quantization_layers.0.embedding.weight"; it holds ${names.join(", ") || "no tensors"}${file.size > 3 ? ", ..." : ""}`,
    );
  }
  const sizes = {
    inputDim: encoder[0]![1]!,
    latentDim: encoder.at(-1)![0]!,
    hiddenDims: encoder.slice(0, -1).map((shape) => shape[0]!),
    codebookSize: codebooks.map((shape) => shape[0]!),
    nQuantizationLayers: codebooks.length,
  };
  for (const [name, size] of Object.entries(sizes)) {
    const given = overrides[name as keyof typeof sizes];
    const stated = name === "codebookSize" && typeof given === "number" ? codebooks.map(() => given) : given;
    if (stated !== undefined && JSON.stringify(stated) !== JSON.stringify(size)) {
      throw new InvalidInputError(
        `RQVAE.load: config.${name} is ${show(given)}, but the file's tensors have ${show(size)}: leave it out`,
      );
    }
  }
  // Input statistics or a skip path: weights of ours that were saved again without the metadata.
  const ours = tensors.has("input.mean") || tensors.has("encoder.skip.weight");
  const options: ModelOptions = {
    compat: ours ? "none" : "hopwise",
    codebookSimVq: tensors.has("quantization_layers.0.out_proj.weight"),
    ...overrides,
    ...sizes,
  };
  // A foreign file has input statistics and a skip path only if it has their tensors.
  if (!tensors.has("input.mean")) options.inputScaling ??= "none";
  if (!tensors.has("encoder.skip.weight")) options.linearSkip ??= "none";
  const config = resolveModelConfig(options, "RQVAE.load: config");
  return { config, part: tensors.has("decoder.network.0.weight") ? "full" : "encoder", tensors };
}
