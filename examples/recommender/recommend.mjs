// What semantic IDs are for: a recommender of the next item that knows items by their codes. What it learns about one item carries over to
// those whose IDs start with the same codes. Compared with recommenders that use no IDs, and with the same one with the IDs shuffled.
//
//   node examples/recommender/recommend.mjs                 histories made up of the emoji that come with the repository
//   node examples/recommender/recommend.mjs --data FOLDER   Amazon Beauty: sequences.Beauty.txt and --vectors, iclrec-Beauty-64.f32.npy
//   --ids kmeans   IDs by residual k-means instead of an RQ-VAE      --seed N      of the IDs      --json FILE   the figures, for programs
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { RQVAE, residualKMeans, SemanticIdIndex, SemanticIds, suggestConfig } from "rqvae";
import { evaluateIds, PrefixBigrams } from "rqvae/evaluate";
import { readHistories, readItems, readLabels } from "rqvae/formats";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    vectors: { type: "string", default: "iclrec-Beauty-64.f32.npy" },
    ids: { type: "string", default: "rqvae" },
    seed: { type: "string", default: "0" },
    json: { type: "string" },
  },
});
if (!["rqvae", "kmeans"].includes(values.ids)) {
  console.error(`recommend.mjs: --ids must be rqvae or kmeans, not ${values.ids}`);
  process.exit(2);
}
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const [vectorFile, historyFile, labelFile] = values.data
  ? [join(values.data, values.vectors), join(values.data, "sequences.Beauty.txt")]
  : [at("../data/emoji/emoji-glovesif100.f16.npy"), at("emoji-histories.txt"), at("../data/emoji/emoji.labels.json")];
const titles = labelFile ? readLabels(readFileSync(labelFile, "utf8")).titles : [];
const items = await readItems(vectorFile);
const histories = await readHistories(historyFile, { rows: items.rows, firstRow: 1 });

const seed = Number(values.seed);
const { codebookSize } = suggestConfig({ n: items.rows, inputDim: items.dim }).model;
const shape = { nQuantizationLayers: 3, codebookSize, seed };
const model = await (values.ids === "kmeans" ? residualKMeans(items, shape) : RQVAE.fit(items, shape));
// An ID of its own for each item.
const rows = Array.from({ length: items.rows }, (_, row) => row);
const index = SemanticIdIndex.build(rows, model.encode(items), { collisions: "reassign", model, items });
const ids = SemanticIds.from(
  rows.map((row) => index.get(row)),
  { codebookSizes: index.codebookSizes },
);

const evaluation = await evaluateIds({ "semantic IDs": ids }, { histories });
console.log(evaluation.text);
if (values.json) writeFileSync(values.json, JSON.stringify(evaluation));

// Somebody whose last item is found by its codes, and never came after the two before it.
const users = Array.from({ length: histories.users }, (_, user) =>
  Array.from(histories.items.subarray(histories.offsets[user], histories.offsets[user + 1])),
);
const isLast = new Set(histories.offsets.subarray(1).map((end) => end - 1));
const before = {
  ...histories,
  items: histories.items.filter((_, i) => !isLast.has(i)),
  offsets: histories.offsets.map((offset, user) => offset - user),
};
const recommender = await PrefixBigrams.count(ids, before);
const followed = new Set(users.flatMap((own) => own.slice(1, -1).map((item, i) => `${own[i]} ${item}`)));
const user = users.findIndex((own) => {
  const last = own.at(-1);
  const isNew = own.slice(-3, -1).every((item) => !followed.has(`${item} ${last}`));
  return isNew && recommender.recommend(own.slice(0, -1), 5).includes(last);
});
if (user >= 0) {
  const title = (row) => [ids.toTokens(row), titles[row]].join(" ").trimEnd();
  const past = users[user].slice(0, -1);
  console.log(`\nUser ${user + 1} had`);
  for (const row of past.slice(-3)) console.log(`  ${title(row)}`);
  console.log("and is recommended");
  for (const row of recommender.recommend(past, 5)) {
    console.log(`  ${title(row)}${row === users[user].at(-1) ? "  <- taken" : ""}`);
  }
}
