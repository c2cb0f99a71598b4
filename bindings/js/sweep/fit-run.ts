/** One run of a sweep: a model fitted to what every run sees, and measured. */

import { DivergedError } from "../base/errors.ts";
import { VERSION } from "../base/version.ts";
import { residualKMeans } from "../model/residual-kmeans.ts";
import { RQVAE } from "../model/rqvae.ts";
import { resolveTrainConfig } from "../options/train-config.ts";
import type { ModelConfig, ResidualKMeansOptions, TrainConfig } from "../types.ts";
import { type Base, recipeOf } from "./base.ts";
import type { Catalogue } from "./catalogue.ts";
import type { RunRecord } from "./record.ts";
import type { Run } from "./settings.ts";

export interface FitRunOptions {
  signal: AbortSignal;
  /** Told how much of the fitting is done, from 0 to 1. */
  onProgress(progress: number): void;
  /** Called with the model once it is measured. Resolves to its file. */
  keep?(model: RQVAE): Promise<string>;
}

/** What fitting makes, beside the model. */
interface Fitted {
  model: RQVAE;
  train?: TrainConfig;
  selectedEpoch?: number;
  warnings: string[];
}

/**
 * Fits and measures. A training that diverges is a result too.
 * @throws the signal's reason, or what stands in the way of any run.
 */
export async function fitRun(
  run: Run,
  catalogue: Catalogue,
  base: Base,
  options: FitRunOptions,
): Promise<Omit<RunRecord, "sweep">> {
  const { data, heldOut } = catalogue;
  const { signal, keep } = options;
  const start = performance.now();
  const seconds = () => Math.round(performance.now() - start) / 1000;
  let config: ModelConfig | undefined;
  const make = run.method === "rqvae" ? train : cluster;
  try {
    const { model, ...fitted } = await make(run, catalogue, base, options, (made) => {
      config = made;
    });
    try {
      const took = seconds();
      const figures = await catalogue.measure(model, signal);
      const file = await keep?.(model);
      return {
        ...{ ...run, ...figures, seconds: took },
        fingerprint: model.fingerprint,
        ...(file !== undefined && { model: file }),
        ...{ data, heldOut, base, ...fitted, config: model.config, version: VERSION },
      };
    } finally {
      model.dispose();
    }
  } catch (error) {
    if (!(error instanceof DivergedError) || config === undefined) throw error;
    const failed = error.inWords((part) => ("call" in part ? "" : undefined));
    return { ...run, seconds: seconds(), failed, data, heldOut, base, warnings: [], config, version: VERSION };
  }
}

async function train(
  { setting, seed }: Run,
  { seen }: Catalogue,
  { recipe }: Base,
  { signal, onProgress }: FitRunOptions,
  made: (config: ModelConfig) => void,
): Promise<Fitted> {
  const chosen = await recipeOf(recipe, seen, setting, seed, signal);
  const model = await RQVAE.create(chosen.model);
  made(model.config);
  try {
    const history = await model.train(seen, {
      ...chosen.train,
      signal,
      onProgress: ({ progress }) => onProgress(progress),
    });
    return {
      model,
      train: resolveTrainConfig(chosen.train, model.config),
      selectedEpoch: history.selectedEpoch,
      warnings: [...new Set(history.warnings.map(({ kind }) => kind))],
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

async function cluster(
  { setting, seed }: Run,
  { seen }: Catalogue,
  _: Base,
  { signal, onProgress }: FitRunOptions,
): Promise<Fitted> {
  const model = await residualKMeans(seen, {
    ...(setting as ResidualKMeansOptions),
    seed,
    signal,
    onProgress: ({ progress }) => onProgress(progress),
  });
  return { model, warnings: [] };
}
