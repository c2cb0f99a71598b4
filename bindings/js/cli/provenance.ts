/** What a model is and how it came about, in the same words in every report: version, seed, fingerprint, configuration, selected epoch. */

import { VERSION } from "../base/version.ts";
import { percent, short } from "../base/words.ts";
import type { RQVAE } from "../model/rqvae.ts";
import { OPTIONS, type OptionDescription } from "../options/describe.ts";
import { suggestConfig } from "../options/suggest-config.ts";
import type { IdStatistics, ModelConfig, TrainConfig, TrainHistory, ValidationResult, Verdict } from "../types.ts";
import { shellWord } from "./text.ts";
import { flagName, inCliWords } from "./words.ts";

/** An evaluation as reports have it. Epochs count from 1, as in all that the command line prints; 0 is the start. */
export interface Evaluated {
  epoch: number;
  heldOut: ValidationResult | null;
  ids: IdStatistics;
}

/** As data. Without a training that is remembered, the last four are null. */
export interface Provenance {
  /** The release that fitted the weights; null in files that do not say. */
  version: string | null;
  seed: number;
  fingerprint: string;
  configuration: { model: ModelConfig; train: TrainConfig | null };
  /** The epoch whose weights the model has: counted from 1, 0 is the start. */
  selected: { epoch: number; because: string; isStart: boolean } | null;
  /** The held-out items the last time that training had not seen them, after `epoch`. */
  heldOut: (ValidationResult & { epoch: number }) | null;
  /** What the start, before any training, was worth. */
  start: Evaluated | null;
  /** What training was worth against the start. */
  verdict: Verdict | null;
}

/** @param train How it was trained, where that is known. */
export function provenanceOf(model: RQVAE, train?: TrainConfig): Provenance {
  const { history } = model;
  return {
    version: VERSION,
    seed: model.config.seed,
    fingerprint: model.fingerprint,
    configuration: { model: model.config, train: train ?? null },
    selected: history ? selectedOf(history) : null,
    heldOut: history?.validation ? { ...history.validation, epoch: history.validation.epoch + 1 } : null,
    start: history?.start ? { epoch: 0, heldOut: history.start.validation ?? null, ids: history.start.ids } : null,
    verdict: history?.verdict ?? null,
  };
}

const selectedOf = ({ selectedEpoch, selectedWording }: TrainHistory) => ({
  epoch: selectedEpoch + 1,
  because: inCliWords(selectedWording),
  isStart: selectedEpoch < 0,
});

/** "rqvae 0.1.0, seed 0, fingerprint 1c2d...", with what is known. */
export const identity = ({
  version,
  seed,
  fingerprint,
}: Pick<Provenance, "version" | "seed" | "fingerprint">): string =>
  `${version === null ? "" : `rqvae ${version}, `}seed ${seed}, fingerprint ${fingerprint}`;

/** Sentences about the model for a report that does not tell the story of its training. */
export function provenanceLines(provenance: Provenance): string[] {
  const { selected, heldOut, start, configuration } = provenance;
  const before = start?.heldOut ? `; the start, ${heldOutText(start.heldOut)}` : "";
  return [
    identity(provenance),
    ...(selected ? [`selected: ${selected.because}`] : []),
    ...(heldOut ? [`held-out items, ${epochName(heldOut.epoch)}: ${heldOutText(heldOut)}${before}`] : []),
    `configuration: ${configurationText(configuration.model, configuration.train ?? undefined)}`,
  ];
}

const epochName = (epoch: number) => (epoch === 0 ? "at the start" : `after epoch ${epoch}`);

const heldOutText = ({ explainedVariance, reconstructionLoss }: ValidationResult) =>
  `explained variance ${percent(explainedVariance)}, reconstruction loss ${short(reconstructionLoss)}`;

/** What rqvae train chooses where nothing is said: to be told even where it is the library's default. */
const CHOSEN = (({ model, train }) => new Set([...Object.keys(model), ...Object.keys(train)]))(
  suggestConfig({ n: 1000, inputDim: 16 }),
);

/**
 * The configuration as options of the command line, with which `rqvae train` makes the same model: those that it would choose, and those
 * that differ from the library's defaults. The seed is named next to it.
 */
export function configurationText(model: ModelConfig, train?: TrainConfig): string {
  const config: Record<string, unknown> = { ...model, ...train };
  const flags = OPTIONS.filter(({ name }) => name !== "seed").flatMap((option) => {
    const value = config[option.name];
    return value === undefined || (isDefault(option, value) && !CHOSEN.has(option.name))
      ? []
      : [flagText(option, value)];
  });
  return flags.length === 0 ? "the library's defaults" : flags.join(" ");
}

function isDefault(option: OptionDescription, value: unknown): boolean {
  const values = Array.isArray(value) ? value : [value];
  const defaults = Array.isArray(option.default) ? option.default : values.map(() => option.default);
  return values.length === defaults.length && values.every((each, i) => each === defaults[i]);
}

/** An option with its value, as it is typed: by its own name, whatever it was typed as in this run. */
export function flagText(option: OptionDescription, value: unknown): string {
  const flag = `--${flagName(option)}`;
  if (value === true) return flag;
  if (value === false) return `${flag}=false`;
  if (!Array.isArray(value)) return `${flag} ${shellWord(String(value))}`;
  if (value.length === 0) return `${flag} none`;
  const isOne = option.kind !== "integers" && value.every((each) => each === value[0]);
  return `${flag} ${isOne ? value[0] : value.join(",")}`;
}
