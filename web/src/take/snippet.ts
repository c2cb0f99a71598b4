import type { ModelConfig } from "rqvae";

/** The model that the code is about. */
export interface SnippetModel {
  config: ModelConfig;
  fingerprint: string | undefined;
  /** An ID of the catalogue, as tokens. */
  example: string;
}

/** Ten lines that give items their IDs with exactly this model. */
export function snippet(where: "node" | "browser", { config, fingerprint, example }: SnippetModel): string {
  const check = fingerprint ? `\nconsole.assert(model.fingerprint === "${fingerprint}");` : "";
  return where === "node"
    ? `// npm install rqvae
import { writeFile } from "node:fs/promises";
import { RQVAE } from "rqvae";
import { readItems, writeIds } from "rqvae/formats";

const model = await RQVAE.load("model.safetensors");${check}
const file = "items.npy"; // or .csv, .json, .parquet: rows of ${config.inputDim} numbers
const items = await readItems(file);
const ids = model.encode(items);
await writeFile("ids.csv", writeIds("csv", { ids, itemIds: items.itemIds }, { labels: items.labels }));
console.log(ids.toTokens(0)); // such as ${example}
`
    : `import { RQVAE } from "rqvae"; // with a bundler, or an import map

const url = new URL("model.safetensors", location.href);
const model = await RQVAE.load(url);${check}
const vector = new Float32Array(${config.inputDim}); // an item's embedding
const ids = model.encode(vector);
document.body.append(ids.toTokens(0)); // such as ${example}
`;
}
