import { requireSame } from "../checkpoint.ts";
import { DivergedError } from "../errors.ts";
import { configToOptions } from "../model-config.ts";
import { type PresetName, presets } from "../presets.ts";
import { RQVAE } from "../rqvae.ts";
import { suggestConfig } from "../suggest-config.ts";
import type { ModelOptions, TrainHistory, TrainOptions, TrainProgress } from "../types.ts";
import { NEARLY_SAME } from "../verdict.ts";
import { CheckpointFile } from "./checkpoint-file.ts";
import { type Command, type Given, number, oneOf, text, UsageError } from "./command.ts";
import { type CatalogueItems, FileError, nameFile } from "./files.ts";
import { Interrupted, interruptible } from "./interrupt.ts";
import { ITEM_FILES } from "./item-options.ts";
import { defined, type GivenOptions, inCommandLine, readOptions, subjectOf } from "./options.ts";
import { fileOptions, generalOptions, openWorkplace, type Workplace, writeModel } from "./outputs.ts";
import { trainView, warningText } from "./progress.ts";
import { duration, percent, plural, shellWord } from "./text.ts";
import { messageOf } from "./words.ts";

export const train: Command = {
  name: "train",
  summary: "Learns semantic IDs from item embeddings: writes model and IDs.",
  positionals: ["<items>"],
  options: {
    Files: {
      ...fileOptions,
      checkpoint: { value: "FILE", help: "keep the state of the training there while it runs" },
      "checkpoint-every": { value: "S", help: "seconds between two checkpoints (default: 10)" },
      resume: { help: "go on from the --checkpoint file if there is one" },
    },
    Model: {
      preset: { value: "NAME", help: "a recipe of the field: tiger, lcrec or hopwise" },
      levels: { value: "N", help: "codes per ID" },
      codes: { value: "N", help: "codes to choose from at each level: 256, or 64,256" },
      latent: { value: "N", help: "dimension of the latent space" },
      hidden: { value: "N,N", help: "widths of the hidden layers, or none" },
      beam: { value: "N", help: "width of the search for an item's ID" },
      commitment: { value: "X", help: "weight of the commitment loss" },
      noise: { value: "X", help: "noise on the input, in units of its scale" },
      compat: { value: "NAME", help: "hopwise: the functions of the Hopwise tutorial" },
      seed: { value: "N", help: "same items, options, seed: same IDs (default: 0)" },
    },
    Training: {
      epochs: { value: "N", help: "passes over the items" },
      batch: { value: "N", help: "items per training step" },
      lr: { value: "X", help: "learning rate" },
      optimizer: { value: "NAME", help: "adam, adamw, adagrad or sgd" },
      schedule: { value: "NAME", help: "of the learning rate: constant, cosine or linear" },
      warmup: { value: "X", help: "share of the steps in which the learning rate rises" },
      "weight-decay": { value: "X", help: "weight decay" },
      clip: { value: "X", help: "largest norm of the gradients; 0: any" },
      validation: { value: "X", help: "share of the items to hold out, 0 to 0.5" },
      select: {
        value: "NAME",
        help: "epoch to keep: last, loss (the best on the items\nheld out) or collision (the most distinct IDs)",
      },
      patience: { value: "N", help: "stop after N evaluations without a better one" },
      "restart-dead-codes": { help: "move codes that no item chooses" },
      set: { value: "NAME=VALUE", repeats: true, help: "any other option of the library, see below" },
    },
    General: generalOptions,
  },
  notes: `<items> is a table of numbers, one row an item: ${ITEM_FILES}.
Options without a default are chosen from the number of items and their
dimension, with --preset by the recipe.

--set takes the library's options of a model and its training by their names,
numbers separated by commas, and may be repeated:
  --set gradientEstimator=rotation --set sinkhornEpsilon=0,0,0.003

A file that you name with --output or --ids is overwritten; a default one only
with --force. Ctrl-C stops the training and writes the model so far (exit code
130).

With --checkpoint and --resume the same command goes on wherever it was stopped,
be it by Ctrl-C, kill -9 or a power cut, and ends with the same model, byte for
byte. The checkpoint is removed once model and IDs are written. Without --resume
an existing one is overwritten only with --force.

Examples:
  rqvae train emoji.npy --labels emoji.labels.json --codes 32
  rqvae train items.npy --epochs 500 --checkpoint items.checkpoint --resume
`,
  run,
};

