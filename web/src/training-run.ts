import type { IdStatistics, SemanticIds, TrainProgress } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import type { DataSet } from "./data-set.ts";
import type { Settings } from "./options-form.ts";

/** What a run leaves: everything the page shows and offers for download. */
export interface TrainedModel {
  ids: SemanticIds;
  statistics: IdStatistics | undefined;
  /** The model file. */
  file: Uint8Array;
  /** The visitor stopped it before the last epoch. */
  stopped: boolean;
}

/**
 * Trains a model in a worker, gives every item its ID and ends the worker, which frees its memory. An abort keeps what was
 * learned so far; undefined when that was nothing.
 */
export async function trainModel(
  data: DataSet,
  settings: Settings,
  onProgress: (event: TrainProgress) => void,
  onTrained: () => void,
  signal: AbortSignal,
): Promise<TrainedModel | undefined> {
  const worker = await RQVAEWorker.create(settings.model);
  try {
    let last: TrainProgress | undefined;
    let statistics: IdStatistics | undefined;
    try {
      signal.throwIfAborted();
      const history = await worker.train(data.items, {
        ...settings.train,
        signal,
        onProgress(event) {
          last = event;
          if (!signal.aborted) onProgress(event);
        },
      });
      statistics = history.ids;
    } catch (error) {
      if (!signal.aborted) throw error;
      if (!last || last.step === 0) return undefined;
    }
    onTrained();
    const ids = await worker.encode(data.items);
    return { ids, statistics, file: await worker.save(), stopped: signal.aborted };
  } finally {
    worker.terminate();
  }
}
