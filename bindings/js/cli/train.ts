import { DivergedError } from "../base/errors.ts";
import { counted, percent, thousands } from "../base/words.ts";
import { openItems } from "../items/items.ts";
import { RowHashes } from "../items/row-hashes.ts";
import { beginFit } from "../model/choose-config.ts";
import { RQVAE } from "../model/rqvae.ts";
import { NEARLY_SAME } from "../model/verdict.ts";
import { requireSame } from "../model-file/checkpoint.ts";
import type { ModelMetadata } from "../model-file/model-file.ts";
import { type PresetName, presets } from "../options/presets.ts";
import { resolveTrainConfig } from "../options/train-config.ts";
import type {
  EpochRecord,
  FitOptions,
  ModelConfig,
  ModelOptions,
  TrainConfig,
  TrainHistory,
  TrainOptions,
  TrainProgress,
} from "../types.ts";
import { copyShard } from "../worker/shard.ts";
import { CheckpointFile } from "./checkpoint-file.ts";
import { type Command, type Given, number, type Option, oneOf, text, UsageError } from "./command.ts";
import { fieldOptions } from "./fields.ts";
import { checkRoles } from "./file-roles.ts";
import {
  type CatalogueItems,
  checkOutput,
  FileError,
  nameFile,
  nameOfOutput,
  readIdFile,
  STDOUT,
  saveWhole,
} from "./files.ts";
import { historyPathOf, historyText } from "./history-file.ts";
import { readBytes } from "./inputs.ts";
import { Interrupted, interruptible } from "./interrupt.ts";
import { itemBlocks } from "./item-blocks.ts";
import { ITEM_FILES } from "./item-options.ts";
import { INPUTS, notesOf, OVERWRITING } from "./notes.ts";
import { type GivenOptions, inCommandLine, readOptions, subjectOf, trainingSections } from "./options.ts";
import {
  checkOutputs,
  computingOptions,
  fileOptions,
  jsonOption,
  openWorkplace,
  outcomeOf,
  requireFile,
  requireOneStdout,
  type Workplace,
  writeAll,
  writeModel,
} from "./outputs.ts";
import { programName } from "./program-name.ts";
import { trainView, warningText } from "./progress.ts";
import { provenanceOf } from "./provenance.ts";
import { publishingOptions } from "./publishing.ts";
import { requireSnapshots, Snapshots } from "./snapshots.ts";
import { duration, fileSize, shellWord } from "./text.ts";
import { inCliWords, messageOf } from "./words.ts";

const sections = trainingSections();

export const presetOption: Option = {
  value: "NAME",
  help: "train as published: tiger, lcrec or hopwise; other\noptions go on top (default: chosen from the items)",
};

