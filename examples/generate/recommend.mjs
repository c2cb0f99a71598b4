// Recommends emoji with a language model, in Node: Recall@10 beside that of the n-gram recommender (examples/recommender), on the same choices
// that were held back; then ten items for one user, before and after some of them are sold out.
//
//   node examples/generate/recommend.mjs
//   --width N     prefixes that the beam search continues; default: 20      --users N     only the first N users; default: all
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-web";
import { SemanticIdIndex, SemanticIds } from "rqvae";
import { evaluateIds } from "rqvae/evaluate";
import { readHistories, readLabels } from "rqvae/formats";
import { Vocabulary } from "rqvae/vocabulary";
import { Recommender } from "./recommender.js";

const { values } = parseArgs({ options: { width: { type: "string", default: "20" }, users: { type: "string" } } });
const width = Number(values.width);
const here = (path) => new URL(path, import.meta.url);
const { titles } = readLabels(readFileSync(here("../data/emoji/emoji.labels.json"), "utf8"));
const histories = await readHistories(here("../recommender/emoji-histories.txt"), { rows: titles.length, firstRow: 1 });
const users = Array.from({ length: histories.users }, (_, user) =>
  Array.from(histories.items.subarray(histories.offsets[user], histories.offsets[user + 1]), (row) => titles[row]),
).slice(0, Number(values.users ?? histories.users));

ort.env.wasm.numThreads = 1; // the model is too small to share among threads
const session = await ort.InferenceSession.create(readFileSync(here("model/onnx/model.onnx")));
const index = await SemanticIdIndex.load(readFileSync(here("emoji.index")));
const recommender = new Recommender(ort, session, index);

const started = performance.now();
let found = 0;
/** The first one whose last choice is among the ten items, which do not all begin with the same code. */
let user;
for (const choices of users) {
  const seen = choices.slice(0, -1);
  const notSeen = (await index.filter(seen)).complement();
  const items = await recommender.recommend(seen, { width, filter: notSeen });
  if (!items.some(({ itemId }) => itemId === choices.at(-1))) continue;
  found++;
  if (new Set(items.map(({ codes: [first] }) => first)).size > 3) user ??= choices;
}
const each = (performance.now() - started) / users.length;

// The same IDs, counted instead of learned.
const ids = SemanticIds.from(
  titles.map((title) => index.get(title)),
  { codebookSizes: index.codebookSizes },
);
const { splits } = await evaluateIds({ "n-grams": ids }, { histories });
const nGrams = splits[0].models.find(({ name }) => name === "n-grams").measures["recall@10"];

const decimals = (x) => x.toFixed(4).replace(/^0/, "");
console.log(`The last choice of each of ${users.length} users is to be found among ${titles.length} emoji.

                                                    Recall@10
  language model, beam search of width ${values.width.padEnd(3)}             ${decimals(found / users.length)}
  n-grams of the same IDs (examples/recommender)        ${decimals(nGrams)}`);
console.error(`${each.toFixed(1)} ms per user`);

user ??= users[0];
const vocabulary = new Vocabulary(index);
const seen = user.slice(0, -1);
const print = (items) => {
  for (const { itemId, codes, logProbability } of items) {
    const probability = `${(100 * Math.exp(logProbability)).toFixed(1)}%`;
    const mark = itemId === user.at(-1) ? "  <- taken" : "";
    console.log(`  ${probability.padStart(5)}  ${vocabulary.format(codes)} ${itemId}${mark}`);
  }
};
const inStock = await index.filter();
const notSeen = (await index.filter(seen)).complement();
const items = await recommender.recommend(seen, { width, filter: inStock.intersection(notSeen) });
console.log(`\nUser ${users.indexOf(user) + 1} had\n${seen.map((title) => `  ${title}\n`).join("")}and is recommended`);
print(items);

inStock.remove(items.slice(0, 3).map(({ itemId }) => itemId));
console.log("\nWhen the first three are sold out:");
print(await recommender.recommend(seen, { width, filter: inStock.intersection(notSeen) }));
