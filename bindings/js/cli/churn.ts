import { MAP_FORMATS } from "../formats/ids/id-map.ts";
import { writeIdMap } from "../formats/index.ts";
import { compareIds } from "../report/compare-ids.ts";
import { type Command, type Given, text, typedName, UsageError } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import { checkOutput, nameFile, nameOfOutput, readIdFile, STDOUT } from "./files.ts";
import { requireOneStdin } from "./inputs.ts";
import { INPUTS, notesOf, OVERWRITING_NAMED } from "./notes.ts";
import { generalOptions, idFormatOf, writeCounted } from "./outputs.ts";

export const churn: Command = {
  name: "churn",
  summary: "Say what changed between two files of IDs, as after a new training.",
  positionals: ["<old>", "<new>"],
  options: {
    Options: {
      output: {
        short: "o",
        value: "FILE",
        help: "a map from old to new, one row per item, by its\nextension: csv, jsonl, json, item or parquet",
      },
      json: { help: "print everything as JSON, with every item that moved" },
    },
    General: generalOptions,
  },
  notes: notesOf(
    [
      `<old> and <new> are IDs in any format of rqvae convert, or indexes of published
IDs. Items are joined by their IDs; those of one file only are counted as added
or removed.
${INPUTS}
A new model numbers its codes by chance. The shares after the best renaming of
codes say how many items are still in the same groups, whatever they are called;
rqvae align renames them so.`,
      OVERWRITING_NAMED,
    ],
    "rqvae churn may.ids.csv june.ids.csv",
    "rqvae churn may.ids.csv june.ids.csv --json > churn.json",
    "rqvae churn may.index june.index -o may-to-june.csv",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const [before, after] = given.positionals as [string, string];
  const output = text(given, "output");
  const format = output === undefined ? undefined : (idFormatOf(typedName(given, "output"), output) ?? "csv");
  if (format && !(MAP_FORMATS as readonly string[]).includes(format)) {
    throw new UsageError(
      `${typedName(given, "output")} ${output}: ${format} has no room for two IDs; use .csv, .jsonl, .json, .item or .parquet`,
    );
  }
  if (output === STDOUT && given.values.json) {
    throw new UsageError("--json and --output - both write to standard output: name a file with --output");
  }
  requireOneStdin([before, after]);
  await checkRoles([
    { as: "<old>", path: before, role: "ids" },
    { as: "<new>", path: after, role: "ids" },
  ]);
  if (output !== undefined) await checkOutput(output, { overwrite: true, inputs: [before, after] });
  const [old, young] = [await readIdFile(before, {}), await readIdFile(after, {})];
  let compared: ReturnType<typeof compareIds>;
  try {
    compared = compareIds(old.ids, young.ids, { itemIds: { before: old.itemIds, after: young.itemIds } });
  } catch (error) {
    throw nameFile(after, error);
  }
  if (output !== undefined) await writeCounted(output, () => writeIdMap(format!, old, young));
  if (given.values.json) {
    const { text: _, ...figures } = compared;
    process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
  } else if (!given.values.quiet) {
    const stream = output === STDOUT ? process.stderr : process.stdout;
    stream.write(`${compared.text}\n`);
    if (output !== undefined && output !== STDOUT)
      stream.write(`The map from old to new is in ${nameOfOutput(output)}\n`);
  }
  return 0;
}
