/**
 * Recognises what goes wrong in training from the records of its epochs. The thresholds compare numbers from the core; nothing here steers
 * training or enters a file.
 */

import { option, toText, valued, type Wording, worded } from "../base/wording.ts";
import { counted, thousands, wholePercent } from "../base/words.ts";
import { distinctVectors, type ItemProfile, isConstant } from "../items/item-profile.ts";
import type { EpochRecord, IdStatistics, ModelConfig, TrainEvaluation, TrainWarning } from "../types.ts";

/** Usage of a level below which its codebook counts as collapsed, if there are enough items to use all codes. */
const COLLAPSED_USAGE = 0.9;
/** Distinct IDs per item below which items are hard to tell apart. */
const FEW_DISTINCT = 0.9;
/** A loss counts as rising if it exceeds its best by this factor. */
const DIVERGING = 1.5;
/** A level that leaves more energy than this per energy that it got makes things worse instead of better. */
const WORSE_THAN_NOTHING = 1;
/** Share of the items' or the latents' energy that is not worth a warning, however much smaller it once was. */
const NEGLIGIBLE = 0.02;
/** If the validation loss exceeds its best by this factor, more training does harm. */
const OVERFITTING = 1.05;

/** The context for judging a new record. */
export interface HealthContext {
  config: ModelConfig;
  learningRate: number;
  items: number;
  /** The previous epochs, in order. */
  earlier: readonly EpochRecord[];
  start: TrainEvaluation | undefined;
  deadCodeRestart: boolean;
  /** Whether the validation items will train too, in which case no epoch until then is kept. */
  validationJoins?: boolean;
  /** What the items are like; absent if that is unknown. */
  profile?: ItemProfile | undefined;
}

/** The warnings for an epoch. */
export function diagnose(record: Omit<EpochRecord, "warnings">, context: HealthContext): TrainWarning[] {
  // Items that are all the same use one code and get one ID; no option changes that.
  const nothingToLearn = context.profile !== undefined && isConstant(context.profile);
  return [
    ...(record.evaluated && !nothingToLearn ? collapse(record, context) : []),
    ...(record.evaluated && !nothingToLearn ? collisions(record, context) : []),
    ...divergence(record, context),
    ...(nothingToLearn ? [] : overfitting(record, context)),
  ];
}

/** Number of distinct IDs per different vector. */
const shareOf = ({ uniqueShare, items }: IdStatistics, distinct: number): number => (uniqueShare * items) / distinct;

/** The number of different vectors; no model gives more distinct IDs. */
const distinctItems = ({ items, profile }: HealthContext): number =>
  profile === undefined ? items : distinctVectors(profile, items);

function collapse(record: Omit<EpochRecord, "warnings">, context: HealthContext): TrainWarning[] {
  const { config, deadCodeRestart } = context;
  const distinct = distinctItems(context);
  const { ids } = record;
  return ids.usedCodes.flatMap((used, level) => {
    const codes = config.codebookSize[level]!;
    // No level can use more codes than there are different items; if one level can tell them all apart, little is left for the others.
    if (used >= COLLAPSED_USAGE * Math.min(codes, distinct)) return [];
    if (distinct <= codes && shareOf(ids, distinct) >= FEW_DISTINCT) return [];
    const remedies = [
      ...(deadCodeRestart ? [] : [[option("deadCodeRestart", true)]]),
      worded`a smaller ${option("learningRate")}`,
      worded`fewer codes (${valued("codebookSize", Math.max(2, used))} or less)`,
    ];
    return [
      warn(
        { kind: "collapse", epoch: record.epoch, level },
        worded`level ${level + 1} uses ${thousands(used)} of its ${counted(codes, "code")} (perplexity ${ids.perplexity[level]!.toFixed(1)}): try ${alternatives(remedies)}`,
      ),
    ];
  });
}

function collisions(record: Omit<EpochRecord, "warnings">, context: HealthContext): TrainWarning[] {
  const { items, distinctIds, largestGroup } = record.ids;
  const distinct = distinctItems(context);
  const distinctShare = shareOf(record.ids, distinct);
  if (items < 2 || distinctShare >= FEW_DISTINCT) return [];
  const room = context.config.codebookSize.reduce((product, size) => product * size, 1);
  const before = context.start && shareOf(context.start.ids, distinct);
  const lost = before !== undefined && before >= FEW_DISTINCT;
  const remedy: Wording = lost
    ? worded`training made them collide (before, ${wholePercent(before)} were distinct): try less ${option("inputNoise")}, a smaller ${option("learningRate")} or ${option("select", "collision")}`
    : [
        `try more codes per level, or one more level (${counted(room, "ID")} ${room === 1 ? "is" : "are"} possible now)`,
      ];
  const what =
    distinct < items
      ? `${counted(distinct, "different vector")} among ${counted(items, "item", "have", "have")}`
      : counted(items, "item", "have", "have");
  return [
    warn(
      { kind: "collisions", epoch: record.epoch },
      worded`${what} ${counted(distinctIds, "distinct ID")} (${wholePercent(distinctShare)}), and the largest group has ${counted(largestGroup, "item")}: ${remedy}`,
    ),
  ];
}

