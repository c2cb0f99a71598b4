import { VERSION } from "../base/version.ts";
import { counted, percent, short, thousands } from "../base/words.ts";
import type { SemanticIdIndex } from "../index/semantic-id-index.ts";
import type { StoredLayout } from "../items/fields.ts";
import { openItems } from "../items/items.ts";
import { RowHashes } from "../items/row-hashes.ts";
import { dataFingerprint } from "../model/provenance.ts";
import type { FileTensor, ModelFile, ModelMetadata, StoredData } from "../model-file/model-file.ts";
import { damaged, fromStored, readModelFile } from "../model-file/read-model-file.ts";
import { modelFromTensors } from "../model-file/state-dict.ts";
import { readHistory } from "../model-file/stored-history.ts";
import { OPTIONS } from "../options/describe.ts";
import { resolveModelConfig } from "../options/model-config.ts";
import { hashOf } from "../runtime/hash.ts";
import { native } from "../runtime/native.ts";
import type { NativeModule } from "../runtime/native-module.ts";
import type { ModelConfig, TrainConfig, TrainEvaluation, TrainHistory } from "../types.ts";
import { copyShard } from "../worker/shard.ts";
import { type Command, type Given, text, UsageError } from "./command.ts";
import { isIndex, nameOfContent, SHARD } from "./file-roles.ts";
import { type CatalogueItems, FileError, nameFile, naming, openCatalogue, readBytes, readIndex } from "./files.ts";
import { requireOneStdin } from "./inputs.ts";
import { itemBlocks } from "./item-blocks.ts";
import { itemOptions, readingOf } from "./item-options.ts";
import { generalOptions } from "./outputs.ts";
import { warningText } from "./progress.ts";
import { columnsOf, fileSize, wordWrap } from "./text.ts";
import { inCliWords } from "./words.ts";

const { embedding, "skip-invalid": skipInvalid } = itemOptions;

export const inspect: Command = {
  name: "inspect",
  summary: "Show what a model's file holds, and how the model was trained.",
  positionals: ["<file>"],
  options: {
    Options: {
      data: { value: "ITEMS", help: "check whether these are the items that the model\nwas trained on" },
      embedding: { ...embedding!, help: `with --data:\n${embedding!.help}` },
      "skip-invalid": { ...skipInvalid!, help: `with --data:\n${skipInvalid!.help}` },
      json: { help: "print everything as JSON, with all epochs and options" },
    },
    General: generalOptions,
  },
  notes: `<file> is a model, its encoder part, a checkpoint, an index of published IDs, or
the weights of a PyTorch program that rqvae can load.

The text names the options that differ from the defaults of the library; --json
has all of them. With --data the exit code is 0 for the same items, and 1 for
others.

Examples:
  rqvae inspect emoji.safetensors
  rqvae inspect emoji.safetensors --data emoji.npy
  rqvae inspect emoji.safetensors --json > emoji.json
`,
  run,
};

/** What is known of the items that a file's model was fitted to. */
type Data = StoredData & { seen?: string };

/** Everything that a file of a model says. What does not apply is left out. */
interface Inspection {
  kind: "model" | "encoder" | "checkpoint" | "weights";
  bytes: number;
  format?: number;
  numerics?: number;
  /** The release that fitted the weights. */
  version?: string;
  /** The fingerprint of the model that the training went on from. */
  from?: string;
  fingerprint?: string;
  initialized?: boolean;
  config: ModelConfig;
  /** Of a model of several fields: names, sizes and weights. */
  fields?: { name: string; dim: number; weight: number; items: number; guessed?: boolean }[];
  /** What users chose, if a field was made of it. */
  madeFrom?: { users: number; choices: number };
  parameters: Record<"input" | "encoder" | "codebooks" | "decoder" | "total", number>;
  /** Of a checkpoint. */
  progress?: { epoch: number; step: number; totalSteps: number };
  training?: ModelMetadata["training"];
  options?: TrainConfig;
  history?: TrainHistory;
  data?: Data;
}

/** Whether items are those of the training. */
interface Comparison {
  same: boolean;
  /** Why they are others, or how much of them could be compared. */
  remark: string;
}