export const train: Command = {
  name: "train",
  summary: "Learn semantic IDs from item embeddings; write model and IDs.",
  positionals: ["<items>"],
  options: {
    Files: {
      ...fileOptions,
      from: {
        value: "MODEL",
        help: "train this model further, so that known items keep\ntheir IDs; see --stability",
      },
      published: {
        value: "IDS",
        help: "with --from: the IDs that items have been published\nwith, joined by item IDs; other items are new\n(default: what the model gives for every row)",
      },
      history: {
        value: "FILE",
        help: "write a row per epoch (losses, levels, evaluation)\nas .jsonl or .csv",
      },
      snapshots: {
        value: "N",
        help: "also the IDs of the N epochs before the last, as\nNAME.snapshot-1.EXT (the latest) and so on",
      },
    },
    "The run": {
      "dry-run": {
        help: "print the columns found, the configuration, the\noutputs, and the time and memory to expect; train\nnothing, write nothing",
      },
      json: jsonOption,
      checkpoint: { value: "FILE", help: "save the state of the training there while it runs" },
      "checkpoint-every": {
        value: "S",
        help: "seconds between two checkpoints (default: 10); the\nlibrary's checkpoint.everyMs is in milliseconds",
      },
      resume: { help: "resume from the --checkpoint file if there is one" },
    },
    ...sections,
    Model: {
      preset: presetOption,
      ...sections.Model,
    },
    "Several vectors per item": fieldOptions,
    "Published IDs": publishingOptions,
    General: computingOptions,
  },
  notes: notesOf(
    [
      `<items> is a table of numbers, one row per item: ${ITEM_FILES}.
${INPUTS}
--ids writes the formats that rqvae convert --help lists, by the extension.`,
      `A default of "chosen" depends on the items: on how many there are and, for the
latent width, on a look at a sample of them. --dry-run prints what is chosen and
why. With --preset, the recipe decides instead.`,
      `With --field or --histories, <items> is the field content. The fields become one
vector (rqvae fuse --help), and the model remembers how: rqvae encode takes the
same fields, also without some of them. --histories adds the field behaviour.`,
      `With --collisions, --ids holds published IDs; the model gives raw ones. A new
item gets its ID from the index (--index), which never changes an ID it gave.
Reassigning needs all vectors in memory, suffixes do not.`,
      `Every option also goes by the library's name, in either spelling:
  --codebook-size 256 --learning-rate 0.001 --set codebookSize=256
Turn a switch off like this: --codebook-kmeans-init=false.`,
      `The printed loss is reconstructionWeight x reconstruction + quantisation + the
separation of items that share an ID (separationWeight). Quantisation is the sum
over the levels of codebookWeight x codebook loss + --commitment x its loss.
Epochs count from 1 everywhere; epoch 0 is the start, before any training.`,
      `${OVERWRITING} A run that
--resume continues writes its outputs again.`,
      `Ctrl-C stops the training and writes the model so far; a second Ctrl-C ends it
at once. With --quiet, a line on standard error still says when training found
nothing better than the start, which was then kept.`,
      `--from starts from the weights, input statistics and codebooks of a model, which
is only read. Sizes and scaling stay as they are. An item keeps its ID unless
(1 - stability) times its error is above that of another: 0 lets go of all IDs,
1 of none. rqvae churn says what changed.`,
      `--preset hopwise trains as the original program of Hopwise does; --compat
hopwise, which the preset includes, takes only its functions.`,
      `With --checkpoint and --resume, the same command resumes wherever it was
stopped (Ctrl-C, kill -9, a power cut) and ends with the same model, byte for
byte. The checkpoint is removed once the model and the IDs are written; a hidden
file next to it, .NAME.finished, tells the same command that nothing is left to
do. An existing checkpoint is never overwritten without --resume or --force. One
run at a time can use it (NAME.lock). If it cannot be written, training
continues without it.`,
    ],
    "rqvae train emoji.npy --labels emoji.labels.json --codes 32",
    "rqvae train items.npy --item-ids skus.txt --collisions suffix",
    "rqvae train items.npy --histories shop.inter --field image=images.npy",
    "rqvae train items.npy --dry-run",
    "rqvae train items.npy --json --history history.csv > result.json",
    "rqvae train items.npy --epochs 500 --checkpoint items.checkpoint --resume",
    "rqvae train june.csv --from may.safetensors --published may.ids.csv",
    "curl -s https://example.org/items.npy | rqvae train - -o items.safetensors",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const options = readOptions(given);
  const preset = oneOf(given, "preset", Object.keys(presets) as PresetName[]);
  const checkpoint = readCheckpointOptions(given);
  requireOneStdout(given);
  const historyPath = historyPathOf(given);
  requireSnapshots(given);
  if (given.values["dry-run"]) return rehearse(given, options, preset, checkpoint, historyPath);
  if (historyPath !== undefined) await checkOutput(historyPath, { overwrite: true, inputs: inputsOf(given) });
  await checkpoint?.lock();
  try {
    return await runLocked(given, options, preset, checkpoint);
  } finally {
    await checkpoint?.unlock();
  }
}

/** Everything up to the training, and nothing that stays. */
async function rehearse(
  given: Given,
  options: GivenOptions,
  preset: PresetName | undefined,
  checkpoint: CheckpointFile | undefined,
  historyPath: string | undefined,
): Promise<number> {
  const others = {
    ...(checkpoint && { checkpoint: checkpoint.path }),
    ...(historyPath !== undefined && { history: historyPath }),
  };
  const isResumed = given.values.resume === true && (await checkpoint?.exists()) === true;
  const place = await openWorkplace(given, given.values.force === true || isResumed, others);
  const explain = (error: unknown): never => {
    throw explained(error, place.itemsPath, options, preset, undefined);
  };
  if (isResumed) {
    process.stderr.write(
      `${checkpoint!.path} exists: with --resume the training resumes from it, with its options. This is the plan of a new one.\n`,
    );
  }
  const origin = await readOrigin(given, place, preset);
  const { model, trainOptions, reasons } = await begin(place.items, options, preset, origin).catch(explain);
  try {
    const indexPath = place.publishing?.indexPath;
    const outputs = {
      "the model": place.modelPath,
      "the IDs": place.idsPath,
      ...(indexPath !== undefined && { "the index": indexPath }),
    };
    const more = {
      ...(historyPath !== undefined && { "the history": historyPath }),
      ...(checkpoint && { "the checkpoint, removed at the end": checkpoint.path }),
    };
    const { tellPlan } = await import("./dry-run.ts");
    const plan = { place, model, trainOptions, reasons, given: options, preset, outputs: { ...outputs, ...more } };
    await tellPlan(plan, given.values.json === true).catch(explain);
    return 0;
  } finally {
    model.dispose();
  }
}

async function runLocked(
  given: Given,
  options: GivenOptions,
  preset: PresetName | undefined,
  checkpoint: CheckpointFile | undefined,
): Promise<number> {
  const force = given.values.force === true;
  const historyPath = text(given, "history");
  const resuming = given.values.resume === true && (await checkpoint?.exists()) === true;
  // What stands there when a training goes on is its own model so far; when it came to its end before, its own model.
  const ended = !resuming && !force && given.values.resume === true && (await checkpoint?.hasFinished()) === true;
  const place = await openWorkplace(given, force || resuming || ended, {
    ...(checkpoint && { checkpoint: checkpoint.path }),
    ...(historyPath !== undefined && { history: historyPath }),
  });
  await checkpoint?.open({ overwrite: resuming || force, inputs: place.inputs });
  const explain = (error: unknown): never => {
    throw explained(error, place.itemsPath, options, preset, checkpoint?.path);
  };

  const origin = await readOrigin(given, place, preset);
  const names = namesOf(place, origin);
  const { model, trainOptions, reasons } = await (resuming && checkpoint
    ? resume(checkpoint, place, withPreset(options, place.items, preset), origin)
    : begin(place.items, options, preset, origin)
  ).catch(explain);
  try {
    const indexPath = place.publishing?.indexPath;
    const results = [place.modelPath, place.idsPath, ...(indexPath === undefined ? [] : [indexPath])];
    const saveHistory = async (epochs: readonly EpochRecord[]) => {
      const content = historyText(historyPath!, epochs);
      await saveWhole(historyPath!, () => content);
      return Buffer.byteLength(content);
    };
    if (ended && checkpoint) {
      const of = async () => ({
        config: model.config,
        train: resolveTrainConfig(trainOptions, model.config),
        data: await identify(place.items),
        names,
        ...(model.initialized && { from: model.fingerprint }),
      });
      if (await checkpoint.isFinished(of, results)) {
        if (historyPath !== undefined) {
          using finished = await RQVAE.load(place.modelPath);
          await saveHistory(finished.history?.epochs ?? []);
        }
        if (!place.quiet) {
          const files = { model: { file: place.modelPath }, ids: { file: place.idsPath } };
          if (given.values.json) process.stdout.write(`${JSON.stringify({ finishedBefore: true, outputs: files })}\n`);
          process.stderr.write(
            `This training has finished before: ${results.join(" and ")} are complete. Use --force to train again.\n`,
          );
        }
        return 0;
      }
      await checkOutputs(given, place, false);
    }
    const greeting = resuming
      ? `Resuming from the checkpoint ${checkpoint?.path}.`
      : given.values.resume && `There is no checkpoint ${checkpoint?.path} yet: starting from the beginning.`;
    const snapshots = await Snapshots.of(given, place, force);
    const outcome = await trainWatched(
      model,
      place,
      { ...trainOptions, ...place.named, ...snapshots?.options },
      [
        greeting || "",
        ...reasons.map((reason) => (origin.from ? `${reason}.` : `Latent width ${model.config.latentDim}: ${reason}.`)),
      ]
        .filter((line) => line !== "")
        .join("\n"),
      checkpoint,
    ).catch(explain);
    if (outcome.interrupted) {
      const told: string[] = [];
      await writeAll(
        async () => {
          await checkpoint?.write(model.saveCheckpoint()); // first: all else can be made from it
          if (checkpoint)
            told.push(`The checkpoint is in ${checkpoint.path}. To resume:`, `  ${commandToResume(given)}`);
        },
        async () => void told.unshift(await keepSoFar(place, model, outcome)),
        async () => {
          if (historyPath === undefined || outcome.epochs.length === 0) return;
          await saveHistory(outcome.epochs);
          told.push(`The history so far is in ${historyPath}.`);
        },
      ).catch((error: Error) => told.push(`rqvae: ${error.message}`));
      process.stderr.write(`${told.join("\n")}\n`);
      return outcome.interrupted.exitCode;
    }
    const written = await writeModel(place, model);
    const history = model.history as TrainHistory;
    const earlier = (await snapshots?.write()) ?? [];
    const historyBytes = historyPath === undefined ? 0 : await saveHistory(history.epochs);
    // What was resumed has the options that were left out from its checkpoint.
    const trained = resuming ? finishedTraining(model).train : resolveTrainConfig(trainOptions, model.config);
    const provenance = provenanceOf(model, trained);
    if (given.values.json) {
      const made = await outcomeOf(model, place, written, provenance);
      const told = trainOutcome(made, history, { seconds: outcome.seconds, reasons, historyPath, historyBytes });
      process.stdout.write(`${JSON.stringify(told, undefined, 2)}\n`);
    } else if (!place.quiet) {
      const since = resuming ? " since the checkpoint" : "";
      await written.tell(
        {
          effort: `${counted(history.epochs.length, "epoch")} in ${duration(outcome.seconds)}${since}`,
          remarks: remarks(model, history),
          warnings: history.warnings.map(warningText),
          files: [
            ...earlier,
            ...(historyPath === undefined
              ? []
              : [
                  {
                    path: historyPath,
                    what: `the history, ${counted(history.epochs.length, "epoch")}`,
                    size: fileSize(historyBytes),
                  },
                ]),
          ],
        },
        provenance,
      );
    }
    if (snapshots?.lack) process.stderr.write(`rqvae: ${snapshots.lack}\n`);
    tellKeptStart(history, place.quiet || given.values.json === true);
    if (checkpoint) {
      const { from, ...finished } = finishedTraining(model);
      await checkpoint.finish({ ...finished, names, ...(from !== undefined && { from }) }, results);
    }
    return 0;
  } finally {
    model.dispose();
  }
}

/** What `--json` prints: what every model has, and what is its training's. Epochs count from 1. */
function trainOutcome(
  { outputs, ...made }: Record<string, unknown>,
  history: TrainHistory,
  of: {
    seconds: number;
    reasons: readonly string[];
    historyPath: string | undefined;
    historyBytes: number;
  },
): Record<string, unknown> {
  const { historyPath: file, historyBytes: bytes } = of;
  return {
    ...made,
    reasons: of.reasons,
    epochs: history.epochs.length,
    steps: history.steps,
    stoppedEarly: history.stoppedEarly,
    warnings: history.warnings.map(({ kind, epoch, level, column, wording }) => ({
      kind,
      epoch: epoch + 1,
      ...(level !== undefined && { level: level + 1 }),
      ...(column !== undefined && { column }),
      message: inCliWords(wording),
    })),
    outputs: { ...(outputs as object), ...(file !== undefined && { history: { file, bytes } }) },
    seconds: of.seconds,
  };
}

/** Says so on stderr where nothing else would: whoever asked for quiet would take the model for a trained one. */
export function tellKeptStart(history: TrainHistory, isQuiet: boolean): void {
  if (isQuiet && history.selectedEpoch < 0) {
    process.stderr.write(
      `rqvae: training found nothing better than the start, which was kept: ${inCliWords(history.selectedWording)}\n`,
    );
  }
}

const inputsOf = (given: Given): string[] =>
  [given.positionals[0], ...["labels", "item-ids", "from", "published"].map((name) => text(given, name))].filter(
    (path) => path !== undefined,
  );

/** What a checkpoint says of its training. */
function infoOf(bytes: Uint8Array): ModelMetadata["checkpoint"] {
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  return (JSON.parse(header.__metadata__.rqvae) as ModelMetadata).checkpoint;
}

/** Everything that decided the result. */
function finishedTraining(model: RQVAE): { config: ModelConfig; train: TrainConfig; data: unknown; from?: string } {
  const { data, train, from } = infoOf(model.saveCheckpoint())!;
  const { rows, dim, every } = data;
  return { config: model.config, train, data: { rows, dim, every }, ...(from !== undefined && { from }) };
}

/** What the file of IDs calls the items, and the IDs that they have been published with. */
const namesOf = ({ itemIds, labels, publishing }: Workplace, { published }: Origin) => ({
  itemIds,
  labels,
  ...(publishing && { publishing }),
  ...(published && { published: { itemIds: published.itemIds, ids: Array.from(published.ids.codes) } }),
});

/** The items as `finishedTraining` has them. */
async function identify(items: CatalogueItems): Promise<unknown> {
  const { rows, dim } = items;
  const hashes = new RowHashes(rows, dim);
  for await (const { first, ...block } of itemBlocks(items)) {
    hashes.add(copyShard(openItems(block, dim), 0, block.rows), 0, first, block.rows);
  }
  return { rows, dim, every: hashes.save() };
}

/** @throws UsageError */
function readCheckpointOptions(given: Given): CheckpointFile | undefined {
  const path = text(given, "checkpoint");
  const seconds = number(given, "checkpoint-every");
  if (seconds !== undefined && seconds < 0) {
    throw new UsageError(`--checkpoint-every must be at least 0 (it is in seconds), but is ${seconds}`);
  }
  if (path !== undefined) requireFile("--checkpoint", path, "a checkpoint");
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
  /** Why the settings are as they are. */
  reasons: readonly string[];
}

/** A new model, by a preset or as `RQVAE.fit` would make it of these items. */
export async function begin(
  items: CatalogueItems,
  given: GivenOptions,
  preset: PresetName | undefined,
  origin: Origin = {},
): Promise<Start> {
  const inputDim = items.dim;
  if (preset !== undefined) {
    const { model, train } = withPreset(given, items, preset);
    return { model: await RQVAE.create({ ...model, inputDim }), trainOptions: train, reasons: [] };
  }
  const { model, train, reasons = [] } = await beginFit(RQVAE, items, { ...given.model, ...given.train, ...origin });
  return { model, trainOptions: train, reasons };
}

/** What a retraining starts from. */
type Origin = Pick<FitOptions, "from" | "published" | "itemIds">;

/** The fingerprint of the model that a training starts from. */
async function fingerprintOf({ from }: Origin): Promise<string | undefined> {
  if (from === undefined) return undefined;
  using model = await RQVAE.load(from as Uint8Array);
  return model.fingerprint;
}

/** @throws UsageError, FileError */
async function readOrigin(given: Given, { itemIds }: Workplace, preset: PresetName | undefined): Promise<Origin> {
  const from = text(given, "from");
  const published = text(given, "published");
  if (from === undefined) {
    if (published !== undefined) throw new UsageError("--published goes with --from: name the model to train further");
    return {};
  }
  if (preset !== undefined) {
    throw new UsageError("--preset and --from do not go together: a model that is trained further is what it is");
  }
  await checkRoles([
    { as: "--from", path: from, role: "model" },
    { as: "--published", path: published, role: "ids" },
  ]);
  const model = { from: await readBytes(from) };
  await RQVAE.load(model.from).then(
    (loaded) => loaded.dispose(),
    (error) => {
      throw nameFile(from, error);
    },
  );
  if (published === undefined) return model;
  const read = await readIdFile(published, {});
  if (itemIds === undefined || read.itemIds === undefined) {
    const without = itemIds === undefined ? "<items>" : published;
    throw new UsageError(`--published is joined by item IDs, and ${without} has none: give them (--item-ids)`);
  }
  return { ...model, itemIds, published: { itemIds: read.itemIds, ids: read.ids } };
}

/**
 * The model of a checkpoint, to go on with. Options that are not given are taken from it, the others must be the same.
 * @throws InvalidInputError, FileError
 */
async function resume(
  checkpoint: CheckpointFile,
  { items, itemsPath }: Workplace,
  given: GivenOptions,
  origin: Origin,
): Promise<Start> {
  const bytes = await checkpoint.read();
  const model = await RQVAE.load(bytes).catch((error) => checkpoint.refuse(error));
  try {
    const [from, now] = [infoOf(bytes)?.from, await fingerprintOf(origin)];
    if (from !== undefined && now !== undefined && from !== now) {
      throw new FileError(
        `${checkpoint.path}: the checkpoint was made with --from model ${from}, but now that is ${now}. Name the same model, remove the checkpoint to start again from the beginning, or name another with --checkpoint`,
      );
    }
    const stored = model.config;
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
  const { itemIds, published } = origin; // must be those of the checkpoint
  return {
    model,
    trainOptions: { ...given.train, ...(published && { itemIds, published }), resume: bytes },
    reasons: [],
  };
}

/** An error of the library as one about the command line or about a file. */
export function explained(
  error: unknown,
  itemsPath: string,
  given: GivenOptions,
  preset: PresetName | undefined,
  checkpointPath: string | undefined,
): unknown {
  if (error instanceof DivergedError) return new Error(`${messageOf(error)}. No model was written`);
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
  /** All finished epochs. */
  epochs: EpochRecord[];
  seconds: number;
}

/** Trains, showing the progress on stderr, the greeting once it runs; Ctrl-C ends it early. */
export async function trainWatched(
  model: RQVAE,
  { items, quiet }: Pick<Workplace, "items" | "quiet">,
  options: TrainOptions,
  greeting: string,
  checkpoint?: CheckpointFile,
): Promise<Outcome> {
  const view = trainView(process.stderr);
  const saving = checkpoint ? { checkpoint: checkpoint.options(view.tell) } : {};
  const start = performance.now();
  const outcome: Outcome = { interrupted: undefined, last: undefined, epochs: [], seconds: 0 };
  const onProgress = (event: TrainProgress) => {
    if (greeting && !quiet && outcome.last === undefined) process.stderr.write(`${greeting}\n`);
    outcome.last = event;
    outcome.epochs.push(...event.newEpochs);
    if (!quiet) view.update(event);
  };
  try {
    await interruptible(
      (signal) => model.train(items, { ...options, ...saving, signal, onProgress }),
      () => view.tell("Stopping, then saving the model so far. A second Ctrl-C ends at once, without saving."),
    );
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
  return `Stopped in epoch ${thousands(epoch + 1)} of ${thousands(epochs)}. The model so far is in ${place.modelPath}, its IDs ${place.idsPath === STDOUT ? "on" : "in"} ${nameOfOutput(place.idsPath)}.`;
}

/** The command that resumes an interrupted one. */
function commandToResume({ args, values }: Given): string {
  const words = ["train", ...args, ...(values.resume ? [] : ["--resume"])];
  return `${programName()} ${words.map(shellWord).join(" ")}`;
}

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
  const { selectedWording, selectedEpoch, validation, afterValidation, start, verdict } = history;
  const kept = `Kept: ${inCliWords(selectedWording)}.`;
  // Of items that are all the same there is no variance to explain.
  const isConstant = history.warnings.some(({ kind }) => kind === "constant");
  if (isConstant || validation === undefined || start?.validation === undefined) return [kept];
  const [now, before] = [validation, start.validation].map(({ explainedVariance }) => percent(explainedVariance));
  if (verdict === "same" || selectedEpoch < 0) {
    const what =
      selectedEpoch < 0
        ? "training found nothing better than the start"
        : `training gained little over the start's ${before}${afterValidation === "joined" ? ` in ${counted(validation.epoch + 1, "epoch")}` : ""}`;
    return [kept, `Validation: explained variance ${now}; ${what}${adviceOnSame(history)}.`];
  }
  const untrained = config.linearSkip !== "none" && config.codebookKmeansInit;
  const origin = untrained ? "by residual k-means alone" : "before training";
  // What was held out and trains by now has no figures of the model that was kept.
  const when = afterValidation === "joined" ? ` after epoch ${validation.epoch + 1}` : "";
  return [kept, `Validation: explained variance ${now}${when}, from ${before} ${origin}.`];
}
