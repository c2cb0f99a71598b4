/**
 * What vectors of titles by words are worth: how far an item's nearest neighbour has the same genres (Jaccard) on 2,112 films with their
 * descriptions, next to a language model's vectors and to chance; and how near the titles of the sample catalogues lie to their vectors.
 * Films are read from the folder that RQVAE_FILMS names (mood2movie.csv and mood2movie-2112x384.npy).
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { openItems, readLabels } from "../dist/formats/index.js";
import { nearestNeighbours } from "../dist/items/measures.js";
import { openWords, TitleEmbedder } from "../dist/words/index.js";

const DATA = fileURLToPath(new URL("../examples/data/", import.meta.url));

/** |a ∩ b| / |a ∪ b|; 0 if both are empty. @param {readonly unknown[]} a @param {readonly unknown[]} b */
export function jaccard(a, b) {
  const both = a.filter((entry) => b.includes(entry)).length;
  const either = new Set([...a, ...b]).size;
  return either === 0 ? 0 : both / either;
}

/** Rows of length 1, so that the nearest by distance is the nearest by cosine. */
export function unitRows({ data, rows, dim }) {
  const unit = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += dim) {
    let squares = 0;
    for (let j = at; j < at + dim; j++) squares += data[j] * data[j];
    for (let j = at; j < at + dim; j++) unit[j] = squares > 0 ? data[j] / Math.sqrt(squares) : 0;
  }
  return { data: unit, rows, dim };
}

/** The mean Jaccard agreement of each item's labels with those of its nearest neighbour, by cosine. */
export function agreement(items, labels) {
  const queries = Uint32Array.from({ length: items.rows }, (_, row) => row);
  const nearest = nearestNeighbours(unitRows(items), queries, 1);
  let sum = 0;
  for (let row = 0; row < items.rows; row++) sum += jaccard(labels[row], labels[nearest[row]]);
  return sum / items.rows;
}

/** The mean agreement of two different items. */
export function chance(labels) {
  let [sum, count] = [0, 0];
  for (let a = 0; a < labels.length; a++) {
    for (let b = 0; b < a; b++) {
      sum += jaccard(labels[a], labels[b]);
      count++;
    }
  }
  return sum / count;
}

/** Titles that are compared with all vectors. */
const COMPARED = 1000;

/** How near titles lie to the vectors of a sample: the median cosine, and the share of titles whose nearest vector is their own. */
export function nearness(vectors, own) {
  const { dim, rows } = own;
  const [a, b] = [unitRows(vectors).data, unitRows(own).data];
  const cosines = [];
  let found = 0;
  const compared = Math.min(rows, COMPARED);
  for (let k = 0; k < compared; k++) {
    const row = Math.floor((k * rows) / compared);
    let [best, self] = [-2, 0];
    for (let other = 0; other < rows; other++) {
      let cosine = 0;
      for (let j = 0; j < dim; j++) cosine += a[row * dim + j] * b[other * dim + j];
      if (other === row) self = cosine;
      best = Math.max(best, cosine);
    }
    cosines.push(self);
    if (self >= best - 1e-6) found++;
  }
  return { median: cosines.sort((x, y) => x - y)[compared >> 1], own: found / compared };
}

/** All vectors of a file, as float32. @param {string} path */
async function vectorsOf(path) {
  const opened = await openItems(path);
  const { rows, dim } = opened;
  const data = (await opened.read(0, rows)).slice();
  await opened.close();
  return { data, rows, dim };
}

async function main() {
  const table = await openWords(join(DATA, "words/glove-50k.safetensors"));
  for (const [name, file, labels] of [
    ["emoji", "emoji/emoji-glovesif100.f16.npy", "emoji/emoji.labels.json"],
    ["icons", "material-icons/mdi-glovesif100.f16.npy", "material-icons/mdi.labels.json"],
  ]) {
    const { titles } = readLabels(readFileSync(join(DATA, labels), "utf8"));
    const { median, own } = nearness(TitleEmbedder.fit(table, titles).embed(titles), await vectorsOf(join(DATA, file)));
    console.log(
      `${name}: median cosine of a title and its vector ${median.toFixed(3)}, nearest its own ${own.toFixed(3)}`,
    );
  }
  const folder = process.env.RQVAE_FILMS;
  if (!folder || !existsSync(join(folder, "mood2movie.csv"))) {
    console.log("films: skipped, since RQVAE_FILMS names no folder with mood2movie.csv");
    return;
  }
  const { titles, labels } = readLabels(readFileSync(join(folder, "mood2movie.csv"), "utf8"), "mood2movie.csv");
  const genres = labels.genre_ids.map((list) => JSON.parse(String(list)));
  const texts = titles.map((title, i) => `${title}\n${labels.overview[i]}`);
  const embedded = TitleEmbedder.fit(table, texts).embed(texts);
  const { words, known } = embedded.coverage;
  const model = await vectorsOf(join(folder, "mood2movie-2112x384.npy"));
  console.log(
    `films: ${titles.length}, words known ${(known / words).toFixed(3)}; agreement of genres with the nearest film: words ${agreement(embedded, genres).toFixed(3)}, MiniLM ${agreement(model, genres).toFixed(3)}, chance ${chance(genres).toFixed(3)}`,
  );
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
