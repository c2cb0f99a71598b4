/**
 * What can go wrong in training, recognised from the records of its epochs. The thresholds are comparisons of numbers that come from
 * the core: nothing here steers training or enters a file.
 */

import type { EpochRecord, ModelConfig, TrainEvaluation, TrainWarning } from "./types.ts";

/** Usage of a level below which its codebook counts as collapsed, when there are items enough to use all codes. */
const COLLAPSED_USAGE = 0.9;
/** Distinct IDs per item below which items are hard to tell apart. */
const FEW_DISTINCT = 0.9;
/** A loss is on its way up when it lies above its best by this factor. */
const DIVERGING = 1.5;
/** A level of which more energy than this is left over for each that came in makes things worse instead of better. */
const WORSE_THAN_NOTHING = 1;
/** Share of the items' or the latents' energy that is not worth an alarm, however much smaller it once was. */
const NEGLIGIBLE = 0.02;
/** Validation loss above its best by this factor means that more training does harm. */
const OVERFITTING = 1.05;

/** What to look back on when a new record comes. */
export interface HealthContext {
  config: ModelConfig;
  learningRate: number;
  items: number;
  /** The epochs before, in order. */
  earlier: readonly EpochRecord[];
  start: TrainEvaluation | undefined;
  deadCodeRestart: boolean;
}

/** The warnings that an epoch gives cause for. */
export function diagnose(record: Omit<EpochRecord, "warnings">, context: HealthContext): TrainWarning[] {
  return [
    ...(record.evaluated ? collapse(record, context) : []),
    ...(record.evaluated ? collisions(record, context) : []),
    ...divergence(record, context),
    ...overfitting(record, context),
  ];
}

const percent = (share: number) => `${Math.round(share * 100)} %`;

function collapse(record: Omit<EpochRecord, "warnings">, context: HealthContext): TrainWarning[] {
  const { config, items, deadCodeRestart } = context;
  return record.ids.usedCodes.flatMap((used, level) => {
    const codes = config.codebookSizes[level]!;
    // No level can use more codes than there are items; and where one level can tell them all apart, little is left to the others.
    if (used >= COLLAPSED_USAGE * Math.min(codes, items)) return [];
    if (items <= codes && record.ids.uniqueShare >= FEW_DISTINCT) return [];
    const remedy = [
      ...(deadCodeRestart ? [] : ["deadCodeRestart: true"]),
      "a smaller learningRate",
      `fewer codes (codebookSize ${Math.max(2, used)} or less)`,
    ];
    return [
      {
        kind: "collapse" as const,
        epoch: record.epoch,
        level,
        message: `level ${level + 1} uses ${used} of its ${codes} codes (perplexity ${record.ids.perplexity[level]!.toFixed(1)}): try ${listed(remedy)}`,
      },
    ];
  });
}

function collisions(record: Omit<EpochRecord, "warnings">, context: HealthContext): TrainWarning[] {
  const { items, distinctIds, uniqueShare, largestGroup } = record.ids;
  if (items < 2 || uniqueShare >= FEW_DISTINCT) return [];
  const room = context.config.codebookSizes.reduce((product, size) => product * size, 1);
  const before = context.start?.ids.uniqueShare;
  const lost = before !== undefined && before >= FEW_DISTINCT;
  const remedy = lost
    ? `training took them away (before it ${percent(before)} were distinct): try less inputNoise or a smaller learningRate, or select: "collision"`
    : `try more codes a level, or one level more (${room} IDs are possible now), unless many items are identical`;
  return [
    {
      kind: "collisions",
      epoch: record.epoch,
      message: `${items} items have ${distinctIds} distinct IDs (${percent(uniqueShare)}), the largest group is ${largestGroup}: ${remedy}`,
    },
  ];
}

