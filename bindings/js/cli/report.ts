import { invalid } from "../base/errors.ts";
import { counted } from "../base/words.ts";
import { joinItems } from "../formats/index.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import type { JoinSource } from "../items/join.ts";
import type { RQVAE } from "../model/rqvae.ts";
import { readModelFile } from "../model-file/read-model-file.ts";
import { assessIds } from "../report/assess.ts";
import { adviseCapacity } from "../report/assess-ids.ts";
import type { CapacityOptions } from "../report/capacity.ts";
import { compareIds } from "../report/compare-ids.ts";
import { reportHtml } from "../report/html.ts";
import type { IdComparison } from "../report/id-comparison.ts";
import type { IdReport } from "../report/id-report.ts";
import { hashOf } from "../runtime/hash.ts";
import { native } from "../runtime/native.ts";
import { type Command, type Given, text, typedName, UsageError, wholeNumber } from "./command.ts";
import { knownItems } from "./fields.ts";
import { checkRoles } from "./file-roles.ts";
import {
  type CatalogueItems,
  checkOutput,
  type IdFile,
  loadModel,
  nameFile,
  naming,
  openCatalogue,
  readBytes,
  readIdFile,
  rowNumbers,
  STDOUT,
  writeWhole,
} from "./files.ts";
import { baseNameOf, nameOfInput } from "./inputs.ts";
import { interruptible } from "./interrupt.ts";
import { itemOptions, readingOf } from "./item-options.ts";
import { INPUTS, notesOf, OVERWRITING_NAMED } from "./notes.ts";
import { firstRowOf, historyOptions, openHistories } from "./opened-histories.ts";
import { readOptions, someOptions } from "./options.ts";
import { computingOptions, labelsOption, requireExtension } from "./outputs.ts";
import { jobView } from "./progress.ts";
import { type Provenance, provenanceLines, provenanceOf } from "./provenance.ts";
import { columnsOf, wordWrap } from "./text.ts";
import { inCliWords, messageOf } from "./words.ts";

