import { counted, thousands } from "../base/words.ts";
import { prefixFeatures } from "../features/prefix-features.ts";
import { npyHeader } from "../formats/arrays/npy.ts";
import { ParquetWriter } from "../formats/parquet/parquet-writer.ts";
import { writeTextCell } from "../formats/text/csv-text.ts";
import { type Command, type Given, text, UsageError, wholeNumber, wholeNumbers } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import { checkOutput, nameOfOutput, naming, STDOUT, writeWhole } from "./files.ts";
import { INPUTS, notesOf, OVERWRITING_NAMED } from "./notes.ts";
import { readCodes } from "./options.ts";
import { endingOf, generalOptions, requireExtension } from "./outputs.ts";
import { PUBLISHED, readPublished, suffixOption } from "./published.ts";

export const features: Command = {
  name: "features",
  summary: "Write prefixes of IDs as columns of integers, for a ranking model.",
  positionals: ["<ids>"],
  options: {
    Options: {
      output: {
        short: "o",
        value: "FILE",
        help: "the columns: .csv, .npy or .parquet (default, or -:\nstandard output, as csv)",
      },
      depths: {
        value: "LIST",
        help: "how many first codes each column stands for: 1,2,3\n(default: 1 to all codes but a suffix)",
      },
      buckets: {
        value: "N",
        help: "the most values of a column, which has a hash where\nmore prefixes are possible (default: 1,048,576)",
      },
      codes: { value: "N", help: "codes of each level, 256 or 64,256, where <ids> does\nnot say them" },
      suffix: suffixOption,
    },
    General: generalOptions,
  },
  notes: notesOf(
    [
      `${PUBLISHED}
The columns are prefix_1, prefix_2, and so on. csv and parquet have the items'
IDs too. rqvae/features documents the numbers, and the guide for Python has
ten lines that make the same.
${INPUTS}`,
      OVERWRITING_NAMED,
    ],
    "rqvae features emoji.ids.csv --codes 256 -o features.csv",
    "rqvae features shop.index --depths 1,2 -o features.parquet",
  ),
  run,
};

/** Rows that are written at a time. */
const ROWS = 1 << 16;

async function run(given: Given): Promise<number> {
  const [path] = given.positionals as [string];
  const output = text(given, "output") ?? STDOUT;
  const depths = wholeNumbers(given, "depths");
  if (depths?.length === 0) throw new UsageError("--depths needs at least one number");
  const buckets = wholeNumber(given, "buckets");
  const sizes = readCodes(given, "codes");
  if (output !== STDOUT) requireExtension("--output", output, [".csv", ".npy", ".parquet"]);
  const ending = endingOf(output).toLowerCase();
  await checkRoles([{ as: "<ids>", path, role: "ids" }]);
  await checkOutput(output, { overwrite: true, inputs: [path] });
  const hasSuffix = given.values.suffix === true;
  const published = await readPublished(path, { hasSuffix, ...(sizes !== undefined && { sizes }) });
  const { columns } = naming(path, () =>
    prefixFeatures(published.ids, {
      hasSuffix: published.hasSuffix,
      ...(depths && { depths }),
      ...(buckets !== undefined && { buckets }),
    }),
  );
  const names = columns.map(({ name }) => name);
  const itemIds = published.itemIds.map(String);
  const { length } = itemIds;

  function* pieces(): Generator<string | Uint8Array> {
    const parquet = new ParquetWriter([
      { name: "item", kind: "text" },
      ...names.map((name) => ({ name, kind: "int32" as const })),
    ]);
    if (ending === ".npy") yield npyHeader("<i4", length, names.length);
    else if (ending === ".parquet") yield parquet.begin();
    else yield `item,${names.join()}\n`;
    for (let first = 0; first < length; first += ROWS) {
      const end = Math.min(length, first + ROWS);
      const parts = columns.map(({ values }) => values.subarray(first, end));
      const rows = Array.from({ length: end - first }, (_, i) => parts.map((part) => part[i]!));
      if (ending === ".npy") yield new Uint8Array(Int32Array.from(rows.flat()).buffer);
      else if (ending === ".parquet") yield* parquet.group(end - first, [itemIds.slice(first, end), ...parts]);
      else yield rows.map((row, i) => `${writeTextCell(itemIds[first + i]!)},${row.join()}\n`).join("");
    }
    if (ending === ".parquet") yield parquet.finish();
  }
  await writeWhole(output, pieces());
  if (given.values.quiet) return 0;
  const told = columns.map(({ name, isExact, buckets, prefixes, colliding }) =>
    isExact
      ? `${name}: ${thousands(prefixes)} of ${thousands(buckets)} possible values, exact`
      : `${name}: ${counted(prefixes, "prefix")} hashed to ${thousands(buckets)} values, ${thousands(colliding)} without a value of their own`,
  );
  process.stderr.write(`${told.join("\n")}\nWrote ${counted(length, "row")}: ${nameOfOutput(output)}\n`);
  return 0;
}