function divergence(record: Omit<EpochRecord, "warnings">, context: HealthContext): TrainWarning[] {
  const { earlier, learningRate, config } = context;
  // Judged by the reconstruction: the quantisation loss may rise without harm, since the latents grow.
  const best = earlier.reduce((least, { reconstructionLoss }) => Math.min(least, reconstructionLoss), Infinity);
  const previous = earlier.at(-1)?.reconstructionLoss ?? Infinity;
  const warnings: TrainWarning[] = [];
  const rate = worded`a smaller ${option("learningRate")} (it is ${learningRate})`;
  const matters = record.reconstructionLoss > NEGLIGIBLE * itemEnergy(config);
  if (matters && record.reconstructionLoss > DIVERGING * best && record.reconstructionLoss > previous) {
    const remedies = [rate, ["a schedule that ends at zero"], [option("gradientClip", 1)]];
    warnings.push(
      warn(
        { kind: "divergence", epoch: record.epoch },
        worded`the reconstruction loss is ${short(record.reconstructionLoss)}, up from ${short(best)} at its best: try ${alternatives(remedies)}`,
      ),
    );
  }
  record.perLevel.forEach(({ residualEnergy }, level) => {
    const before = level === 0 ? 1 : record.perLevel[level - 1]!.residualEnergy;
    if (!(residualEnergy > NEGLIGIBLE && residualEnergy > WORSE_THAN_NOTHING * before)) return;
    const remedies = [rate, worded`a larger ${option("codebookLearningRateScale")}`];
    warnings.push(
      warn(
        { kind: "learningRate", epoch: record.epoch, level },
        worded`level ${level + 1} leaves more energy than it gets (${short(residualEnergy)} after ${short(before)} of the latents' energy), so its codes do not keep up with the encoder: try ${alternatives(remedies)}`,
      ),
    );
  });
  return warnings;
}

/** The reconstruction loss if the decoder gives the mean; 0 if it depends on the data. */
function itemEnergy({ reconstruction, inputScaling, inputDim }: ModelConfig): number {
  if (reconstruction === "cosine") return 1;
  return inputScaling === "none" || inputScaling === "center" ? 0 : inputDim;
}

function overfitting(record: Omit<EpochRecord, "warnings">, context: HealthContext): TrainWarning[] {
  const { earlier, start, validationJoins } = context;
  if (!record.evaluated || record.validation === undefined) return [];
  const seen = [start, ...earlier].flatMap((entry) => entry?.validation?.reconstructionLoss ?? []);
  const best = seen.reduce((least, loss) => Math.min(least, loss), Infinity);
  const now = record.validation.reconstructionLoss;
  if (!(now > OVERFITTING * best)) return [];
  return [
    warn(
      { kind: "overfitting", epoch: record.epoch },
      worded`the validation items' loss is ${short(now)}, up from ${short(best)} at its best: try more ${option("inputNoise")} or ${option("weightDecay")}, fewer epochs or a smaller model${validationJoins ? [] : worded`. The best epoch is kept${{ api: " (see RQVAE.select)", cli: "" }}`}`,
    ),
  ];
}

const short = (x: number) => (Math.abs(x) >= 1000 ? x.toFixed(0) : x.toPrecision(3));

function warn(about: Omit<TrainWarning, "message" | "wording">, wording: Wording): TrainWarning {
  return { ...about, message: toText(wording), wording };
}

/** "a, b or c" of parts. */
function alternatives(choices: readonly Wording[]): Wording {
  return choices.flatMap((choice, i) => [...(i === 0 ? [] : [i === choices.length - 1 ? " or " : ", "]), ...choice]);
}

/**
 * The warnings of a whole run, the last of each kind and level. Collapse, collisions and overfitting count only if the selected epoch has
 * them (none is known of the start, epoch -1), divergence unless the run recovered later, and the learning rate in every epoch.
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
 * Whether a later record is as good as the best before this one, or its loss is negligible: a loss that rises and falls again is due to the
 * warm-up, not divergence.
 */
function madeUp(records: readonly EpochRecord[], i: number, config: ModelConfig): boolean {
  const losses = records.map(({ reconstructionLoss }) => reconstructionLoss);
  const best = losses.slice(0, i).reduce((least, loss) => Math.min(least, loss), Infinity);
  const goal = Math.max(best, NEGLIGIBLE * itemEnergy(config));
  return losses.slice(i + 1).some((loss) => loss <= goal);
}
