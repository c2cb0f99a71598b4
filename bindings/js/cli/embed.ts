import { counted, thousands } from "../base/words.ts";
import { writeNpy } from "../formats/arrays/npy.ts";
import { type Command, type Given, oneOf, text, typedName, UsageError, wholeNumber } from "./command.ts";
import { checkOutput, FileError, readBytes, writeWhole } from "./files.ts";
import { baseNameOf, isLocal, nameOfInput, STDIN } from "./inputs.ts";
import { interruptible } from "./interrupt.ts";
import { INPUTS, notesOf, OVERWRITING } from "./notes.ts";
import { generalOptions, requireExtension, requireFile } from "./outputs.ts";
import { programName } from "./program-name.ts";
import { jobView } from "./progress.ts";
import { shellWord } from "./text.ts";
import { DTYPES, loadTextModel, POOLINGS, type TextModel } from "./text-model.ts";
import { readTextTable, type TextTable } from "./text-table.ts";
import { loadWordModel, WORDS } from "./word-model.ts";

const BATCH = 32;

export const embed: Command = {
  name: "embed",
  summary: "Make embeddings of the items' text with a language model.",
  positionals: ["<table>"],
  options: {
    "The text": {
      text: { short: "t", value: "COLUMNS", help: "the columns to embed, together: title,text" },
      titles: { value: "COLUMN", help: "the items' titles (default: the first of --text)" },
      keep: { value: "COLUMNS", help: "columns that are kept as labels" },
      prefix: { value: "TEXT", help: 'before every text, where the model wants one:\n"passage: "' },
    },
    "The language model": {
      model: {
        short: "m",
        value: "NAME",
        help: `a folder with the model, its name on\nhuggingface.co, or ${WORDS}`,
      },
      words: { value: "FILE", help: `the word vectors of --model ${WORDS}` },
      pooling: { value: "NAME", help: "mean (default) or cls" },
      dtype: { value: "NAME", help: `of the weights: ${DTYPES.join(", ")}\n(default: fp32)` },
      batch: { value: "N", help: `texts per step (default: ${BATCH})` },
      offline: { help: "fetch nothing; the model must be there already" },
    },
    Files: {
      output: { short: "o", value: "FILE", help: "the embeddings (default: <table>.npy)" },
      force: { short: "f", help: "overwrite default outputs that exist already" },
    },
    General: generalOptions,
  },
  notes: notesOf(
    [
      `<table> is csv, tsv, json, jsonl or an .item file with a header. The embeddings
have unit length, one row per item. The titles go into a file next to them,
items.labels.json for items.npy, which rqvae train --labels reads.
${INPUTS}`,
      OVERWRITING,
      `--model ${WORDS} takes averages of word vectors: no other package, no download,
and neighbours that are nearly as good as those of a small language model. The
repository has a table of 50,000 English words,
examples/data/words/glove-50k.safetensors.`,
      `For other models, rqvae embed needs the package @huggingface/transformers, which
you install yourself. Two environment variables: HF_ENDPOINT names another hub
or mirror to fetch models from, HF_HOME a folder to keep them in (default: the
package's).`,
    ],
    "rqvae embed items.csv --text title,description \\",
    "  --model Xenova/all-MiniLM-L6-v2 -o items.npy",
    "rqvae train items.npy --labels items.labels.json",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const tablePath = given.positionals[0] as string;
  const model = text(given, "model");
  if (model === undefined)
    throw new UsageError(
      `--model is missing: a folder, a name such as Xenova/all-MiniLM-L6-v2, or ${WORDS} with --words FILE`,
    );
  const isWords = model === WORDS;
  for (const name of isWords ? ["pooling", "dtype", "offline"] : ["words"]) {
    if (given.values[name] === undefined) continue;
    throw new UsageError(
      isWords
        ? `--${name} is for language models: leave it out with --model ${WORDS}`
        : `--words is the file of --model ${WORDS}: leave it out, or give --model ${WORDS}`,
    );
  }
  const textColumns = names(text(given, "text"));
  if (textColumns.length === 0)
    throw new UsageError("--text is missing: the columns to embed, such as title,description");
  if (tablePath === STDIN && given.values.output === undefined) {
    throw new UsageError("--output FILE is missing: standard input has no name to make one of");
  }
  const tableName = isLocal(tablePath) ? tablePath : baseNameOf(tablePath);
  const output = text(given, "output") ?? `${tableName.replace(/\.\w+$/, "")}.npy`;
  requireFile(typedName(given, "output"), output, "npy");
  requireExtension(typedName(given, "output"), output, [".npy"]);
  const labelsPath = `${output.replace(/\.npy$/, "")}.labels.json`;
  const batch = wholeNumber(given, "batch") ?? BATCH;
  const pooling = oneOf(given, "pooling", POOLINGS) ?? "mean";
  const dtype = oneOf(given, "dtype", DTYPES) ?? "fp32";
  const quiet = given.values.quiet === true;

  const force = given.values.force === true;
  await checkOutput(output, { overwrite: force || given.values.output !== undefined, inputs: [tablePath] });
  await checkOutput(labelsPath, { overwrite: force, inputs: [tablePath] });

  const table = readTextTable(nameOfInput(tablePath), await readBytes(tablePath));
  const column = columnOf(table, nameOfInput(tablePath));
  const texts = textsOf(
    table,
    nameOfInput(tablePath),
    textColumns.map(column),
    textColumns,
    text(given, "prefix") ?? "",
  );
  const titles = cells(table, column(text(given, "titles") ?? textColumns[0]!));
  const kept = names(text(given, "keep")).map((name) => [name, cells(table, column(name))] as const);
  const labels = { titles, ...(kept.length > 0 && { labels: Object.fromEntries(kept) }) };

  const fetching = jobView(process.stderr, "Fetching the model");
  const onFetch = (progress: number) => fetching.update({ phase: "encode", progress });
  const words = isWords ? await loadWordModel(text(given, "words"), texts) : undefined;
  const loaded =
    words ??
    (await loadTextModel({
      model,
      dtype,
      pooling,
      offline: given.values.offline === true,
      ...(!quiet && { onFetch }),
    }).finally(() => quiet || fetching.end()));
  try {
    const view = jobView(process.stderr, "Embedding");
    const items = await interruptible(
      (signal) =>
        embedAll(loaded, texts, batch, signal, (progress) => quiet || view.update({ phase: "encode", progress })),
      () => view.tell("Stopping after this batch. A second Ctrl-C ends at once."),
    ).finally(() => quiet || view.end());
    await writeWhole(output, writeNpy(items));
    await writeWhole(labelsPath, `${JSON.stringify(labels)}\n`);
    if (quiet) return 0;
    process.stderr.write(
      `Embedded ${counted(items.rows, "item")} in ${counted(items.dim, "dimension")}: ${output}, titles in ${labelsPath}.\n${words ? `${words.about}\n` : ""}Next: ${programName()} train ${shellWord(output)} --labels ${shellWord(labelsPath)}\n`,
    );
    return 0;
  } finally {
    await loaded.dispose();
  }
}

/** All texts, a batch at a time. @throws the signal's reason between two batches. */
async function embedAll(
  model: TextModel,
  texts: readonly string[],
  batch: number,
  signal: AbortSignal,
  onProgress: (share: number) => void,
): Promise<{ data: Float32Array; rows: number; dim: number }> {
  const rows = texts.length;
  let all: { data: Float32Array; rows: number; dim: number } | undefined;
  for (let first = 0; first < rows; first += batch) {
    signal.throwIfAborted();
    const { data, dim } = await model.embed(texts.slice(first, first + batch));
    const bad = data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new FileError(`the model gives ${data[bad]} for row ${first + Math.floor(bad / dim)}`);
    all ??= { data: new Float32Array(rows * dim), rows, dim };
    all.data.set(data, first * dim);
    onProgress(Math.min(1, (first + batch) / rows));
    await new Promise(setImmediate); // Ctrl-C gets its turn
  }
  return all!;
}

const names = (list: string | undefined): string[] =>
  (list ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

const cells = ({ rows }: TextTable, column: number): string[] => rows.map((row) => row[column]!);

function columnOf({ columns }: TextTable, path: string): (name: string) => number {
  return (name) => {
    const column = columns.indexOf(name);
    if (column >= 0) return column;
    const known = columns.slice(0, 12).map((each) => `"${each}"`);
    throw new FileError(
      `${path}: has no column "${name}"; its columns are ${known.join(", ")}${columns.length > 12 ? ", ..." : ""}`,
    );
  };
}

/** What is embedded of each row: its cells that are not empty, one behind the other. */
function textsOf(
  { rows }: TextTable,
  path: string,
  columns: number[],
  columnNames: string[],
  prefix: string,
): string[] {
  const texts = rows.map((row) =>
    columns
      .map((column) => row[column]!.trim())
      .filter((cell) => cell !== "")
      .join("\n"),
  );
  const empty = texts.flatMap((each, row) => (each === "" ? [row] : []));
  if (empty.length > 0) {
    throw new FileError(
      `${path}: row ${empty[0]}${empty.length > 1 ? ` and ${thousands(empty.length - 1)} more have` : " has"} no text in ${columnNames.join(", ")}: remove such rows, or name more columns`,
    );
  }
  return texts.map((each) => prefix + each);
}