async function run(given: Given): Promise<number> {
  const [path] = given.positionals as [string];
  const itemsPath = text(given, "data");
  for (const name of ["embedding", "skip-invalid"]) {
    if (itemsPath === undefined && given.values[name] !== undefined) throw new UsageError(`--${name} goes with --data`);
  }
  requireOneStdin([path, itemsPath]);
  const bytes = await readBytes(path);
  const print = (words: string[], json: object) => {
    if (given.values.json) process.stdout.write(`${JSON.stringify(json, undefined, 2)}\n`);
    else if (!given.values.quiet) process.stdout.write(`${words.join("\n")}\n`);
  };

  if (isIndex(bytes)) {
    if (itemsPath !== undefined) throw new UsageError("--data is for a model: an index keeps no vectors");
    const index = await readIndex(path, bytes);
    print(indexWords(path, bytes, index), { file: path, ...indexFigures(bytes, index) });
    return 0;
  }
  const module = await native();
  const inspection = naming(path, () => inspectModel(path, bytes, module));
  const { data } = inspection;
  if (itemsPath !== undefined && data === undefined) {
    throw new FileError(`${path}: does not say which items it was trained on, so that --data has nothing to compare`);
  }
  const compared =
    itemsPath === undefined ? undefined : await compare(itemsPath, data!, module, given).catch(rethrow(itemsPath));
  const words = modelWords(path, inspection);
  if (compared) words.push("", `${itemsPath}: ${compared.remark}`);
  print(words, { file: path, ...inspection, ...(compared ? { comparedWith: { file: itemsPath, ...compared } } : {}) });
  return compared?.same === false ? 1 : 0;
}

const rethrow = (path: string) => (error: unknown) => {
  throw nameFile(path, error);
};

function inspectModel(path: string, bytes: Uint8Array, module: NativeModule): Inspection {
  // What cannot be a model is named by its content; its reader would say what is wrong with it as a model.
  const what = bytes.length === 0 ? "empty" : nameOfContent(bytes);
  if (bytes[8] !== 0x7b || what === SHARD) {
    throw new FileError(
      `${path}: it is ${what ?? "no file of rqvae"}; rqvae inspect takes a model, an encoder part, a checkpoint or an index`,
    );
  }
  const file = readModelFile(bytes, (data) => hashOf(module, data));
  const { metadata, tensors } = file;
  if (!metadata) return inspectWeights(file, bytes);
  const config = resolveModelConfig(fromStored(metadata.config), path);
  const { checkpoint, training } = metadata;
  const options = checkpoint?.train ?? training?.options;
  const history = file.history === undefined ? undefined : historyOf(file.history, config);
  const data = metadata.data ?? (checkpoint && checkpointData(checkpoint.data, module));
  const { format, numerics, version, fingerprint, initialized } = metadata;
  const from = metadata.from ?? checkpoint?.from;
  return {
    kind: checkpoint ? "checkpoint" : metadata.part === "encoder" ? "encoder" : "model",
    bytes: bytes.length,
    ...{ format, numerics, ...(version && { version }), fingerprint, initialized },
    config,
    ...(metadata.fields && fieldsIn(metadata.fields)),
    parameters: countParameters(tensors.values()),
    ...(checkpoint?.progress && { progress: checkpoint.progress }),
    training,
    ...(options && { options }),
    ...(history && { history }),
    ...(data && { data }),
    ...(from && { from }),
  };
}

const fieldsIn = ({ fields, madeFrom }: StoredLayout): Pick<Inspection, "fields" | "madeFrom"> => ({
  fields: fields.map(({ name, dim, weight, rows: items, guess }) => ({
    ...{ name, dim, weight, items },
    ...(guess !== undefined && { guessed: true }),
  })),
  ...(madeFrom && { madeFrom: { users: madeFrom.users, choices: madeFrom.choices } }),
});

const historyOf = (stored: string, { codebookSize }: ModelConfig): TrainHistory =>
  readHistory(stored, codebookSize, (what, cause) => damaged(`of its training's history, ${what}`, cause));

/** Weights of a PyTorch program. */
function inspectWeights(file: ModelFile, bytes: Uint8Array): Inspection {
  const { config, tensors } = modelFromTensors(file, {});
  return { kind: "weights", bytes: bytes.length, config, parameters: countParameters(tensors.values()) };
}

function checkpointData(
  { rows, dim, hash, every }: NonNullable<ModelMetadata["checkpoint"]>["data"],
  module: NativeModule,
): Data {
  const whole = every && every.seen === undefined;
  return {
    ...{ rows, dim, hash },
    ...(whole && { fingerprint: dataFingerprint(module, every.sums) }),
    ...every,
  };
}

