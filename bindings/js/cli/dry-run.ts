/** `rqvae train --dry-run`: what a training would read, choose, write, and take. */

import { VERSION } from "../base/version.ts";
import { counted } from "../base/words.ts";
import { describeColumns } from "../formats/index.ts";
import { isSource } from "../items/embedding-source.ts";
import { RQVAE } from "../model/rqvae.ts";
import { OPTIONS } from "../options/describe.ts";
import { type PresetName, presets } from "../options/presets.ts";
import { suggestConfig } from "../options/suggest-config.ts";
import { suggestRetraining } from "../options/suggest-retraining.ts";
import { resolveTrainConfig } from "../options/train-config.ts";
import type { ItemMatrix, TrainOptions, TrainProgress } from "../types.ts";
import { exists } from "./files.ts";
import { nameOfInput } from "./inputs.ts";
import { interruptible } from "./interrupt.ts";
import type { GivenOptions } from "./options.ts";
import type { Workplace } from "./outputs.ts";
import { flagText } from "./provenance.ts";
import { columnsOf, duration, fileSize, wordWrap } from "./text.ts";

/** What would be trained. */
export interface Plan {
  place: Workplace;
  /** Not trained; it is trained here, on a few items, and thrown away. */
  model: RQVAE;
  trainOptions: TrainOptions;
  /** Why the latent width is what it is; that items are of a new kind, if a model is trained further. */
  reasons: readonly string[];
  given: GivenOptions;
  preset: PresetName | undefined;
  /** All files that would be written, by what they are. */
  outputs: Record<string, string>;
}

/** An option with its value and why it has that. */
interface Choice {
  name: string;
  flag: string;
  value: unknown;
  by: "you" | "the preset" | "the items";
  reason?: string;
}

/** How long the training would take and how much memory. */
interface Expected {
  seconds: [low: number, high: number];
  bytes: [low: number, high: number];
  /** What the calibration did. */
  calibration: { items: number; epochs: number; seconds: number };
}

/** Why `suggestConfig` chooses as it does. */
const REASONS: Readonly<Record<string, string>> = {
  codebookSize: "about twice the square root of the number of items, a power of two from 8 to 256",
  hiddenDims: "by the number of items per dimension",
  epochs: "by the number of items: fewer passes over more items",
  batchSize: "by the number of items",
  learningRate: "2e-3, or next to nothing for fewer than 20 items",
  residualNoise: "stronger where there are few items to learn from",
  separationWeight: "by the number of possible IDs per item",
  evaluateEvery: "about twelve evaluations in all",
  validationShare: "a tenth of the items, at most 300",
};

/** Seconds of training proper that a calibration measures, and after which it ends in any case. */
const MEASURED = 1.5;
const LONGEST = 15;
/** Items that a calibration trains on, at most. */
const SAMPLE = 4096;

