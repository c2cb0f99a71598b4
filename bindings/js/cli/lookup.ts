import { counted } from "../base/words.ts";
import { tokens } from "../ids/code-words.ts";
import type { Command, Given } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import { naming } from "./files.ts";
import { nameOfInput } from "./inputs.ts";
import { INPUTS, notesOf } from "./notes.ts";
import { generalOptions } from "./outputs.ts";
import { idsByItem, itemRow, PUBLISHED, printRows, readPublished, resolve } from "./published.ts";

export const lookup: Command = {
  name: "lookup",
  summary: "Look up the ID of an item, or the items of an ID or a prefix.",
  positionals: ["<ids>", "<item>..."],
  options: {
    Options: { json: { help: "print everything as JSON" } },
    General: generalOptions,
  },
  notes: notesOf(
    [
      `${PUBLISHED}
<item> is an item of it, or an ID, or its first codes: as tokens (<a_1><b_2>) or
as codes (1,2). What is the name of an item is taken for that item.
${INPUTS}`,
    ],
    "rqvae lookup emoji.ids.csv 1F600",
    "rqvae lookup shop.index '<a_17><b_203>' --json",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const [path, ...asked] = given.positionals as [string, ...string[]];
  await checkRoles([{ as: "<ids>", path, role: "ids" }]);
  const published = await readPublished(path, {});
  const idOf = idsByItem(published);
  const answers = asked.map((argument) => {
    const query = resolve(argument, published, path);
    const codes = "codes" in query ? query.codes : idOf(query.itemId);
    const found = "codes" in query ? naming(path, () => published.index.items(codes)) : [query.itemId];
    const items = found.map((itemId) => itemRow(itemId, idOf(itemId)));
    return { query: argument, ...query, codes, tokens: tokens(codes), items };
  });
  if (given.values.json) process.stdout.write(`${JSON.stringify(answers, undefined, 2)}\n`);
  else if (!given.values.quiet) {
    const rows = answers.flatMap(({ items }) =>
      items.map(({ itemId, codes, tokens }) => [itemId, String(codes), tokens]),
    );
    printRows([["item", "codes", "tokens"], ...rows]);
    for (const { tokens, items } of answers) {
      if (items.length > 0) continue;
      const { size } = published.index;
      process.stderr.write(
        `${nameOfInput(path)}: none of its ${counted(size, "item")} has an ID that starts with ${tokens}\n`,
      );
    }
  }
  return 0;
}