function countParameters(tensors: Iterable<FileTensor>): Inspection["parameters"] {
  const counts = { input: 0, encoder: 0, codebooks: 0, decoder: 0, total: 0 };
  for (const { name, data } of tensors) {
    const [part] = name.split(".") as [string];
    const place = part === "quantization_layers" ? "codebooks" : part;
    if (place in counts) counts[place as keyof typeof counts] += data.length;
    counts.total += data.length;
  }
  return counts;
}

/** Whether the items of a file are those that the model was fitted to. */
async function compare(itemsPath: string, data: Data, module: NativeModule, given: Given): Promise<Comparison> {
  const { items } = await openCatalogue(itemsPath, undefined, { ...readingOf(given), quiet: true });
  const other = (remark: string) => ({ same: false, remark: `these are not the items of the training: ${remark}` });
  const { rows, dim } = items;
  if (rows !== data.rows || dim !== data.dim) {
    return other(`it had ${shapeOf(data)}, these are ${shapeOf(items)}`);
  }
  const sums = await sumsOf(items, data);
  if (data.sums) {
    const difference = sums.firstDifference({ sums: data.sums });
    if (difference) return other(`there is a difference between row ${difference[0]} and row ${difference[1]}`);
    return data.seen === undefined
      ? { same: true, remark: "these are the items of the training, row by row" }
      : { same: true, remark: "these are the items of the training, as far as it has read them" };
  }
  if (data.fingerprint !== undefined) {
    return data.fingerprint === dataFingerprint(module, sums.save().sums)
      ? { same: true, remark: "these are the items of the training, row by row" }
      : other("the fingerprint of the rows is another");
  }
  return (await hashOfEnds(items, module)) === data.hash
    ? {
        same: true,
        remark: "the number of rows and the first and last 256 of them are the same; the file has no more to compare",
      }
    : other("there is a difference in the first or last 256 rows");
}

/** Sums of the rows' hashes; of a checkpoint only of those that the training has read. */
async function sumsOf(items: CatalogueItems, { rows, dim, sums = [], seen }: Data): Promise<RowHashes> {
  const hashes = RowHashes.of(seen === undefined ? { sums } : { sums, seen }, rows, dim);
  for await (const { first, ...block } of itemBlocks(items)) {
    hashes.add(copyShard(openItems(block, dim), 0, block.rows), 0, first, block.rows);
  }
  return hashes;
}

/** The hash of the first and the last 256 rows. */
async function hashOfEnds(items: CatalogueItems, module: NativeModule): Promise<string> {
  const { rows, dim } = items;
  const count = Math.min(rows, 256);
  let hash = "";
  for (const begin of [0, rows - count]) {
    const data = new Float32Array(count * dim);
    for await (const { first, ...block } of itemBlocks(items)) {
      const [from, to] = [Math.max(begin, first), Math.min(begin + count, first + block.rows)];
      if (from < to) data.set(copyShard(openItems(block, dim), from - first, to - from), (from - begin) * dim);
    }
    hash += hashOf(module, new Uint8Array(data.buffer));
  }
  return hash;
}

const shapeOf = ({ rows, dim }: { rows: number; dim: number }) =>
  `${counted(rows, "item")} of ${counted(dim, "number")}`;

const KINDS: Record<Inspection["kind"], string> = {
  model: "a model",
  encoder: "the encoder part of a model: it encodes, and cannot decode or be trained",
  checkpoint: "a checkpoint of a training, which rqvae train --resume continues",
  weights: "the weights of a PyTorch program, which rqvae can load; they say nothing about their training",
};

