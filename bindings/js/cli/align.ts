import { counted, percent } from "../base/words.ts";
import { alignCodes } from "../report/align-codes.ts";
import { type Command, type Given, text, typedName, UsageError } from "./command.ts";
import { knownItems } from "./fields.ts";
import { checkRoles } from "./file-roles.ts";
import {
  checkOutput,
  loadModel,
  nameFile,
  openCatalogue,
  readBytes,
  readIdFile,
  rowNumbers,
  saveWhole,
} from "./files.ts";
import { nameOfInput } from "./inputs.ts";
import { itemOptionsWithoutLabels, readingOf } from "./item-options.ts";
import { INPUTS, notesOf, OVERWRITING_NAMED } from "./notes.ts";
import { computingOptions, MODEL_EXTENSIONS, requireExtension, requireFile } from "./outputs.ts";
import { identity, provenanceOf } from "./provenance.ts";

export const align: Command = {
  name: "align",
  summary: "Number the codes of a new model as older IDs do.",
  positionals: ["<model>", "<old-ids>", "<items>"],
  options: {
    Files: {
      ...itemOptionsWithoutLabels,
      output: { short: "o", value: "FILE", help: "the model with other numbers for its codes" },
    },
    Options: { json: { help: "print what was renamed and kept as JSON" } },
    General: computingOptions,
  },
  notes: notesOf(
    [
      `A model that was trained afresh numbers its codes by chance. <old-ids> are the
IDs to keep, in any format of rqvae convert or as an index of published IDs;
<items> are the vectors of the items for the new model, joined by item ID. The
output is the same model under the numbers that keep most items at their ID.
${INPUTS}`,
      OVERWRITING_NAMED,
    ],
    "rqvae align june.safetensors may.ids.csv june.csv -o aligned.safetensors",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const [modelPath, idsPath, itemsPath] = given.positionals as [string, string, string];
  const output = text(given, "output");
  if (output === undefined) throw new UsageError("--output is missing: name the file of the aligned model");
  const itemIdsPath = text(given, "item-ids");
  requireFile(typedName(given, "output"), output, "a model");
  requireExtension(typedName(given, "output"), output, MODEL_EXTENSIONS);
  await checkRoles([
    { as: "<model>", path: modelPath, role: "model" },
    { as: "<old-ids>", path: idsPath, role: "ids" },
    { as: "<items>", path: itemsPath, role: "items" },
    { as: "--item-ids", path: itemIdsPath, role: "titles" },
  ]);
  const inputs = [modelPath, idsPath, itemsPath, itemIdsPath].filter((path) => path !== undefined);
  await checkOutput(output, { overwrite: true, inputs });
  const modelBytes = await readBytes(modelPath);
  const old = await readIdFile(idsPath, {});
  const { items: vectors, itemIds } = await openCatalogue(itemsPath, undefined, readingOf(given));
  const model = await loadModel(modelPath, modelBytes);
  const items = await knownItems(given, model, itemsPath, vectors);
  const after = itemIds ?? rowNumbers(items.rows);
  const aligned = await alignCodes(model, old.ids, items, { itemIds: { before: old.itemIds, after } })
    .catch((error) => {
      throw nameFile(idsPath, error);
    })
    .finally(() => model.dispose());
  try {
    await saveWhole(output, () => aligned.model.save());
    const { before, after, renaming } = aligned;
    const shares = after.perDepth.map(({ depth, unchangedShare }, i) => ({
      ...{ depth, before: before.perDepth[i]!.unchangedShare, after: unchangedShare },
    }));
    if (given.values.json) {
      const figures = { items: after.items, perDepth: shares, renaming, fingerprint: aligned.model.fingerprint };
      process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
    } else if (!given.values.quiet) {
      process.stdout.write(
        `${counted(after.items, "item")} of ${nameOfInput(idsPath)} and ${nameOfInput(itemsPath)}
  unchanged by number of first codes, as the model was: ${shares.map(({ before }) => percent(before)).join(", ")}
  and with the codes renamed: ${shares.map(({ after }) => percent(after)).join(", ")}
The model is in ${output} (${identity(provenanceOf(aligned.model))})
`,
      );
    }
    return 0;
  } finally {
    aligned.model.dispose();
  }
}
