import { idsCsvChunks } from "../formats/index.ts";
import { RQVAE } from "../index.ts";
import { type Command, type Given, text } from "./command.ts";
import { checkOutput, nameFile, readBytes, readCatalogue } from "./files.ts";
import { interruptible } from "./interrupt.ts";
import { generalOptions, labelsOption, writeIds } from "./outputs.ts";
import { jobView } from "./progress.ts";
import { plural } from "./text.ts";

export const encode: Command = {
  name: "encode",
  summary: "Gives items their semantic IDs, by a trained model.",
  positionals: ["<model>", "<items>"],
  options: {
    Options: {
      labels: labelsOption,
      output: { short: "o", value: "FILE", help: "the IDs as CSV (default: standard output)" },
      ...generalOptions,
    },
  },
  notes: `<model> is what rqvae train or rqvae kmeans wrote. <items> is a table of
numbers, one row an item of the model's dimension: npy, csv, tsv, json or jsonl.
A file that you name with --output is overwritten.

Example:
  rqvae encode emoji.safetensors new-emoji.npy -o new-emoji.ids.csv
`,
  run,
};

async function run(given: Given): Promise<number> {
  const [modelPath, itemsPath] = given.positionals as [string, string];
  const labelsPath = text(given, "labels");
  const output = text(given, "output");
  const quiet = given.values.quiet === true;

  const modelBytes = await readBytes(modelPath);
  const { items, labels } = await readCatalogue(itemsPath, labelsPath);
  if (output !== undefined) {
    const inputs = [modelPath, itemsPath, ...(labelsPath === undefined ? [] : [labelsPath])];
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
    if (output === undefined) {
      for (const chunk of idsCsvChunks(ids, labels)) process.stdout.write(chunk);
      return 0;
    }
    await writeIds(output, ids, labels);
    if (!quiet) process.stderr.write(`Gave ${plural(ids.length, "item")} their IDs: ${output}\n`);
    return 0;
  } finally {
    model.dispose();
  }
}
