import { basename } from "node:path";
import { evaluateIds } from "../evaluate/evaluate-ids.ts";
import { EVALUATION_FORMATS, evaluationTable } from "../evaluate/evaluation-text.ts";
import { itemsOfSets, type NamedIds } from "../evaluate/join-sets.ts";
import type { FieldLayout } from "../items/fields.ts";
import { RQVAE } from "../model/rqvae.ts";
import { type Command, type Given, number, oneOf, text, UsageError } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import { exists, type IdFile, readBytes, readIdFile } from "./files.ts";
import { isLocal, nameOfInput } from "./inputs.ts";
import { interruptible } from "./interrupt.ts";
import { INPUTS, notesOf } from "./notes.ts";
import { firstRowOf, historyOptions, openHistories } from "./opened-histories.ts";
import { generalOptions } from "./outputs.ts";
import { requireShare } from "./sweep-settings.ts";

export const evaluate: Command = {
  name: "evaluate",
  summary: "Say what IDs are worth for recommendation, by what users chose.",
  positionals: ["<ids>..."],
  options: {
    "What people choose": historyOptions,
    Options: {
      "held-out": {
        value: "X",
        help: "share of the choices that the split in time holds\nout, above 0 to 0.5 (default: 0.2)",
      },
      format: {
        value: "NAME",
        choices: EVALUATION_FORMATS,
        help: "form of the result: text (default), markdown, latex or\njson",
      },
    },
    General: generalOptions,
  },
  notes: notesOf(
    [
      `<ids> are files of IDs in any format of rqvae convert, each by the name of its
file, or by another: name=FILE. Seeds of one method are one set:
name=FILE,FILE,FILE. Items are joined by item ID; those that are not in all
files are left out, and counted. --histories is required.
${INPUTS}`,
      `The models only count, so they are not trained: popularity, item bigrams, the
item graph, and what came after items whose IDs begin with the same codes: by
your IDs, by the same IDs shuffled, and by random ones. They recommend the last
choice of each user (leave-one-out), and what was chosen after a point in time.`,
      `A model that was trained with --histories knows what it was made of. Where it is
next to its IDs (shop.safetensors for shop.ids.csv), you are warned if that was
what is to be found here.`,
    ],
    "rqvae evaluate fit.ids.csv kmeans.ids.csv --histories beauty.inter",
    "rqvae evaluate fit=a.csv,b.csv,c.csv kmeans=k.csv --histories beauty.inter \\\n    --format latex",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const path = text(given, "histories");
  if (path === undefined) throw new UsageError("--histories is missing: name the file of what users chose");
  const firstRow = firstRowOf(given);
  if (["last", "time", "both"].includes(text(given, "held-out") ?? "")) {
    throw new UsageError(
      "--held-out is a share here, such as 0.2; last, time and both are for rqvae train and rqvae fuse",
    );
  }
  const share = number(given, "held-out");
  const heldOut = share === undefined ? {} : { heldOut: requireShare(share, "held-out") };
  const format = oneOf(given, "format", EVALUATION_FORMATS) ?? "text";
  const named = namesOf(given.positionals);
  await checkRoles([
    ...named.flatMap(({ files }) => files.map((file) => ({ as: "<ids>", path: file, role: "ids" as const }))),
    { as: "--histories", path, role: "histories" },
  ]);
  const sets: (NamedIds & { seeds: IdFile[] })[] = [];
  for (const { name, files } of named) {
    const seeds: IdFile[] = [];
    for (const file of files) seeds.push({ ...(await readIdFile(file, {})), ...(await fieldsBeside(file)) });
    sets.push({ name, seeds });
  }
  const { itemIds, areRows } = itemsOfSets(sets);
  if (firstRow !== undefined && !areRows) {
    throw new UsageError("--first-row is for IDs whose items are the row numbers from 0 on");
  }
  // A number beyond the last row is refused then: counting may start at 1 there.
  const catalogue = areRows ? { rows: itemIds.length, firstRow: firstRow ?? 0 } : { itemIds };
  const histories = await openHistories(path, catalogue);
  if (given.values.quiet !== true) process.stderr.write(`${nameOfInput(path)}: ${histories.text}\n`);
  const evaluation = await interruptible((signal) =>
    evaluateIds(Object.fromEntries(sets.map(({ name, seeds }) => [name, seeds])), {
      ...{ histories, itemIds, signal, ...heldOut },
    }),
  );
  process.stdout.write(evaluationTable(evaluation, format));
  return 0;
}

/** The fields of the model beside a file of IDs, which made them if it has their name: shop.safetensors for shop.ids.csv. */
async function fieldsBeside(path: string): Promise<{ fields?: FieldLayout }> {
  const beside = `${path.replace(/(\.ids)?\.\w+$/, "")}.safetensors`;
  if (!isLocal(path) || beside === path || !(await exists(beside))) return {};
  const model = await RQVAE.load(await readBytes(beside)).catch(() => undefined); // no model of ours says nothing
  const fields = model?.fields;
  model?.dispose();
  return fields ? { fields } : {};
}

/** `name=a.csv,b.csv`, or a file, which is called by its name. @throws UsageError */
function namesOf(words: readonly string[]): { name: string; files: string[] }[] {
  const sets = words.map((word) => {
    const [, name, list] = /^([^=/\\:]+)=(.+)$/s.exec(word) ?? [];
    if (name === undefined) {
      const file = basename(nameOfInput(word));
      return { name: file.replace(/(\.ids)?\.\w+$/, "") || file, files: [word] };
    }
    const files = list!.split(",").filter((file) => file !== "");
    if (files.length === 0) throw new UsageError(`${word} names no file: name=FILE,FILE`);
    return { name, files };
  });
  const twice = sets.find(({ name }, i) => sets.findIndex((other) => other.name === name) < i);
  if (twice) throw new UsageError(`two sets are called ${twice.name}: name them, as in a=FILE b=FILE`);
  return sets;
}