function modelWords(path: string, inspection: Inspection): string[] {
  const { kind, bytes, config, parameters, fingerprint, version, numerics, data, from } = inspection;
  const { codebookSize, encodeBeam, hiddenDims, inputDim, latentDim } = config;
  const possible = codebookSize.reduce((product, size) => product * size, 1);
  const widths = [inputDim, ...hiddenDims, latentDim].map(thousands).join(" -> ");
  const search = encodeBeam > 1 ? `beam search of width ${encodeBeam}` : "the nearest code at each level";
  const parts = (["input", "encoder", "codebooks", "decoder"] as const).filter((part) => parameters[part] > 0);
  return [
    `${path}: ${KINDS[kind]} (${fileSize(bytes)})`,
    "",
    "Model",
    ...rows({
      encoder: `${widths}${hiddenDims.length > 0 ? `, ${config.activation === "relu" ? "ReLU" : "SiLU"}` : ", linear: residual k-means"}`,
      codes: `${codebookSize.map(thousands).join(" x ")}: ${counted(possible, "possible ID")}`,
      encoding: search,
      fields: inspection.fields?.map(fieldWords).join("; "),
      "made from":
        inspection.madeFrom &&
        `${counted(inspection.madeFrom.choices, "choice")} of ${counted(inspection.madeFrom.users, "user")}`,
      parameters: `${thousands(parameters.total)} (${parts.map((part) => `${part} ${thousands(parameters[part])}`).join(", ")})`,
      options: optionWords("model", config),
      fingerprint,
      "made by":
        [version && `rqvae ${version}`, numerics !== undefined && `numerics ${numerics}`].filter(Boolean).join(", ") +
        (version && version !== VERSION ? ` (this is rqvae ${VERSION})` : ""),
      "trained from": from && `model ${from}`,
    }),
    ...trainingWords(inspection),
    ...(data
      ? [
          "",
          "Data",
          ...rows({ items: shapeOf(data), fingerprint: data.fingerprint ?? "of the first and last 256 rows only" }),
        ]
      : []),
  ];
}

const fieldWords = ({ name, dim, weight, items, guessed }: NonNullable<Inspection["fields"]>[number]) =>
  `${name} (${counted(dim, "number")}, weight ${short(weight)}, ${counted(items, "item")} had it${guessed ? ", guessed where missing" : ""})`;

function trainingWords({ kind, progress, training, options, history, initialized, data }: Inspection): string[] {
  if (kind === "weights") return [];
  const title = ["", "Training"];
  const told = options && optionWords("train", options);
  if (progress && !history) {
    const { epoch, step, totalSteps } = progress;
    const done = `${thousands(epoch)} of ${counted(options!.epochs, "epoch")} finished, step ${thousands(step)} of ${thousands(totalSteps)}`;
    return [...title, ...rows({ progress: done, options: told })];
  }
  if (!training) {
    const how = data && initialized ? "none: the codebooks come from k-means" : "the file says nothing about it";
    return [
      ...title,
      ...rows({ training: initialized ? how : "none: the model has not seen any items", options: told }),
    ];
  }
  const ran = `${counted(training.epochs, "epoch")}, ${counted(training.steps, "step")}, ${counted(training.items, "item")}`;
  if (!history) {
    const { selectedEpoch: epoch, validationLoss: loss, uniqueShare } = training;
    return [
      ...title,
      ...rows({
        ran,
        kept: epoch < 0 ? "the start, before any training" : `epoch ${epoch + 1}`,
        "distinct IDs": percent(uniqueShare),
        "held out": loss === null ? undefined : `reconstruction loss ${short(loss)}`,
        options: told,
      }),
    ];
  }
  const { validation, epochsLeftOut, stoppedEarly, warnings } = history;
  return [
    ...title,
    ...rows({
      ran: `${ran}${stoppedEarly ? "; stopped early" : ""}`,
      kept: inCliWords(history.selectedWording),
      "held out":
        validation &&
        `${counted(validation.items, "item")}: explained variance ${percent(validation.explainedVariance)}, reconstruction loss ${short(validation.reconstructionLoss)}, ${validation.epoch < 0 ? "at the start" : `after epoch ${validation.epoch + 1}`}`,
      "left out": epochsLeftOut && `${counted(epochsLeftOut, "epoch")}, to bound the file's size`,
      options: told,
    }),
    "",
    ...historyTable(history),
    ...warnings.flatMap((warning) => ["", ...wrapped(`Warning: ${warningText(warning)}`, "  ")]),
  ];
}

/** The start, the selected epoch and the last one. */
function historyTable({ start, epochs, selectedEpoch, best }: TrainHistory): string[] {
  const header = ["", "reconstruction", "quantisation", "distinct", "held out", "explained"];
  const evaluated = ({ ids, validation }: TrainEvaluation) => [
    percent(ids.uniqueShare),
    validation ? short(validation.reconstructionLoss) : "",
    validation ? percent(validation.explainedVariance) : "",
  ];
  const table = [header];
  if (start) table.push([selectedEpoch < 0 ? "start (kept)" : "start", "", "", ...evaluated(start)]);
  const last = epochs.at(-1);
  const shown = epochs.filter(
    (record) =>
      record.epoch === selectedEpoch || record === last || record.epoch === best.loss?.epoch || record === epochs[0],
  );
  for (const record of shown) {
    const name = `epoch ${record.epoch + 1}${record.epoch === selectedEpoch ? " (kept)" : ""}`;
    table.push([name, short(record.reconstructionLoss), short(record.quantizeLoss), ...evaluated(record)]);
  }
  const isUsed = header.map((_, column) => column === 0 || table.slice(1).some((row) => row[column] !== ""));
  const widths = header.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    `  ${row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .filter((_, column) => isUsed[column])
      .join("  ")}`.trimEnd(),
  );
}

