/** `rqvae train --history FILE`: a row per epoch, as JSON lines or csv. Epochs count from 1. */

import type { EpochRecord } from "../types.ts";
import type { Given } from "./command.ts";
import { text } from "./command.ts";
import { endingOf, requireExtension } from "./outputs.ts";
import { inCliWords } from "./words.ts";

export const HISTORY_EXTENSIONS = [".jsonl", ".ndjson", ".csv"];

/** The file that was named, if any. @throws UsageError for an unknown extension. */
export function historyPathOf(given: Given): string | undefined {
  const path = text(given, "history");
  if (path !== undefined) requireExtension("--history", path, HISTORY_EXTENSIONS);
  return path;
}

/** The epochs in the format that the file's name says: csv, else JSON lines. */
export function historyText(path: string, epochs: readonly EpochRecord[]): string {
  return endingOf(path).toLowerCase() === ".csv" ? asCsv(epochs) : asLines(epochs);
}

/** What was evaluated stands in the rows of evaluated epochs only. */
function asLines(epochs: readonly EpochRecord[]): string {
  return epochs
    .map(({ epoch, ids, validation, warnings, ...record }) => {
      const evaluation = record.evaluated ? { ids, ...(validation && { heldOut: validation }) } : {};
      const told = warnings.map(({ kind, level, wording }) => ({
        kind,
        ...(level !== undefined && { level: level + 1 }),
        message: inCliWords(wording),
      }));
      return `${JSON.stringify({ epoch: epoch + 1, ...record, ...evaluation, warnings: told })}\n`;
    })
    .join("");
}

type Cell = number | boolean | string | undefined;

function asCsv(epochs: readonly EpochRecord[]): string {
  const rows = epochs.map(rowOf);
  const names = Object.keys(rows[0] ?? { epoch: 0 });
  const line = (cells: readonly Cell[]) => `${cells.map((cell) => cell ?? "").join(",")}\n`;
  return line(names) + rows.map((row) => line(names.map((name) => row[name]))).join("");
}

/** Every row has the same cells in the same order. */
function rowOf({ evaluated, ids, validation, ...record }: EpochRecord): Record<string, Cell> {
  const told = evaluated ? ids : undefined;
  const held = evaluated ? validation : undefined;
  const row: Record<string, Cell> = {
    epoch: record.epoch + 1,
    loss: record.loss,
    reconstruction_loss: record.reconstructionLoss,
    quantize_loss: record.quantizeLoss,
    learning_rate: record.learningRate,
    evaluated,
    distinct_ids: told?.distinctIds,
    unique_share: told?.uniqueShare,
    items_sharing: told?.itemsSharing,
    largest_group: told?.largestGroup,
    held_out_reconstruction_loss: held?.reconstructionLoss,
    held_out_quantize_loss: held?.quantizeLoss,
    held_out_explained_variance: held?.explainedVariance,
  };
  for (const [i, level] of record.perLevel.entries()) {
    const name = `level_${i + 1}`;
    row[`${name}_quantization_error`] = level.quantizationError;
    row[`${name}_residual_energy`] = level.residualEnergy;
    row[`${name}_dead_codes`] = record.deadCodes[i];
    row[`${name}_restarted_codes`] = record.restartedCodes[i];
    row[`${name}_usage`] = told?.usage[i];
    row[`${name}_perplexity`] = told?.perplexity[i];
  }
  row.warnings = record.warnings.map(({ kind }) => kind).join(" ");
  return row;
}