async function run(given: Given): Promise<number> {
  const options = readOptions(given);
  const preset = oneOf(given, "preset", Object.keys(presets) as PresetName[]);
  const checkpoint = readCheckpointOptions(given);
  const resuming = (await checkpoint?.exists()) === true && given.values.resume === true;
  const place = await openWorkplace(
    given,
    // What stands there when a training goes on is its own model so far.
    given.values.force === true || resuming,
    checkpoint ? { checkpoint: checkpoint.path } : {},
  );
  await checkpoint?.open({ overwrite: resuming || given.values.force === true, inputs: place.inputs });
  const explain = (error: unknown): never => {
    throw explained(error, place.itemsPath, options, preset, checkpoint?.path);
  };

  const { model, trainOptions } = await (resuming && checkpoint
    ? resume(checkpoint, place, withPreset(options, place.items, preset))
    : begin(place.items, options, preset)
  ).catch(explain);
  try {
    const greeting = resuming
      ? `Going on from the checkpoint ${checkpoint?.path}.`
      : given.values.resume && `There is no checkpoint ${checkpoint?.path} yet: starting from the beginning.`;
    const saving = checkpoint ? { checkpoint: checkpoint.options } : {};
    const outcome = await trainWatched(
      model,
      place,
      { ...trainOptions, ...place.named, ...saving },
      greeting || "",
    ).catch(explain);
    if (outcome.interrupted) {
      await checkpoint?.write(model.saveCheckpoint()); // first: all else can be made from it
      const told = [await keepSoFar(place, model, outcome)];
      if (checkpoint) told.push(`The checkpoint is in ${checkpoint.path}. To go on:`, `  ${commandToGoOn(given)}`);
      process.stderr.write(`${told.join("\n")}\n`);
      return outcome.interrupted.exitCode;
    }
    const tell = await writeModel(place, model);
    await checkpoint?.remove();
    if (place.quiet) return 0;
    const history = model.history as TrainHistory;
    const since = resuming ? " since the checkpoint" : "";
    await tell({
      effort: `${plural(history.epochs.length, "epoch")} in ${duration(outcome.seconds)}${since}`,
      remarks: remarks(model, history),
      warnings: history.warnings.map(warningText),
    });
    return 0;
  } finally {
    model.dispose();
  }
}

/** @throws UsageError */
function readCheckpointOptions(given: Given): CheckpointFile | undefined {
  const path = text(given, "checkpoint");
  const seconds = number(given, "checkpoint-every");
  if (seconds !== undefined && seconds < 0) {
    throw new UsageError(`--checkpoint-every must be a number of at least 0, but is "${seconds}"`);
  }
  if (path !== undefined) return new CheckpointFile(path, seconds ?? 10);
  for (const name of ["resume", "checkpoint-every"]) {
    if (given.values[name] !== undefined) throw new UsageError(`--${name} needs --checkpoint FILE`);
  }
  return undefined;
}

/** Preset and options together, those given by themselves on top. */
function withPreset(given: GivenOptions, { dim }: CatalogueItems, preset: PresetName | undefined): GivenOptions {
  if (preset === undefined) return given;
  const { model, train } = presets[preset]({ inputDim: dim });
  // Sizes for each level tell how many there are.
  const { codebookSize } = given.model;
  const levels = Array.isArray(codebookSize) ? { nQuantizationLayers: codebookSize.length } : {};
  return { model: { ...model, ...levels, ...given.model }, train: { ...train, ...given.train } };
}

export interface Start {
  model: RQVAE;
  trainOptions: TrainOptions;
}

/** A new model, by a preset or for a catalogue of this size. */
export async function begin(
  items: CatalogueItems,
  given: GivenOptions,
  preset: PresetName | undefined,
): Promise<Start> {
  const inputDim = items.dim;
  if (preset !== undefined) {
    const { model, train } = withPreset(given, items, preset);
    return { model: await RQVAE.create({ ...model, inputDim }), trainOptions: train };
  }
  const { nQuantizationLayers, codebookSize, compat } = given.model;
  const shape = defined({ nQuantizationLayers, codebookSize, compat });
  const suggested = suggestConfig({ n: items.rows, inputDim, ...shape });
  const model = await RQVAE.create({ ...suggested.model, ...given.model });
  return { model, trainOptions: { ...suggested.train, ...given.train } };
}

/**
 * The model of a checkpoint, to go on with. Options that are not given are taken from it, the others must be the same.
 * @throws InvalidInputError, FileError
 */
async function resume(
  checkpoint: CheckpointFile,
  { items, itemsPath }: Workplace,
  given: GivenOptions,
): Promise<Start> {
  const bytes = await checkpoint.read();
  const model = await RQVAE.load(bytes).catch((error) => checkpoint.refuse(error));
  try {
    const stored = configToOptions(model.config);
    if (items.dim !== stored.inputDim) {
      throw new FileError(
        `${checkpoint.path}: the checkpoint was made with items of dimension ${stored.inputDim}, those of ${itemsPath} have ${items.dim}`,
      );
    }
    for (const [name, value] of Object.entries(given.model) as [keyof ModelOptions, unknown][]) {
      const own = stored[name];
      // One number for all levels, or the same written out.
      const written = Array.isArray(own) && typeof value === "number" ? own.map(() => value) : value;
      requireSame("the model's", { [name]: own }, { [name]: written });
    }
  } catch (error) {
    model.dispose();
    throw error;
  }
  return { model, trainOptions: { ...given.train, resume: bytes } };
}