function divergence(record: Omit<EpochRecord, "warnings">, context: HealthContext): TrainWarning[] {
  const { earlier, learningRate, config } = context;
  // By the reconstruction: the quantisation loss may rise while all is well, since the latents grow.
  const best = earlier.reduce((least, { reconstructionLoss }) => Math.min(least, reconstructionLoss), Infinity);
  const previous = earlier.at(-1)?.reconstructionLoss ?? Infinity;
  const warnings: TrainWarning[] = [];
  const matters = record.reconstructionLoss > NEGLIGIBLE * itemEnergy(config);
  if (matters && record.reconstructionLoss > DIVERGING * best && record.reconstructionLoss > previous) {
    warnings.push({
      kind: "divergence",
      epoch: record.epoch,
      message: `the reconstruction loss is ${short(record.reconstructionLoss)}, up from ${short(best)} at its best: a smaller learningRate (it is ${learningRate}), a schedule that ends at zero, or gradientClip: 1`,
    });
  }
  record.perLevel.forEach(({ residualEnergy }, level) => {
    const before = level === 0 ? 1 : record.perLevel[level - 1]!.residualEnergy;
    if (!(residualEnergy > NEGLIGIBLE && residualEnergy > WORSE_THAN_NOTHING * before)) return;
    warnings.push({
      kind: "learningRate",
      epoch: record.epoch,
      level,
      message: `level ${level + 1} leaves more energy than it gets (${short(residualEnergy)} after ${short(before)} of the latents' energy): its codes do not keep up with the encoder. A smaller learningRate (it is ${learningRate}), or a larger codebookLearningRateScale`,
    });
  });
  return warnings;
}

/** What the reconstruction loss is when the decoder gives the mean; 0 where only the data could tell. */
function itemEnergy({ reconstruction, inputScaling, inputDim }: ModelConfig): number {
  if (reconstruction === "cosine") return 1;
  return inputScaling === "none" || inputScaling === "center" ? 0 : inputDim;
}

function overfitting(record: Omit<EpochRecord, "warnings">, context: HealthContext): TrainWarning[] {
  const { earlier, start } = context;
  if (!record.evaluated || record.validation === undefined) return [];
  const seen = [start, ...earlier].flatMap((entry) => entry?.validation?.reconstructionLoss ?? []);
  const best = seen.reduce((least, loss) => Math.min(least, loss), Infinity);
  const now = record.validation.reconstructionLoss;
  if (!(now > OVERFITTING * best)) return [];
  return [
    {
      kind: "overfitting",
      epoch: record.epoch,
      message: `the validation items' loss is ${short(now)}, up from ${short(best)} at its best: more inputNoise or weightDecay, fewer epochs or a smaller model (the best epoch is kept, see RQVAE.select)`,
    },
  ];
}

const short = (x: number) => (Math.abs(x) >= 1000 ? x.toFixed(0) : x.toPrecision(3));

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/**
 * The warnings of a whole run, the last of each kind and level: collapse, collisions and overfitting only if the selected epoch has
 * them (of the start, epoch -1, none is known), divergence unless the run made up for it later, the learning rate wherever it came up.
 */
export function summarizeWarnings(
  records: readonly EpochRecord[],
  selectedEpoch: number,
  config: ModelConfig,
): TrainWarning[] {
  const last = new Map<string, TrainWarning>();
  for (const [i, record] of records.entries()) {
    for (const warning of record.warnings) {
      const holds =
        warning.kind === "learningRate" ||
        (warning.kind === "divergence" ? !madeUp(records, i, config) : record.epoch === selectedEpoch);
      if (holds) last.set(`${warning.kind} ${warning.level}`, warning);
    }
  }
  return [...last.values()];
}

/**
 * Whether a later record is as good as the best before this one, or its loss next to nothing: a loss that rises and falls again is the
 * warm-up, not divergence.
 */
function madeUp(records: readonly EpochRecord[], i: number, config: ModelConfig): boolean {
  const losses = records.map(({ reconstructionLoss }) => reconstructionLoss);
  const best = losses.slice(0, i).reduce((least, loss) => Math.min(least, loss), Infinity);
  const goal = Math.max(best, NEGLIGIBLE * itemEnergy(config));
  return losses.slice(i + 1).some((loss) => loss <= goal);
}
