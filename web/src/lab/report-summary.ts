import type { IdReport } from "rqvae/report";
import { ownShare } from "../base/own-ids.ts";
import type { BehaviourSummary, Line, ReportSummary, UniqueIds } from "./types.ts";

/** A report as the page shows it. */
export function summarizeReport(report: IdReport, unique?: UniqueIds, histories?: string): ReportSummary {
  const { residualKMeans, randomHash } = report.baselines ?? {};
  const all = [report, residualKMeans, randomHash];
  const row = (name: string, of: (each: IdReport) => number | null | undefined): ReportSummary["compared"][number] => ({
    name,
    values: all.map((each) => (each ? (of(each) ?? undefined) : undefined)),
  });
  const compared = [
    row("Items with an ID of their own", ownShare),
    row("Differences between items that the ID keeps", keptBy),
    row("Nearest items that share the first code", (each) => each.neighbours?.sharing[0]),
    row("Nearest items that are still nearest after decoding", (each) => each.neighbours?.kept),
    row("Items chosen together that share the first code", (each) => each.behaviour?.agreement[0]?.share),
    ...(report.labels ?? []).map(({ name }, i) =>
      row(`Same ${name} among items that share the first code`, (each) => each.labels?.[i]?.byDepth[0]),
    ),
  ].filter(({ values }) => values[0] !== undefined);
  return {
    ...{ findings: [...report.findings], compared, unique },
    counts: countsOf(report),
    line: lineOf(residualKMeans),
    behaviour: behaviourOf(report, histories),
  };
}

function behaviourOf(report: IdReport, text: string | undefined): BehaviourSummary | undefined {
  const { behaviour, baselines } = report;
  if (!behaviour || text === undefined) return undefined;
  const theirs = baselines?.residualKMeans.behaviour;
  const row = (name: string, own: (typeof behaviour.agreement)[number], kmeans: number | undefined) => ({
    ...{ name, kmeans, own: own.share },
    ...{ margin: own.margin, popular: own.popular, random: own.random },
  });
  const codes = behaviour.agreement.map((own, i) =>
    row(i === 0 ? "The first code" : `The first ${i + 1} codes`, own, theirs?.agreement[i]?.share),
  );
  const labels = behaviour.labels.map((own) => row(`The same ${own.name}`, own, undefined));
  return { text, window: behaviour.window, agreement: behaviour.pairs === 0 ? [] : [...codes, ...labels] };
}

const keptBy = ({ reconstruction }: IdReport) => reconstruction?.explainedVariance;

function lineOf(report: IdReport | undefined): Line | undefined {
  const kept = report && keptBy(report);
  return kept === undefined ? undefined : { kept, own: ownShare(report!) };
}

function countsOf(report: IdReport): ReportSummary["counts"] {
  const { items, itemsSharing, distinctIds, largestGroup, duplicates, perLevel, neighbours, perDepth } = report;
  const share = neighbours?.sharing[0];
  const chance = perDepth[0]!.chanceOfSharing;
  return {
    ...{ items, itemsSharing, distinctIds, largestGroup, duplicates },
    codebookSizes: report.ids.codebookSizes,
    perplexity: perLevel.map(({ perplexity }) => perplexity),
    kept: keptBy(report),
    nearness: share === undefined || chance === 0 ? undefined : share / chance,
    dominant: report.dominantColumn,
  };
}