/** Prints the plan on standard output: as text, or as one JSON object. */
export async function tellPlan(plan: Plan, asJson: boolean): Promise<void> {
  const { place, outputs } = plan;
  const choices = choose(plan);
  const written = await Promise.all(
    Object.entries(outputs).map(async ([what, file]) => ({ what, file, exists: await exists(file) })),
  );
  const expected = await expect(plan);
  if (asJson) {
    const { config } = plan.model;
    const json = {
      dryRun: true,
      version: VERSION,
      seed: config.seed,
      items: { file: nameOfInput(place.itemsPath), rows: place.items.rows, dim: place.items.dim },
      columns: place.columns ?? null,
      configuration: { model: config, train: resolveTrainConfig(plan.trainOptions, config) },
      reasons: plan.reasons,
      choices: choices.map(({ name, value, by, reason }) => ({ name, value, by, reason: reason ?? null })),
      outputs: Object.fromEntries(written.map(({ what, ...rest }) => [what, rest])),
      expected: expected ?? null,
    };
    process.stdout.write(`${JSON.stringify(json, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(`${textOf(plan, choices, written, expected).join("\n")}\n`);
}

/** What does not have the library's default, and why. */
function choose({ place, model, trainOptions, reasons, given, preset }: Plan): Choice[] {
  const { rows, dim } = place.items;
  const recipe = model.initialized
    ? { model: {}, train: suggestRetraining(rows, model.config, reasons.length) } // for its names: the values are those of trainOptions
    : preset === undefined
      ? suggestConfig({ n: rows, inputDim: dim })
      : presets[preset]({ inputDim: dim });
  const config: Record<string, unknown> = {
    ...model.config,
    ...resolveTrainConfig(trainOptions, model.config),
  };
  return OPTIONS.flatMap((option) => {
    const { name, of } = option;
    const isGiven = name in given[of];
    if (!isGiven && !(name in recipe[of])) return [];
    const value = config[name];
    const by = isGiven ? "you" : preset === undefined ? "the items" : "the preset";
    const reason =
      by !== "the items" || model.initialized
        ? undefined
        : name === "latentDim" && reasons[0]
          ? reasons[0]
          : REASONS[name];
    return [{ name, flag: flagText(option, value), value, by, ...(reason !== undefined && { reason }) }];
  });
}

function textOf(
  { place, model, preset, reasons, outputs }: Plan,
  choices: readonly Choice[],
  written: readonly { what: string; file: string; exists: boolean }[],
  expected: Expected | undefined,
): string[] {
  const { items, itemsPath, itemIds, labels, columns } = place;
  const width = Math.min(columnsOf(process.stdout), 120) - 2;
  const indented = (text: string, more = "  ") => wordWrap(text, width, more).map((line) => `  ${line}`);
  const flagsBy = (by: Choice["by"]) => choices.filter((choice) => choice.by === by);
  const group = (by: Choice["by"], heading: string) => {
    const flags = flagsBy(by).map(({ flag }) => flag.replace(" ", "\u00a0"));
    if (flags.length === 0) return [];
    return ["", heading, ...indented(flags.join(" "), "").map((line) => line.replaceAll("\u00a0", " "))];
  };
  const column = Math.max(...Object.values(outputs).map((file) => file.length));
  return [
    "A dry run: nothing was trained and no file was written.",
    "",
    "Items",
    ...indented(
      `${nameOfInput(itemsPath)}: ${counted(items.rows, "row")} of ${counted(items.dim, "number")}${isSource(items) ? ", read from the file as they are needed" : ""}`,
    ),
    ...(columns ? indented(describeColumns(columns)) : []),
    ...indented(
      `item IDs: ${itemIds ? `${itemIds[0]}, …` : "row numbers"}; titles: ${labels ? `${JSON.stringify(labels.titles[0] ?? "")}, …` : "none"}`,
    ),
    ...group("you", "Options that you gave"),
    ...group("the preset", `Options of --preset ${preset}`),
    ...group("the items", `Options chosen ${model.initialized ? "to train the model further" : "from the items"}`),
    ...(model.initialized ? reasons.flatMap((reason) => indented(reason, "    ")) : []),
    ...choices.flatMap(({ flag, reason }) =>
      reason === undefined ? [] : indented(`${flag.split(" ")[0]}: ${reason}`, "    "),
    ),
    "",
    "All other options have the defaults that rqvae train --help lists.",
    "",
    "Outputs",
    ...written.map(
      ({ what, file, exists }) => `  ${file.padEnd(column)}  ${what}${exists ? ", overwrites the existing file" : ""}`,
    ),
    "",
    "To expect, on this machine",
    ...(expected
      ? [
          ...indented(`time: ${range(expected.seconds, duration)}`),
          ...indented(`memory: ${range(expected.bytes, fileSize)}`),
          ...indented(
            `(estimated by training a model that was thrown away: ${counted(expected.calibration.epochs, "epoch")} on ${counted(expected.calibration.items, "item")} took ${duration(expected.calibration.seconds)})`,
          ),
        ]
      : indented(`unknown: ${LONGEST} s were not enough to prepare the codebooks, so training takes minutes or more`)),
  ];
}

const range = ([low, high]: [number, number], say: (value: number) => string) =>
  say(low) === say(high) ? `about ${say(low)}` : `${say(low)} to ${say(high)}`;

/**
 * Trains a copy of the model for a moment on some of the items. Preparing the codebooks takes no longer for more items than in proportion;
 * training and evaluating go by the number of items.
 * @returns undefined when the time was not enough to see any training.
 */
async function expect({ place, model, trainOptions }: Plan): Promise<Expected | undefined> {
  const { items } = place;
  const sample = await firstRows(items, Math.min(items.rows, SAMPLE));
  const copy = await (model.initialized ? RQVAE.load(model.save()) : RQVAE.create(model.config));
  const { published: _, itemIds: __, newItemRepeats: ___, freedShare: ____, ...options } = trainOptions; // of other rows
  const began = performance.now();
  let prepared: number | undefined;
  let last: TrainProgress | undefined;
  const enough = new AbortController();
  const onProgress = (event: TrainProgress) => {
    const seconds = event.elapsedMs / 1000;
    if (event.phase === "train" && event.step > 0) {
      prepared ??= seconds;
      last = event;
      if (seconds - prepared > MEASURED && event.lastEpoch !== undefined) enough.abort();
    }
    if (seconds > LONGEST) enough.abort();
  };
  try {
    await interruptible(async (signal) => {
      const either = AbortSignal.any([signal, enough.signal]);
      await copy.train(sample, { ...options, signal: either, onProgress }).catch((error: unknown) => {
        if (!enough.signal.aborted || signal.aborted) throw error;
      });
    });
  } finally {
    copy.dispose();
  }
  if (prepared === undefined || last === undefined) return undefined;
  const seconds = (performance.now() - began) / 1000;
  const share = items.rows / sample.rows;
  const perEpoch = (last.elapsedMs / 1000 - prepared) / Math.max((last.step / last.totalSteps) * last.epochs, 1e-3);
  const isWhole = share === 1 && !enough.signal.aborted;
  const training = isWhole ? seconds - prepared : perEpoch * last.epochs * share;
  const low = prepared + training * (isWhole ? 0.8 : 0.7);
  const high = prepared * Math.min(share, 8) * 1.3 + training * (isWhole ? 1.3 : 1.6);
  // Beside what the calibration took, the core has a copy of the rows that were not in it.
  const rest = isSource(items) ? 0 : 4 * items.dim * (items.rows - sample.rows);
  const bytes = 1024 * process.resourceUsage().maxRSS + rest;
  return {
    seconds: [rounded(low), rounded(high)],
    bytes: [rounded(bytes), rounded(bytes * 1.3)],
    calibration: { items: sample.rows, epochs: Math.min(last.epoch + 1, last.epochs), seconds },
  };
}

/** To two digits: an estimate has no more. */
const rounded = (value: number) => Number(value.toPrecision(2));

async function firstRows(items: Workplace["items"], rows: number): Promise<ItemMatrix> {
  const { dim } = items;
  if (isSource(items)) return { data: Float32Array.from(await items.read(0, rows)), rows, dim };
  return { data: items.data.subarray(0, rows * dim), rows, dim };
}
