import { tokens } from "../ids/code-words.ts";
import { type Command, type Given, text, wholeNumber } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import { loadModel, nameFile } from "./files.ts";
import { requireOneStdin } from "./inputs.ts";
import { INPUTS, notesOf } from "./notes.ts";
import { generalOptions } from "./outputs.ts";
import { idsByItem, itemRow, PUBLISHED, printRows, readPublished, resolve, suffixOption } from "./published.ts";

export const similar: Command = {
  name: "similar",
  summary: "Find the items that are most like others, ranked.",
  positionals: ["<ids>", "<item>..."],
  options: {
    Options: {
      model: {
        value: "MODEL",
        help: "the model that made the IDs: equally many codes in\ncommon are then ranked by distance",
      },
      limit: { value: "N", help: "the most items for each <item> (default: 10)" },
      suffix: suffixOption,
      json: { help: "print everything as JSON" },
    },
    General: generalOptions,
  },
  notes: notesOf(
    [
      `${PUBLISHED}
<item> is an item of it, or tokens (<a_1><b_2>) or codes (1,2).
${INPUTS}
Items with more first codes in common come first. With --model, equally many are
ranked by the distance of what the IDs stand for; without it they come in the
order of their IDs. Suffixes do not count. For a file that is not an index, say
--suffix if its IDs have one; with --model that is known by their length.`,
    ],
    "rqvae similar emoji.ids.csv 1F600 --model emoji.safetensors",
    "rqvae similar shop.index sku-1 sku-2 --limit 5 --json",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const [path, ...asked] = given.positionals as [string, ...string[]];
  const modelPath = text(given, "model");
  const limit = wholeNumber(given, "limit") ?? 10;
  requireOneStdin([path, modelPath]);
  await checkRoles([
    { as: "<ids>", path, role: "ids" },
    { as: "--model", path: modelPath, role: "model" },
  ]);
  const model = modelPath === undefined ? undefined : await loadModel(modelPath);
  try {
    const published = await readPublished(path, { model, hasSuffix: given.values.suffix === true });
    const { index } = published;
    const idOf = idsByItem(published);
    const queries = asked.map((argument) => ({ argument, query: resolve(argument, published, path) }));
    const answers = [];
    for (const { argument, query } of queries) {
      const codes = "codes" in query ? query.codes : idOf(query.itemId);
      const by = "codes" in query ? codes.slice(0, index.levels) : query.itemId;
      const found = await index.similar(by, { limit }).catch((error) => {
        throw nameFile(path, error);
      });
      answers.push({
        query: argument,
        ...query,
        codes,
        tokens: tokens(codes),
        similar: found.map((item) => ({ ...itemRow(item.itemId, idOf(item.itemId)), ...item })),
      });
    }
    if (given.values.json) process.stdout.write(`${JSON.stringify(answers, undefined, 2)}\n`);
    else if (!given.values.quiet) {
      const rows = answers.flatMap(({ query, similar }) =>
        similar.map(({ itemId, tokens, shared, distance }) => [
          query,
          itemId,
          tokens,
          shared,
          ...(distance === undefined ? [] : [Number(distance.toPrecision(6))]),
        ]),
      );
      printRows([["query", "item", "id", "shared", ...(model ? ["distance"] : [])], ...rows]);
    }
    return 0;
  } finally {
    model?.dispose();
  }
}