/** An error of the library as one about the command line or about a file. */
export function explained(
  error: unknown,
  itemsPath: string,
  given: GivenOptions,
  preset: PresetName | undefined,
  checkpointPath: string | undefined,
): unknown {
  if (error instanceof DivergedError) return new Error(messageOf(error));
  const said = inCommandLine(error, checkpointPath);
  if (!(said instanceof UsageError) || preset === undefined) return said ?? nameFile(itemsPath, error);
  const { option: name = "" } = subjectOf(error);
  const recipe = presets[preset]({ inputDim: 1 });
  const fromPreset = name in { ...recipe.model, ...recipe.train } && !(name in { ...given.model, ...given.train });
  return fromPreset ? new UsageError(`${said.message} (it comes from --preset ${preset})`) : said;
}

export interface Outcome {
  interrupted: Interrupted | undefined;
  /** The last progress event. */
  last: TrainProgress | undefined;
  seconds: number;
}

/** Trains, showing the progress on stderr, the greeting once it runs; Ctrl-C ends it early. */
export async function trainWatched(
  model: RQVAE,
  { items, quiet }: Pick<Workplace, "items" | "quiet">,
  options: TrainOptions,
  greeting: string,
): Promise<Outcome> {
  const view = trainView(process.stderr);
  const start = performance.now();
  const outcome: Outcome = { interrupted: undefined, last: undefined, seconds: 0 };
  const onProgress = (event: TrainProgress) => {
    if (greeting && !quiet && outcome.last === undefined) process.stderr.write(`${greeting}\n`);
    outcome.last = event;
    if (!quiet) view.update(event);
  };
  try {
    await interruptible((signal) => model.train(items, { ...options, signal, onProgress }));
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    outcome.interrupted = error;
  } finally {
    if (!quiet) view.end();
  }
  outcome.seconds = (performance.now() - start) / 1000;
  return outcome;
}

/** Writes what there is of an interrupted training. @returns what to tell. */
async function keepSoFar(place: Workplace, model: RQVAE, { last }: Outcome): Promise<string> {
  if (!model.initialized) return "Stopped before training began: there is no model yet.";
  await writeModel(place, model);
  const { epoch, epochs } = last ?? { epoch: 0, epochs: 0 };
  return `Stopped in epoch ${epoch + 1} of ${epochs}. The model so far is in ${place.modelPath}, its IDs in ${place.idsPath}.`;
}

/** The command that goes on with an interrupted one. */
function commandToGoOn({ args, values }: Given): string {
  return ["rqvae", "train", ...args, ...(values.resume ? [] : ["--resume"])].map(shellWord).join(" ");
}

/** Epochs counted from 1, as in the progress. */
const fromOne = (message: string) =>
  message.replace(/\bepoch (\d+)/, (_, epoch: string) => `epoch ${Number(epoch) + 1}`);

/** What to do when training has won nothing: no smaller step helps where there is nothing to win, or the items are at fault. */
function adviceOnSame({ warnings, validation, ids, selectedEpoch }: TrainHistory): string {
  if (warnings.some(({ epoch }) => epoch < 0)) return "";
  const isFine = validation!.explainedVariance > 1 - NEARLY_SAME && ids.uniqueShare > 1 - NEARLY_SAME;
  if (isFine) return ": there was nothing left to win";
  return selectedEpoch < 0
    ? ": try a smaller --lr, or rqvae kmeans, which is quicker"
    : ": rqvae kmeans is quicker and about as good";
}

/** Which epoch was kept and why, and what training was worth on items that it did not see. */
export function remarks({ config }: RQVAE, history: TrainHistory): string[] {
  const { selectedBecause, selectedEpoch, validation, start, verdict } = history;
  const why = fromOne(selectedBecause).replace(/ \(explained variance [^)]*\)/, "");
  const kept = `Kept: ${why}.`;
  // Of items that are all the same there is no variance to explain.
  const isConstant = history.warnings.some(({ kind }) => kind === "constant");
  if (isConstant || validation === undefined || start?.validation === undefined) return [kept];
  const [now, before] = [validation, start.validation].map(({ explainedVariance }) => percent(explainedVariance));
  if (verdict === "same" || selectedEpoch < 0) {
    const compared = selectedEpoch < 0 ? "the start" : `the start, with ${before}`;
    return [
      kept,
      `Validation: explained variance ${now}; training found nothing better than ${compared}${adviceOnSame(history)}.`,
    ];
  }
  const untrained = config.linearSkip !== "none" && config.codebookKmeansInit;
  const origin = untrained ? "by residual k-means alone" : "before training";
  return [kept, `Validation: explained variance ${now}, from ${before} ${origin}.`];
}
