// Makes what train.py learns from, and the index of IDs that the recommender writes: the IDs, histories and held-out choices are those of
// examples/recommender.
//
//   node examples/generate/make-ids.mjs FOLDER     writes emoji.index and training.json into FOLDER
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RQVAE, SemanticIdIndex } from "rqvae";
import { readHistories, readItems, readLabels } from "rqvae/formats";
import { encodeHistories, Vocabulary } from "rqvae/vocabulary";

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("make-ids.mjs: name a folder for emoji.index and training.json");
  process.exit(2);
}
const here = (path) => new URL(path, import.meta.url);
const items = await readItems(here("../data/emoji/emoji-glovesif100.f16.npy"));
const { titles } = readLabels(readFileSync(here("../data/emoji/emoji.labels.json"), "utf8"));
const {
  users,
  offsets,
  items: rows,
} = await readHistories(here("../recommender/emoji-histories.txt"), {
  rows: items.rows,
  firstRow: 1,
});

const model = await RQVAE.fit(items, { nQuantizationLayers: 3, codebookSize: 64, seed: 0 });
const index = SemanticIdIndex.build(titles, model.encode(items), { collisions: "reassign", model, items });

// The last choice of each user is to be found, so it is not learned from.
const seen = Array.from({ length: users }, (_, user) =>
  Array.from(rows.subarray(offsets[user], offsets[user + 1] - 1), (row) => titles[row]),
);
const vocabulary = new Vocabulary(index);
const { tokens, width } = encodeHistories(seen, index, vocabulary);
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "emoji.index"), index.save({ compact: true }));
writeFileSync(
  join(folder, "training.json"),
  JSON.stringify({
    tokens: seen.map((_, row) => Array.from(tokens.subarray(row * width, (row + 1) * width))),
    size: vocabulary.size,
    pad: vocabulary.pad,
    end: vocabulary.end,
    begin: vocabulary.begin,
    firstCode: vocabulary.offsets[0],
    codebooks: model.codebooks({ space: "latent" }).map((each) => Array.from(each)),
  }),
);
