import { checkedItemIds } from "../formats/id-table.ts";
import { ID_FORMATS, idChunks, readLabels } from "../formats/index.ts";
import { RQVAE } from "../index.ts";
import { type Command, type Given, oneOf, text } from "./command.ts";
import { checkOutput, nameFile, naming, readBytes, readCatalogue } from "./files.ts";
import { interruptible } from "./interrupt.ts";
import { extrasFor, formatOf, generalOptions, labelsOption, writeIds } from "./outputs.ts";
import { jobView } from "./progress.ts";
import { plural } from "./text.ts";

export const encode: Command = {
  name: "encode",
  summary: "Gives items their semantic IDs, by a trained model.",
  positionals: ["<model>", "<items>"],
  options: {
    Options: {
      labels: labelsOption,
      output: { short: "o", value: "FILE", help: "the IDs (default: standard output)" },
      format: {
        value: "NAME",
        help: `of the IDs: ${ID_FORMATS.slice(0, 4).join(", ")},\n${ID_FORMATS.slice(4).join(", ")} (default: by the name of\n--output, else csv)`,
      },
      "item-ids": { value: "FILE", help: "the items' own IDs, text, one a line (default: row\nnumbers)" },
      ...generalOptions,
    },
  },
  notes: `<model> is what rqvae train or rqvae kmeans wrote. <items> is a table of
numbers, one row an item of the model's dimension: npy, csv, tsv, json or jsonl.
A file that you name with --output is overwritten. Titles are in csv only,
vectors of the codes in semanticids only; npy has no item IDs. What the formats
are says rqvae convert --help.

Examples:
  rqvae encode emoji.safetensors new-emoji.npy -o new-emoji.ids.csv
  rqvae encode emoji.safetensors emoji.npy --item-ids names.txt -o index.json
`,
  run,
};

async function run(given: Given): Promise<number> {
  const [modelPath, itemsPath] = given.positionals as [string, string];
  const labelsPath = text(given, "labels");
  const output = text(given, "output");
  const itemIdsPath = text(given, "item-ids");
  const format = oneOf(given, "format", ID_FORMATS) ?? formatOf(output ?? "") ?? "csv";
  const quiet = given.values.quiet === true;

  const modelBytes = await readBytes(modelPath);
  const { items, labels } = await readCatalogue(itemsPath, labelsPath);
  const itemIds = itemIdsPath === undefined ? undefined : await readItemIds(itemIdsPath, items.rows);
  if (output !== undefined) {
    const inputs = [modelPath, itemsPath, labelsPath, itemIdsPath].filter((path) => path !== undefined);
    await checkOutput(output, { overwrite: true, inputs });
  }

  const model = await RQVAE.load(modelBytes).catch((error) => {
    throw nameFile(modelPath, error);
  });
  try {
    const view = jobView(process.stderr, "Encoding");
    const watch = quiet ? {} : { onProgress: view.update };
    const ids = await interruptible((signal) => model.encodeAsync(items, { signal, ...watch }))
      .catch((error) => {
        throw nameFile(itemsPath, error);
      })
      .finally(() => quiet || view.end());
    const table = itemIds ? { ids, itemIds } : { ids };
    const extras = extrasFor(format, model, labels);
    if (output === undefined) {
      for (const chunk of idChunks(format, table, extras)) process.stdout.write(chunk);
      return 0;
    }
    await writeIds(output, table, extras, format);
    if (!quiet) process.stderr.write(`Gave ${plural(ids.length, "item")} their IDs: ${output}\n`);
    return 0;
  } finally {
    model.dispose();
  }
}

/** The items' own IDs, one for each of `rows` items. */
async function readItemIds(path: string, rows: number): Promise<string[]> {
  const content = new TextDecoder().decode(await readBytes(path));
  return naming(path, () => {
    const itemIds = readLabels(content).titles;
    checkedItemIds({ ids: { length: rows }, itemIds });
    return itemIds;
  });
}
