/** Options of a model that exclude each other. The core refuses them too, in fewer words. */

import { invalid } from "../base/errors.ts";
import { call, option, valued, worded } from "../base/wording.ts";
import type { ModelConfig } from "../types.ts";

/** What `compat: "hopwise"` fixes. */
const HOPWISE = {
  inputScaling: "none",
  linearSkip: "none",
  codebookGradient: "quantization",
  codebookUpdate: "gradient",
  gradientEstimator: "straightThrough",
  reconstruction: "mse",
  layerNorm: false,
} as const;

/** @throws InvalidInputError that says which of them to leave out. */
export function checkCombinations(config: ModelConfig, where: string): void {
  const { codebookUpdate, linearSkip, inputDim, latentDim } = config;
  if (config.compat === "hopwise") {
    for (const [name, value] of Object.entries(HOPWISE) as [keyof typeof HOPWISE, string | boolean][]) {
      if (config[name] !== value) {
        throw invalid(
          "OPTIONS_CONFLICT",
        )`${call(where)}${valued("compat", "hopwise")} needs ${valued(name, value)}, received ${JSON.stringify(config[name])}${{ hint: "leave it out" }}`;
      }
    }
  }
  if (codebookUpdate === "ema" && config.codebookGradient !== "quantization") {
    throw invalid(
      "OPTIONS_CONFLICT",
    )`${call(where)}${valued("codebookUpdate", "ema")} moves the codebooks without gradients and cannot take ${valued("codebookGradient", "joint")}${{ hint: "leave one of them out" }}`;
  }
  if (codebookUpdate === "ema" && config.codebookSimVq) {
    throw invalid(
      "OPTIONS_CONFLICT",
    )`${call(where)}${valued("codebookUpdate", "ema")} and ${option("codebookSimVq")} exclude each other: averages move the codes, SimVQ only their projection`;
  }
  if (linearSkip === "identity" && latentDim !== inputDim) {
    throw invalid(
      "OPTIONS_CONFLICT",
    )`${call(where)}${valued("linearSkip", "identity")} needs ${option("latentDim")} to be ${{ api: "inputDim", cli: "the items' dimension" }} (${inputDim}), received ${latentDim}${{ hint: worded`use ${{ api: '"pca"', cli: "--set linearSkip=pca" }} for a narrower latent space` }}`;
  }
}
