import { counted } from "../base/words.ts";
import { ID_FORMATS } from "../formats/ids/id-formats.ts";
import { type IdShard, mergeIdShards, readIdShard } from "../formats/index.ts";
import type { SemanticIds } from "../ids/semantic-ids.ts";
import { SemanticIdIndex } from "../index/semantic-id-index.ts";
import { type Command, type Given, oneOf, text, typedName, UsageError, wholeNumber } from "./command.ts";
import { checkOutput, naming, readBytes, readItemIds, readTitles, STDOUT } from "./files.ts";
import { nameOfInput, requireOneStdin } from "./inputs.ts";
import { INPUTS, notesOf, OVERWRITING_NAMED } from "./notes.ts";
import { generalOptions, idFormatOf, labelsOption, writeIds } from "./outputs.ts";

export const merge: Command = {
  name: "merge",
  summary: "Merge the IDs of shards, and make them unique if asked.",
  positionals: ["<shard>..."],
  options: {
    Files: {
      output: { short: "o", value: "FILE", help: "the IDs (default, or -: standard output)" },
      format: { value: "NAME", help: "as in rqvae encode" },
      "item-ids": {
        value: "FILE",
        help: "the items' own IDs, one per line, in the order of\nthe rows (default: those of the shards, those of\n--labels, or row numbers)",
      },
      labels: labelsOption,
    },
    "Items that share an ID": {
      collisions: {
        value: "NAME",
        help: "share: they keep it (default); suffix: one more code\ntells them apart",
      },
      capacity: { value: "N", help: "with suffix: the most suffixes (default: 256)" },
    },
    General: generalOptions,
  },
  notes: notesOf(
    [
      `The shards are what rqvae encode --shard or --rows wrote, in any order. They
must come from one model and together hold every row of the catalogue once;
otherwise nothing is written. Suffixes can be given only here, where all IDs are
known.
${INPUTS}`,
      OVERWRITING_NAMED,
    ],
    "rqvae encode model.safetensors items.npy --shard 1/2 -o 1.shard",
    "rqvae encode model.safetensors items.npy --shard 2/2 -o 2.shard",
    "rqvae merge 1.shard 2.shard --collisions suffix -o items.ids.csv",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const paths = given.positionals;
  const output = text(given, "output") ?? STDOUT;
  const chosen = oneOf(given, "format", ID_FORMATS);
  // Without a name, whoever asks for a binary format sends it on.
  const asked =
    given.values.output === undefined ? chosen : idFormatOf(typedName(given, "output"), output, chosen, "--format");
  const format = asked ?? "csv";
  const collisions = oneOf(given, "collisions", ["share", "suffix"]) ?? "share";
  const capacity = wholeNumber(given, "capacity");
  if (capacity !== undefined && collisions === "share") throw new UsageError("--capacity needs --collisions suffix");
  const [itemIdsPath, labelsPath] = [text(given, "item-ids"), text(given, "labels")];
  const others = [itemIdsPath, labelsPath].filter((path) => path !== undefined);
  requireOneStdin([...paths, ...others]);
  await checkOutput(output, { overwrite: true, inputs: [...paths, ...others] });

  const shards: IdShard[] = [];
  for (const path of paths) {
    const bytes = await readBytes(path);
    shards.push(naming(path, () => readIdShard(bytes)));
  }
  const { ids: raw, itemIds: shardIds } = mergeIdShards(shards, paths.map(nameOfInput));
  const quiet = given.values.quiet === true;
  const tell = (line: string) => {
    if (line !== "" && !quiet) process.stderr.write(`${line}\n`);
  };
  const merged = { name: "the shards", rows: raw.length, itemIds: shardIds };
  const named = itemIdsPath === undefined ? undefined : await readItemIds(itemIdsPath, merged);
  tell(named?.text ?? "");
  const own = named?.itemIds ?? shardIds;
  const joined = labelsPath === undefined ? undefined : await readTitles(labelsPath, { ...merged, itemIds: own });
  tell(joined?.text ?? "");
  const labels = joined?.labels;
  const itemIds = own ?? labels?.itemIds;
  const ids = collisions === "share" ? raw : withSuffixes(raw, itemIds, capacity);
  const table = itemIds ? { ids, itemIds } : { ids };
  const extras = labels ? { labels } : {};
  await writeIds(output, table, extras, format);
  if (output !== STDOUT) tell(`Merged ${counted(shards.length, "shard")}, ${counted(ids.length, "item")}: ${output}`);
  return 0;
}

/** The IDs that an index would publish, in the order of the rows. */
function withSuffixes(raw: SemanticIds, itemIds: string[] | undefined, capacity: number | undefined): SemanticIds {
  const items = itemIds ?? Array.from({ length: raw.length }, (_, row) => row);
  const index = SemanticIdIndex.build(items, raw, {
    collisions: "suffix",
    ...(capacity === undefined ? {} : { capacity }),
  });
  return index.table(items).ids;
}
