import type { ModelConfig } from "rqvae";

/** What the code is about. */
export interface SnippetModel {
  config: ModelConfig;
  fingerprint: string | undefined;
  /** An ID of the catalogue, as tokens. */
  example: string;
  /** What the first items are called in the index. */
  items: readonly (string | number)[];
}

/** Where the code runs, or what for. */
export type SnippetKind = "node" | "browser" | "recommender" | "language";

/** About ten lines that use the downloaded files. */
export const snippet = (kind: SnippetKind, model: SnippetModel): string => SNIPPETS[kind](model);

const SNIPPETS: Record<SnippetKind, (model: SnippetModel) => string> = {
  node: (model) => `// npm install rqvae
import { writeFile } from "node:fs/promises";
import { RQVAE } from "rqvae";
import { readItems, writeIds } from "rqvae/formats";

const model = await RQVAE.load("model.safetensors");${check(model)}
const file = "items.npy"; // or .csv, .json, .parquet: rows of ${model.config.inputDim} numbers
const items = await readItems(file);
const ids = model.encode(items);
await writeFile("ids.csv", writeIds("csv", { ids, itemIds: items.itemIds }, { labels: items.labels }));
console.log(ids.toTokens(0)); // such as ${model.example}
`,
  browser: (model) => `import { RQVAE } from "rqvae"; // with a bundler, or an import map

const url = new URL("model.safetensors", location.href);
const model = await RQVAE.load(url);${check(model)}
const vector = new Float32Array(${model.config.inputDim}); // an item's embedding
const ids = model.encode(vector);
document.body.append(ids.toTokens(0)); // such as ${model.example}
`,
  recommender: ({ items }) => `// npm install rqvae
import { SemanticIdIndex } from "rqvae";
import { encodeHistories, Vocabulary } from "rqvae/vocabulary";

const index = await SemanticIdIndex.load("ids.index");
const vocabulary = new Vocabulary(index);
const histories = [${listed(items)}]; // what each user chose, the latest last
const { tokens, width } = encodeHistories(histories, index, vocabulary, { maxItems: 20, unknown: "skip" });
console.log(tokens, width); // rows of tokens to train a sequence model on

const [item] = histories[0];
const prefix = index.get(item).slice(0, -1);
console.log(index.allowedNext(prefix)); // only these codes lead to an item
console.log(index.items(prefix)); // and to these
`,
  language: ({ items, example }) => `// npm install rqvae
import { writeFile } from "node:fs/promises";
import { SemanticIdIndex } from "rqvae";
import { logitsProcessor } from "rqvae/decoding";
import { writeAddedTokens } from "rqvae/formats";
import { Vocabulary } from "rqvae/vocabulary";

const index = await SemanticIdIndex.load("ids.index");
const vocabulary = new Vocabulary(index, { baseOffset: 32_000 }); // the size of your model's own vocabulary
await writeFile("added_tokens.json", writeAddedTokens(vocabulary)); // add these, resize the embeddings, train
console.log(vocabulary.encode(index.get(${JSON.stringify(items[0] ?? 0)}))); // the tokens of an ID such as ${example}

const processor = logitsProcessor(index, vocabulary); // for generate of transformers.js:
// model.generate({ ...prompt, max_new_tokens: index.levels + 1, logits_processor: [processor] })
console.log(typeof processor);
`,
};

const check = ({ fingerprint }: SnippetModel) =>
  fingerprint ? `\nconsole.assert(model.fingerprint === "${fingerprint}");` : "";

const listed = (items: readonly (string | number)[]) => JSON.stringify(items.slice(0, 3)).replaceAll(",", ", ");
