import { compareIds } from "../report/compare-ids.ts";
import type { Command, Given } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import { nameFile, readIdFile } from "./files.ts";
import { requireOneStdin } from "./inputs.ts";
import { INPUTS, notesOf } from "./notes.ts";
import { generalOptions } from "./outputs.ts";

export const churn: Command = {
  name: "churn",
  summary: "Say what changed between two files of IDs, as after a new training.",
  positionals: ["<old>", "<new>"],
  options: {
    Options: { json: { help: "print everything as JSON, with every item that moved" } },
    General: generalOptions,
  },
  notes: notesOf(
    [
      `<old> and <new> are IDs in any format of rqvae convert. Items are joined by
their IDs; those of one file only are counted as added or removed.
${INPUTS}
A new model numbers its codes by chance. The shares after the best renaming of
codes say how many items are still in the same groups, whatever they are called.`,
    ],
    "rqvae churn may.ids.csv june.ids.csv",
    "rqvae churn may.ids.csv june.ids.csv --json > churn.json",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const [before, after] = given.positionals as [string, string];
  requireOneStdin([before, after]);
  await checkRoles([
    { as: "<old>", path: before, role: "ids" },
    { as: "<new>", path: after, role: "ids" },
  ]);
  const [old, young] = [await readIdFile(before, {}), await readIdFile(after, {})];
  let compared: ReturnType<typeof compareIds>;
  try {
    compared = compareIds(old.ids, young.ids, { itemIds: { before: old.itemIds, after: young.itemIds } });
  } catch (error) {
    throw nameFile(after, error);
  }
  if (given.values.json) {
    const { text: _, ...figures } = compared;
    process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
  } else if (!given.values.quiet) process.stdout.write(`${compared.text}\n`);
  return 0;
}