export const report: Command = {
  name: "report",
  summary: "Report whether semantic IDs are good, and what to do if not.",
  positionals: ["<model>", "<items>"],
  standsAlone: "capacity",
  options: {
    Files: {
      labels: { ...labelsOption, help: `${labelsOption.help};\nlabels in the JSON are compared with the codes` },
      ...itemOptions,
      ids: {
        value: "FILE",
        help: "IDs in a format of rqvae convert, or an index, joined\nby item ID; suffixes are ignored (default: the model\nencodes)",
      },
      before: {
        value: "FILE",
        help: "earlier IDs or an index, joined by item ID: the\nreport says what changed, as rqvae churn does",
      },
    },
    "What people choose": historyOptions,
    "The report": {
      baseline: { help: "also measure residual k-means and a random hash" },
      html: {
        value: "FILE",
        help: "write the report as a web page with pictures (- is\nstandard output; the text goes to standard error)",
      },
      title: { value: "TEXT", help: "heading of that page (default: the items' file name)" },
      json: { help: "print the figures as JSON" },
    },
    "Before training": {
      capacity: { value: "N", help: "without files: are the codes enough for N items?" },
      ...someOptions({
        nQuantizationLayers: "with --capacity: codes per ID (default: 3)",
        codebookSize: "with --capacity: codes of each level, 256 or 64,256,1024 (default: 256)",
      }),
    },
    General: computingOptions,
  },
  notes: notesOf(
    [
      `<model> is what rqvae train or rqvae kmeans wrote, <items> the table of numbers
that the IDs are for, in any format that rqvae train reads.
${INPUTS}
The report ends with the model's seed, fingerprint and configuration and, where
its file remembers them, the selected epoch and the figures of held-out items.`,
      OVERWRITING_NAMED,
    ],
    "rqvae report emoji.safetensors emoji.npy --labels emoji.labels.json",
    "rqvae report emoji.safetensors emoji.npy --baseline --html report.html",
    "rqvae report beauty.safetensors beauty.npy --histories beauty.inter --baseline",
    "rqvae report june.safetensors june.csv --before may.ids.csv --html june.html",
    "rqvae report --capacity 12000 --levels 3 --codes 256",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  if (given.values.capacity !== undefined) return advise(given);
  for (const name of ["levels", "codes"]) {
    if (given.values[name] !== undefined) throw new UsageError(`--${name} goes with --capacity; a model has its own`);
  }
  const [modelPath, itemsPath] = given.positionals as [string, string];
  const [labelsPath, idsPath, beforePath, html, historiesPath] = [
    ...["labels", "ids", "before", "html", "histories"],
  ].map((name) => text(given, name));
  const firstRow = firstRowOf(given);
  if (firstRow !== undefined && historiesPath === undefined) throw new UsageError("--first-row goes with --histories");
  const title = text(given, "title");
  if (html !== undefined) requireExtension("--html", html, [".html", ".htm"]);
  if (title !== undefined && html === undefined) throw new UsageError("--title goes with --html");
  if (html === STDOUT && given.values.json) {
    throw new UsageError("--json and --html - both write to standard output: name a file with --html");
  }

  await checkRoles([
    { as: "<model>", path: modelPath, role: "model" },
    { as: "<items>", path: itemsPath, role: "items" },
    { as: typedName(given, "labels"), path: labelsPath, role: "titles" },
    { as: "--item-ids", path: text(given, "item-ids"), role: "titles" },
    { as: "--ids", path: idsPath, role: "ids" },
    { as: "--before", path: beforePath, role: "ids" },
    { as: "--histories", path: historiesPath, role: "histories" },
  ]);
  if (html !== undefined) {
    const inputs = [
      modelPath,
      itemsPath,
      labelsPath,
      idsPath,
      beforePath,
      historiesPath,
      text(given, "item-ids"),
    ].filter((path) => path !== undefined);
    await checkOutput(html, { overwrite: true, inputs });
  }
  const modelBytes = await readBytes(modelPath);
  const opened = await openCatalogue(itemsPath, labelsPath, readingOf(given));
  const { labels, named, source, itemIds } = opened;
  if (itemIds && firstRow !== undefined) throw new UsageError("--first-row is for items without item IDs of their own");
  const catalogue = itemIds ? { itemIds } : { rows: opened.items.rows, firstRow: firstRow ?? 0 };
  const histories = historiesPath === undefined ? undefined : await openHistories(historiesPath, catalogue);
  if (histories && given.values.quiet !== true) {
    process.stderr.write(`${nameOfInput(historiesPath!)}: ${histories.text}\n`);
  }

  const model = await loadModel(modelPath, modelBytes);
  try {
    const items = await knownItems(given, model, itemsPath, opened.items);
    const { codebookSize: codebookSizes } = model.config;
    const read = idsPath === undefined ? undefined : await readIdFile(idsPath, {});
    const joined = read && naming(idsPath!, () => idsOfRows(read, nameOfInput(idsPath!), source, codebookSizes));
    if (joined && joined.text !== "" && given.values.quiet !== true) process.stderr.write(`${joined.text}\n`);
    const assessed = await interruptible(async (signal) => {
      const ids = joined?.ids ?? (await encodeWatched(model, items, signal, given.values.quiet === true));
      return assessIds(ids, {
        ...{ items, model, signal, baseline: given.values.baseline === true, ...named },
        ...(labels && { labels }),
        ...(histories && { histories }),
      });
    }).catch((error) => {
      throw nameFile(itemsPath, error);
    });
    const churn = beforePath === undefined ? undefined : await churnSince(beforePath, assessed.ids, itemIds);
    const module = await native();
    // The release that made the model may be another than this one.
    const { metadata } = readModelFile(modelBytes, (data) => hashOf(module, data));
    const provenance = { ...provenanceOf(model), version: metadata?.version ?? null };
    if (html !== undefined)
      await writeWhole(
        html,
        reportHtml(assessed, {
          ...{ title: title ?? baseNameOf(itemsPath), about: provenanceLines(provenance) },
          ...(churn && { churn }),
        }),
      );
    return tell(given, assessed, provenance, html, churn);
  } finally {
    model.dispose();
  }
}

/** The IDs of a file for the items of a source, without a suffix, and what is to be said about how they were joined. */
function idsOfRows(
  read: IdFile,
  path: string,
  source: JoinSource,
  codebookSizes: readonly number[],
): { ids: SemanticIds; text: string } {
  const { ids, format } = read;
  const levels = codebookSizes.length;
  if (ids.levels !== levels && ids.levels !== levels + 1) {
    throw invalid(
      "OTHER_MODEL",
    )`has IDs of ${counted(ids.levels, "code")}, but the model's have ${levels}, or ${levels + 1} with a suffix: these are the IDs of another model`;
  }
  const { rows, text } = joinIds(read, path, source);
  const codes = new Uint32Array(rows.length * levels);
  rows.forEach((row, i) => {
    codes.set(ids.codes.subarray(row * ids.levels, row * ids.levels + levels), i * levels);
  });
  const suffix =
    ids.levels > levels
      ? ` and a suffix, which tells items of one ID apart: the report is about the ${counted(levels, "code")} before it`
      : "";
  const what = format === "index" ? "published IDs of an index" : format;
  const told = `${path}: ${counted(ids.length, "ID")} of ${counted(levels, "code")} (${what})${suffix}.`;
  return {
    ids: SemanticIds.from({ codes, levels }, { codebookSizes }),
    text: [told, text].filter((line) => line !== "").join("\n"),
  };
}

function joinIds(
  { ids, itemIds, format }: IdFile,
  path: string,
  source: JoinSource,
): { rows: Int32Array; text: string } {
  const right: JoinSource = { name: path, rows: ids.length };
  const isNumbered = itemIds.every((itemId) => /^(0|[1-9]\d*)$/.test(itemId));
  const known = new Set(source.itemIds);
  // Row numbers stand where a file has no item IDs.
  const isNamed =
    format !== "npy" && !(itemIds.every((id, row) => id === String(row)) && !itemIds.some((id) => known.has(id)));
  if (source.itemIds && isNamed) right.itemIds = itemIds;
  if (!source.itemIds) {
    const all = source.rowsInFile ?? source.rows;
    if (ids.length !== source.rows && ids.length !== all) {
      throw invalid("COUNTS_DIFFER")`has ${counted(ids.length, "ID")}, but ${source.name} has ${counted(all, "row")}`;
    }
    if (!isNumbered && (format === "trie" || format === "index")) {
      throw invalid(
        "COUNTS_DIFFER",
      )`has the items in the order of their IDs, and ${source.name} has no item IDs to join them by${{ hint: "name them with --item-ids" }}`;
    }
    if (!isNumbered) right.itemIds = itemIds;
  }
  const numbers = Array.from({ length: source.rows }, (_, row) => String(source.fileRows?.[row] ?? row));
  const join =
    !source.itemIds && isNumbered
      ? joinItems({ ...source, itemIds: numbers }, { ...right, itemIds }, "ID")
      : joinItems(source, right, "ID");
  if (join.missing.length > 0) throw invalid("COUNTS_DIFFER")`${join.text}`;
  return { rows: join.rows, text: !source.itemIds && isNumbered ? "" : join.text };
}

async function encodeWatched(
  model: RQVAE,
  items: CatalogueItems,
  signal: AbortSignal,
  quiet: boolean,
): Promise<SemanticIds> {
  const view = jobView(process.stderr, "Encoding");
  const watch = quiet ? {} : { onProgress: view.update };
  return model.encodeAsync(items, { signal, ...watch }).finally(() => quiet || view.end());
}

/** What changed since the IDs of a file. */
async function churnSince(path: string, ids: SemanticIds, itemIds: string[] | undefined): Promise<IdComparison> {
  const old = await readIdFile(path, {});
  const levels = ids.levels;
  // Published IDs may have a suffix, which the report is not about.
  const codebookSizes = old.ids.codebookSizes.slice(0, levels);
  const stripped = () =>
    SemanticIds.from(
      [...old.ids].map((id) => id.slice(0, levels)),
      { codebookSizes },
    );
  const before = old.ids.levels === levels + 1 ? stripped() : old.ids;
  const after = itemIds ?? rowNumbers(ids.length);
  return naming(path, () => compareIds(before, ids, { itemIds: { before: old.itemIds, after } }));
}

function tell(
  given: Given,
  assessed: IdReport,
  provenance: Provenance,
  html: string | undefined,
  churn: IdComparison | undefined,
): number {
  if (given.values.json) {
    const { text: _, ...changes } = churn ?? {};
    const figures = { ...assessed, ...(churn && { churn: changes }), model: provenance };
    process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
  }
  if (given.values.quiet) return 0;
  const stream = html === STDOUT ? process.stderr : process.stdout;
  if (!given.values.json) {
    const lines = ["The model:", ...provenanceLines(provenance).map((line) => `  ${line}`)];
    const changed = churn ? `\n\nSince the earlier IDs:\n${churn.text}` : "";
    stream.write(`${wrapped(`${assessed.textIn(inCliWords)}${changed}\n\n${lines.join("\n")}`)}\n`);
  }
  if (html !== undefined && html !== STDOUT) process.stderr.write(`The page is in ${html}\n`);
  return 0;
}

async function advise(given: Given): Promise<number> {
  for (const name of ["labels", "ids", "before", "histories", "baseline", "html", "title"]) {
    if (given.values[name] !== undefined) {
      throw new UsageError(`--${name} and --capacity do not go together: nothing is read before training`);
    }
  }
  const n = wholeNumber(given, "capacity")!;
  const options: CapacityOptions = readOptions(given).model;
  const advice = await adviseCapacity(n, options).catch((error: Error) => {
    throw new UsageError(messageOf(error));
  });
  process.stdout.write(`${given.values.json ? JSON.stringify(advice, undefined, 2) : wrapped(advice.text)}\n`);
  return 0;
}

/** Lines no longer than the terminal's; what is broken stays indented. */
function wrapped(lines: string): string {
  return lines
    .split("\n")
    .flatMap((line) => {
      const indent = " ".repeat(line.length - line.trimStart().length);
      const width = Math.min(columnsOf(process.stdout), 120) - indent.length;
      const bound = line.trimStart().replaceAll(" %", "\u00a0%"); // a number keeps its sign
      return wordWrap(bound, width, "  ").map((each) => (indent + each).trimEnd().replaceAll("\u00a0%", " %"));
    })
    .join("\n");
}
