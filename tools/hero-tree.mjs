/**
 * The codes that the page's first picture shows before anything runs: `node tools/hero-tree.mjs --write`, after `npm run build`. They are
 * those that `RQVAE.fit` gives the emoji with its defaults. Without `--write` it only says whether the file is up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readItems } from "../dist/formats/index.js";
import { RQVAE } from "../dist/index.js";
import { ROOT } from "./setup.mjs";

export const FILE = join(ROOT, "web/src/explore/hero-tree.json");

/**
 * Trains on the emoji.
 * @returns {Promise<string>} what the file must hold: the codes of all items, a byte each, in base64
 */
export async function heroTree() {
  const items = await readItems(join(ROOT, "examples/data/emoji/emoji-glovesif100.f16.npy"));
  const model = await RQVAE.fit(items);
  const { codes, codebookSizes, fingerprint } = model.encode(items);
  model.dispose();
  if (codebookSizes.some((size) => size > 256)) throw new Error(`a byte cannot hold codes of [${codebookSizes}]`);
  const file = { fingerprint, codebookSizes, codes: Buffer.from(Uint8Array.from(codes)).toString("base64") };
  return `${JSON.stringify(file, null, 2).replace(/\[[^\]]+\]/, (list) => `[${list.match(/\d+/g)?.join(", ")}]`)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [option] = process.argv.slice(2);
  if (option !== undefined && option !== "--write") {
    console.error(`usage: node tools/hero-tree.mjs [--write], got ${option}`);
    process.exit(2);
  }
  const text = await heroTree();
  if (option === "--write") writeFileSync(FILE, text);
  else if (readFileSync(FILE, "utf8") !== text) {
    console.error("web/src/explore/hero-tree.json is not what training gives: run `node tools/hero-tree.mjs --write`");
    process.exit(1);
  }
}