/** The options that differ from the library's defaults. */
function optionWords(of: "model" | "train", values: ModelConfig | TrainConfig): string {
  const told = new Set([
    "inputDim",
    "latentDim",
    "hiddenDims",
    "nQuantizationLayers",
    "codebookSize",
    "encodeBeam",
    "activation",
  ]);
  const differing = OPTIONS.filter((option) => option.of === of && !told.has(option.name)).flatMap(
    ({ name, default: usual }) => {
      const value = (values as unknown as Record<string, unknown>)[name];
      const all = Array.isArray(value) ? value : [value];
      const isUsual = Array.isArray(usual) ? String(usual) === String(value) : all.every((each) => each === usual);
      if (value === undefined || isUsual) return [];
      return [`${name} ${new Set(all).size === 1 ? all[0] : all.join(",")}`];
    },
  );
  return differing.length === 0 ? "defaults" : differing.join(", ");
}

function indexWords(path: string, { length }: Uint8Array, index: SemanticIdIndex): string[] {
  const { collisions, capacity, codebookSizes, compact, drift, fingerprint, journal, size } = index;
  const changes = journalFigures(index).map(({ kind, calls, items }) => {
    const times = calls === 1 ? "" : ` in ${calls} calls`;
    return `${kind} ${counted(items, "item")}${times}`;
  });
  return [
    `${path}: an index of published IDs (${fileSize(length)})`,
    "",
    "Index",
    ...rows({
      items: thousands(size),
      generation: index.generation > 1 ? index.generation : undefined,
      codes: codebookSizes.map(thousands).join(" x "),
      collisions: `${collisions}${collisions === "suffix" ? `, room for ${counted(capacity, "item")} per ID` : ""}`,
      journal: compact ? "none: the index is compact" : `${counted(journal.length, "change")}: ${changes.join(", ")}`,
      drift:
        drift?.items === 0
          ? "no item was added since the index was built"
          : drift
            ? `${thousands(drift.outside)} of ${counted(drift.items, "new item")} farther from their IDs than 99% of the catalogue was`
            : "not measured: the index was built without model and items",
      warning: drift?.warning,
      model: fingerprint ?? "not recorded",
    }),
  ];
}

/** What the journal holds, by the kinds of changes in their first order. */
function journalFigures({ journal }: SemanticIdIndex): { kind: string; calls: number; items: number }[] {
  const kinds = new Map<string, { kind: string; calls: number; items: number }>();
  for (const { kind, items } of journal) {
    const { calls, items: before } = kinds.get(kind) ?? { calls: 0, items: 0 };
    kinds.set(kind, { kind, calls: calls + 1, items: before + items });
  }
  return [...kinds.values()];
}

function indexFigures({ length }: Uint8Array, index: SemanticIdIndex): object {
  const { collisions, capacity, codebookSizes, compact, drift, fingerprint, journal, size } = index;
  return {
    ...{ kind: "index", bytes: length, items: size, codebookSizes, collisions, capacity, compact },
    ...{ generation: index.generation, changes: journal.length, journal: journalFigures(index) },
    ...(fingerprint && { fingerprint }),
    ...(drift && { drift }),
  };
}

/** Columns that the names of figures take. */
const LEFT = 16;

/** Lines of names and what is said of them. */
function rows(of: Readonly<Record<string, string | number | undefined>>): string[] {
  return Object.entries(of).flatMap(([name, said]) =>
    said === undefined || said === "" ? [] : wrapped(`  ${name.padEnd(LEFT - 2)}${said}`, " ".repeat(LEFT)),
  );
}

/** Lines no longer than the terminal's. */
function wrapped(line: string, indent: string): string[] {
  const name = line.slice(0, LEFT);
  const width = Math.min(columnsOf(process.stdout), 120);
  // Words are parted at spaces, of which the name has several.
  return wordWrap(name.replaceAll(" ", "\u00a0") + line.slice(LEFT), width, indent.replaceAll(" ", "\u00a0")).map(
    (each) => each.replaceAll("\u00a0", " "),
  );
}
