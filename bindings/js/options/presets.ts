/**
 * The field's training recipes, as papers and programs publish them, for comparison and to reproduce published work. None is this library's
 * default, which `suggestConfig` gives.
 */

import { OptionReader } from "../base/option-reader.ts";
import type { ModelOptions, Recipe } from "../types.ts";

/** What a recipe needs to know. */
export interface RecipeShape {
  inputDim: number;
  seed?: number;
}

/** Names of the recipes in `presets`. */
export type PresetName = "tiger" | "lcrec" | "hopwise";

function check(name: PresetName, shape: RecipeShape): ModelOptions {
  const read = new OptionReader(shape, `presets.${name}`);
  const inputDim = read.integer("inputDim", undefined, 1, Number.MAX_SAFE_INTEGER);
  const seed = read.get("seed") as number | undefined;
  read.refuseUnknown();
  return { inputDim, ...(seed === undefined ? {} : { seed }) };
}

/** The plain residual-quantised autoencoder that all of them share: no linear path, and the classical straight-through estimator. */
const PLAIN = {
  activation: "relu",
  inputScaling: "none",
  linearSkip: "none",
  codebookGradient: "quantization",
} as const satisfies Partial<ModelOptions>;

/** Recipes that papers and programs publish, for comparison. Each gives the options of `RQVAE.create` and of `train`. */
export const presets = {
  /**
   * TIGER (Rajput et al., "Recommender Systems with Generative Retrieval", NeurIPS 2023, section 3.1 and appendix): encoder 512, 256, 128
   * with ReLU, latent 32, three levels of 256 codes, beta 0.25, Adagrad with learning rate 0.4, batches of 1,024. The paper trains 20,000
   * epochs; set `epochs` to what you can afford.
   */
  tiger(shape: RecipeShape): Recipe {
    return {
      model: { ...check("tiger", shape), ...PLAIN, hiddenDims: [512, 256, 128], latentDim: 32, codebookSize: 256 },
      train: { epochs: 20_000, batchSize: 1024, optimizer: "adagrad", learningRate: 0.4 },
    };
  },

  /**
   * LC-Rec (Zheng et al., "Adapting Large Language Models by Integrating Collaborative Semantics for Recommendation", ICDE 2024; the
   * program's index/run.sh). Encoder 2,048 ... 64 with ReLU, latent 32, four levels of 256 codes, beta 0.25. AdamW with learning rate 1e-3
   * and weight decay 1e-4, linear schedule with 50 of 10,000 epochs of warm-up, gradients clipped to 1, batches of 1,024.
   * Sinkhorn-balanced assignment with epsilon 0.003 at the last level, the epoch with the fewest collisions kept. Its losses are means
   * over the features and over the levels where ours are sums: `reconstructionWeight` sets the same proportion, which makes our loss
   * levels x latentDim times theirs, and `gradientClip` likewise.
   */
  lcrec(shape: RecipeShape): Recipe {
    const levels = 4;
    const latentDim = 32;
    const scale = levels * latentDim;
    return {
      model: {
        ...check("lcrec", shape),
        ...PLAIN,
        hiddenDims: [2048, 1024, 512, 256, 128, 64],
        latentDim,
        nQuantizationLayers: levels,
        codebookSize: 256,
        sinkhornEpsilon: [0, 0, 0, 0.003],
        sinkhornIterations: 50,
        reconstructionWeight: scale / shape.inputDim,
      },
      train: {
        epochs: 10_000,
        batchSize: 1024,
        optimizer: "adamw",
        learningRate: 1e-3,
        weightDecay: 1e-4,
        gradientClip: scale,
        schedule: "linear",
        warmup: 50 / 10_000,
        evaluateEvery: 50,
        select: "collision",
      },
    };
  },

  /**
   * The program of the Hopwise library's "Semantic IDs with RQ-VAE" tutorial (run_example/RQ_Vae_Semantic_IDs.py). Its functions
   * (`compat: "hopwise"`: sigmoid and L2-normalised output, SimVQ projection); encoder 256, 128, 64, latent 256, three levels of 256 codes.
   * Beta 0.25, Adagrad with learning rate 1e-3 and weight decay 1e-4, batches of 1,024. The program trains 20,000 epochs; set `epochs` to
   * what you can afford.
   */
  hopwise(shape: RecipeShape): Recipe {
    return {
      model: {
        ...check("hopwise", shape),
        compat: "hopwise",
        hiddenDims: [256, 128, 64],
        latentDim: 256,
        nQuantizationLayers: 3,
        codebookSize: 256,
        commitmentWeight: 0.25,
      },
      train: { epochs: 20_000, batchSize: 1024, optimizer: "adagrad", learningRate: 1e-3, weightDecay: 1e-4 },
    };
  },
} as const satisfies Record<PresetName, (shape: RecipeShape) => Recipe>;
