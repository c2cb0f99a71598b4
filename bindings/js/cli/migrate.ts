import { counted, thousands } from "../base/words.ts";
import { type Command, type Given, number, oneOf, text, typedName, UsageError } from "./command.ts";
import { knownItems } from "./fields.ts";
import { checkRoles } from "./file-roles.ts";
import {
  checkOutput,
  loadModel,
  nameFile,
  readBytes,
  readCatalogue,
  readIndex,
  rowNumbers,
  saveWhole,
} from "./files.ts";
import { itemOptionsWithoutLabels, readingOf } from "./item-options.ts";
import { INPUTS, notesOf, OVERWRITING_NAMED } from "./notes.ts";
import { computingOptions, requireFile } from "./outputs.ts";

export const migrate: Command = {
  name: "migrate",
  summary: "Make the next generation of an index for a new model.",
  positionals: ["<index>", "<model>", "<items>"],
  options: {
    Files: {
      ...itemOptionsWithoutLabels,
      output: { short: "o", value: "FILE", help: "the index of the next generation" },
    },
    Options: {
      keep: {
        value: "SHARE",
        help: "how much worse than the best a published ID may be\nfor its item to keep it (default: 0.1, that is 10%)",
      },
      missing: {
        value: "WHAT",
        choices: ["keep", "remove"],
        help: "items of the index that <items> lacks: keep or\nremove them (default: an error)",
      },
      json: { help: "print what was done as JSON" },
    },
    General: computingOptions,
  },
  notes: notesOf(
    [
      `<index> is an index of published IDs (SemanticIdIndex.save), <model> the new
model: trained from the old one, or aligned by rqvae align. <items> are the
vectors of all items for the new model, joined by item ID; new ones are added.
${INPUTS}
The new index knows the IDs of the earlier generations. The old one is not
changed. The output appears under its name only when it is whole.`,
      OVERWRITING_NAMED,
    ],
    "rqvae migrate may.index june.safetensors june.csv -o june.index",
    "rqvae churn may.index june.index -o may-to-june.csv",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const [indexPath, modelPath, itemsPath] = given.positionals as [string, string, string];
  const output = text(given, "output");
  if (output === undefined) throw new UsageError("--output is missing: name the file of the new index");
  requireFile(typedName(given, "output"), output, "an index");
  const keep = number(given, "keep");
  const missing = oneOf(given, "missing", ["keep", "remove"] as const);
  const itemIdsPath = text(given, "item-ids");
  await checkRoles([
    { as: "<index>", path: indexPath, role: "index" },
    { as: "<model>", path: modelPath, role: "model" },
    { as: "<items>", path: itemsPath, role: "items" },
    { as: "--item-ids", path: itemIdsPath, role: "titles" },
  ]);
  const inputs = [indexPath, modelPath, itemsPath, itemIdsPath].filter((path) => path !== undefined);
  await checkOutput(output, { overwrite: true, inputs });
  const index = await readIndex(indexPath, await readBytes(indexPath));
  const modelBytes = await readBytes(modelPath);
  const { items: vectors, itemIds } = await readCatalogue(itemsPath, undefined, readingOf(given));
  const model = await loadModel(modelPath, modelBytes);
  try {
    const items = await knownItems(given, model, itemsPath, vectors);
    // Item IDs of a file are text; those of the index may be numbers.
    const known = new Map(index.items([]).map((itemId) => [String(itemId), itemId]));
    const names = itemIds ?? rowNumbers(items.rows);
    const { index: next, ...counts } = await index
      .migrate(
        model,
        names.map((name) => known.get(name) ?? name),
        items,
        {
          ...(keep === undefined ? {} : { keep }),
          ...(missing === undefined ? {} : { missing }),
        },
      )
      .catch((error) => {
        throw nameFile(itemsPath, error);
      });
    const bytes = next.save();
    await saveWhole(output, () => bytes);
    const { unchanged, kept, moved, added, removed } = counts;
    if (given.values.json) {
      process.stdout.write(`${JSON.stringify({ generation: next.generation, ...counts }, undefined, 2)}\n`);
    } else if (!given.values.quiet) {
      process.stdout.write(
        `${counted(unchanged, "item")} keep their ID, ${thousands(kept)} of them although the model prefers another; ${thousands(moved)} moved, ${thousands(added)} added, ${thousands(removed)} removed
${
  2 * moved > unchanged + moved
    ? `Most items moved. To keep the IDs of a new model, train it with --from, or rename its codes with rqvae align.
`
    : ""
}Generation ${next.generation} is in ${output}
`,
      );
    }
    return 0;
  } finally {
    model.dispose();
  }
}
