import { counted } from "../base/words.ts";
import { ID_FORMATS } from "../formats/ids/id-formats.ts";
import { writeIdShard } from "../formats/index.ts";
import { inWhole } from "../items/items.ts";
import { labelsOf } from "../items/labels.ts";
import type { JobOptions } from "../types.ts";
import { type Command, type Given, oneOf, text, typedName, UsageError } from "./command.ts";
import { fieldOption, itemsForModel, namedFiles } from "./fields.ts";
import { checkRoles } from "./file-roles.ts";
import { checkOutput, loadModel, nameFile, openCatalogue, readBytes, STDOUT, saveWhole } from "./files.ts";
import { nameOfInput } from "./inputs.ts";
import { interruptible } from "./interrupt.ts";
import { ITEM_FILES, itemOptions, readingOf } from "./item-options.ts";
import { latentsOption, vectorFormatOf, writeLatents } from "./latents.ts";
import { INPUTS, notesOf, OVERWRITING_NAMED } from "./notes.ts";
import { computingOptions, extrasFor, idFormatOf, labelsOption, writeAll, writeIds } from "./outputs.ts";
import { jobView } from "./progress.ts";
import { identity, provenanceOf } from "./provenance.ts";
import { checkPublishing, publishIds, publishingOptions, readPublishing, writeIndex } from "./publishing.ts";
import { rangeOptions, readRange, rowsOf } from "./row-range.ts";

