/** A report sent from a worker: its figures, from which it is made again. */

import type { SemanticIds } from "../ids/semantic-ids.ts";
import { type IdFigures, IdReport } from "../report/id-report.ts";
import type { ItemLabels } from "../types.ts";
import { idsFromWire, idsToWire, type WireIds } from "./protocol.ts";

type Baseline = "residualKMeans" | "randomHash";

export interface SentReport {
  figures: Omit<IdFigures, "baselines">;
  /** Only the worker knows the baselines' IDs. */
  baselines?: Record<Baseline, SentReport & { ids: WireIds }>;
}

export function reportToWire(report: IdReport): SentReport {
  const { baselines, findings: _, ...counted } = { ...report, evenVectors: report.mostCodes };
  const figures = counted as unknown as SentReport["figures"]; // as it was made, but frozen
  if (!baselines) return { figures };
  const sent = (one: IdReport) => ({ ...reportToWire(one), ids: idsToWire(one.ids) });
  return {
    figures,
    baselines: { residualKMeans: sent(baselines.residualKMeans), randomHash: sent(baselines.randomHash) },
  };
}

export function reportFromWire(
  { figures, baselines }: SentReport,
  ids: SemanticIds,
  labels: Partial<ItemLabels> | undefined,
): IdReport {
  if (!baselines) return new IdReport(figures, ids, labels);
  const received = (name: Baseline) => reportFromWire(baselines[name], idsFromWire(baselines[name].ids), labels);
  return new IdReport(
    { ...figures, baselines: { residualKMeans: received("residualKMeans"), randomHash: received("randomHash") } },
    ids,
    labels,
  );
}