export const encode: Command = {
  name: "encode",
  summary: "Give items their semantic IDs with a trained model.",
  positionals: ["<model>", "<items>"],
  options: {
    Files: {
      labels: labelsOption,
      ...itemOptions,
      field: {
        ...fieldOption,
        help: "other fields of a model that has several, such as\nimage=images.npy; what is left out is missing",
      },
      output: { short: "o", value: "FILE", help: "the IDs (default, or -: standard output)" },
      format: {
        value: "NAME",
        help: `of the IDs: ${ID_FORMATS.slice(0, 4).join(", ")},\n${ID_FORMATS.slice(4).join(", ")} (default: by the name of\n--output, else csv; for a part of the items: shard)`,
      },
      latents: latentsOption,
    },
    "Published IDs": publishingOptions,
    "A part of the items": rangeOptions,
    General: computingOptions,
  },
  notes: notesOf(
    [
      `<model> is what rqvae train or rqvae kmeans wrote. <items> is a table of
numbers, one row per item, as wide as the model's: ${ITEM_FILES}.
${INPUTS}
rqvae convert --help describes the formats of IDs. Only csv and parquet have
titles, only semanticids has the codes' vectors, and npy has no item IDs.`,
      `Of a model of several fields (rqvae inspect shows them), <items> is the first
one, such as content, and --field gives the others, joined by item ID. The field
behaviour is guessed. Or <items> is what rqvae fuse --like MODEL made, with all.`,
      `With --collisions, the IDs are published ones. An index that exists
already is not read: new items are added to one by SemanticIdIndex.add.
Reassigning needs all vectors in memory, suffixes do not.`,
      `With --shard or --rows, an output without an extension, or --format shard, is a
shard for rqvae merge: the IDs with their place in the catalogue and the items'
own IDs. It appears under its name only when it is whole, and a rerun writes the
same bytes. Of items at a URL, only the rows that are needed are fetched.`,
      OVERWRITING_NAMED,
    ],
    "rqvae encode emoji.safetensors new-emoji.npy -o new-emoji.ids.csv",
    "rqvae encode emoji.safetensors emoji.npy --collisions suffix -o unique.csv",
    "rqvae encode emoji.safetensors emoji.npy --format jsonl | head",
    "rqvae encode emoji.safetensors emoji.npy --shard 1/4 -o emoji.1.shard",
    "rqvae encode emoji.safetensors emoji.npy --item-ids names.txt -o index.json",
    "rqvae encode emoji.safetensors emoji.npy -o ids.csv --latents latents.parquet",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const [modelPath, itemsPath] = given.positionals as [string, string];
  const labelsPath = text(given, "labels");
  const output = text(given, "output") ?? STDOUT;
  const itemIdsPath = text(given, "item-ids");
  const latentsPath = text(given, "latents");
  if (latentsPath !== undefined) vectorFormatOf(latentsPath, "latents");
  if (latentsPath !== undefined && latentsPath === output) {
    throw new UsageError(`${typedName(given, "output")} and --latents are the same file, ${output}`);
  }
  const range = readRange(given);
  const named = oneOf(given, "format", [...ID_FORMATS, "shard"] as const);
  // Without a name, whoever asks for a binary format sends it on.
  const asked =
    given.values.output === undefined
      ? named
      : idFormatOf(typedName(given, "output"), output, named, "--format", range && [".shard"]);
  const format = asked ?? (range && output !== STDOUT ? "shard" : "csv");
  if (format === "shard" && labelsPath !== undefined) {
    throw new UsageError("--labels is for rqvae merge: a shard has item IDs, but no titles");
  }
  const quiet = given.values.quiet === true;
  const publishing = readPublishing(given);
  const indexPath = publishing?.indexPath;
  if (publishing && range) {
    throw new UsageError(
      "--collisions and --index need all items, which a part of them does not know: encode the parts, then rqvae merge",
    );
  }
  for (const [name, path] of [
    ["output", output],
    ["latents", latentsPath],
  ] as const) {
    if (indexPath !== undefined && path === indexPath) {
      throw new UsageError(`${typedName(given, name)} and --index are the same file, ${indexPath}`);
    }
  }

  await checkRoles([
    { as: "<model>", path: modelPath, role: "model" },
    { as: "<items>", path: itemsPath, role: "items", isPartial: range !== undefined },
    { as: typedName(given, "labels"), path: labelsPath, role: "titles" },
    { as: "--item-ids", path: itemIdsPath, role: "titles" },
    ...namedFiles(given).map(({ name, path }) => ({ as: `--field ${name}`, path, role: "items" as const })),
  ]);
  const fieldPaths = namedFiles(given).map(({ path }) => path);
  const inputs = [modelPath, itemsPath, labelsPath, itemIdsPath, ...fieldPaths].filter((path) => path !== undefined);
  for (const path of [output, latentsPath, indexPath]) {
    if (path !== undefined) await checkOutput(path, { overwrite: true, inputs });
  }
  const modelBytes = await readBytes(modelPath);
  const catalogue = await openCatalogue(itemsPath, labelsPath, readingOf(given), range !== undefined);
  const { rows } = catalogue.items;
  const chosen = range?.(rows) ?? { first: 0, count: rows };
  const labels = catalogue.labels && labelsOf(catalogue.labels, chosen.first, chosen.count);
  const own = catalogue.itemIds?.slice(chosen.first, chosen.first + chosen.count);
  // Of a part, the row numbers in the whole.
  const numbers = () => Array.from({ length: chosen.count }, (_, row) => chosen.first + row);
  const itemIds = own ?? (range && numbers());
  const catalogued = { items: catalogue.items, rows, itemIds, labels };
  checkPublishing(publishing, catalogued, nameOfInput(itemsPath));

  const model = await loadModel(modelPath, modelBytes);
  try {
    if (range && model.fields && namedFiles(given).length > 0) {
      throw new UsageError(
        "--field needs all items, not a part of them: rqvae fuse --like MODEL, then encode its parts",
      );
    }
    const all = await itemsForModel(given, model, itemsPath, catalogue);
    catalogued.items = all;
    const items = rowsOf(all, chosen);
    /** Runs a long call that can be interrupted, with its progress shown. */
    const watched = <T>(
      title: string,
      call: (options: JobOptions & { signal: AbortSignal }) => Promise<T>,
    ): Promise<T> => {
      const view = jobView(process.stderr, title);
      return interruptible((signal) => call(quiet ? { signal } : { signal, onProgress: view.update }))
        .catch((error) => {
          throw nameFile(
            itemsPath,
            inWhole(error, (row) => chosen.first + row),
          );
        })
        .finally(() => quiet || view.end());
    };
    const ids = await watched("Encoding", (options) => model.encodeAsync(items, options));
    if (latentsPath !== undefined) {
      await watched("Writing latents", (options) => writeLatents(latentsPath, model, items, itemIds, options));
    }
    if (format === "shard") {
      const shard = writeIdShard({ ids, first: chosen.first, rows, ...(own && { itemIds: own }) });
      await saveWhole(output, () => shard);
    } else {
      const made = publishing && (await publishIds(publishing, model, ids, catalogued));
      if (made && made.text !== "" && !quiet) process.stderr.write(`${made.text}\n`);
      const table = { ids: made?.ids ?? ids, ...(itemIds && { itemIds }) };
      await writeAll(
        () => writeIds(output, table, extrasFor(format, model, labels, table.ids), format),
        async () => {
          if (indexPath !== undefined) await writeIndex(indexPath, made!.index);
        },
      );
    }
    if (!quiet && output !== STDOUT) {
      process.stderr.write(
        `Gave ${counted(ids.length, "item")} their IDs: ${output}${indexPath === undefined ? "" : `, ${indexPath}`} (${identity(provenanceOf(model))})\n`,
      );
    }
    return 0;
  } finally {
    model.dispose();
  }
}
