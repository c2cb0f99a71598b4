/** The rules of our prose: each finds what it is for, and leaves good sentences alone. */
import { describe, expect, it } from "vitest";
import { LONGEST_SENTENCE, PROSE_RULES } from "../../../tools/prose/rules.mjs";
import { findings, findingsInSources, proseFiles } from "../../../tools/prose.mjs";

/** The rules that a page breaks whose only paragraph is this one. */
const broken = (text: string) => findings({ page: `# Page\n\n${text}\n` }).map(({ rule }) => rule);
const details = (text: string) => findings({ page: `# Page\n\n${text}\n` }).map(({ message }) => message);

const words = (n: number) =>
  `${Array(n)
    .fill("word")
    .map((word, i) => word + "abcdefghij"[i % 10])
    .join(" ")}.`;

/** By rule: what it refuses, and what it must not. */
const SENTENCES: Record<string, { bad: string[]; good: string[] }> = {
  "banned-phrase": {
    bad: [
      "The training goes on after a reload.",
      "Run it again to go\non where it stopped.",
      "Going on from a checkpoint takes the same options.",
      "Embeddings in which alike items begin alike.",
      "A like linter runs here.",
      "Threads that cannot be had are named.",
      "The number of rows is told.",
      "A wrong key is told on the console.",
      "The reason is said on stderr.",
      "Parquet with a column a dimension.",
      "It costs 40 bytes an item.",
      "Sets of few items a code.",
      "One concept a file.",
      "Files of before load.",
      "A worker with a script of one's own.",
      "A class has them, this one has not.",
      "It stands in the place of the model.",
      "Fixtures are made anew.",
      "Speed beside TensorFlow.js.",
      "Call it in order to start.",
      "We utilise threads.",
      "Simply call it.",
    ],
    good: [
      "The training resumes after a reload.",
      "What goes on top of the list goes on the page.",
      "Look at what is going on there.",
      "Similar items share their first codes.",
      "The command reports the number of rows.",
      "They can be told apart by their names.",
      "Parquet with one column per dimension.",
      "It gives an item a code and every row a level.",
      "Threads wake up three times a second.",
      "It has a name for a level and a suffix for an item.",
      "This has not changed since.",
      "Besides, `goes on` and `alike` are code.",
    ],
  },
  "inverted-sentence": {
    bad: [
      "What IDs are good for shows the report.",
      "What goes wrong is reported by name.",
      "What else fails, such as storage that is away, is repeated. What cannot be done is refused.",
      "- Who adds a buffer adds it there.",
    ],
    good: [
      "What is a semantic ID? It is a short code.",
      "The report shows what IDs are good for.",
      "What the footer says.",
      "What you get: a model.",
      "| What it is | Who needs it |\n| --- | --- |\n| What is held out | nobody |",
    ],
  },
  "number-style": {
    bad: ["It reaches 93.1 % of it.", "All 12101 items.", "A batch of 1024.", "All 12\u202F101 items."],
    good: [
      "It reaches 93.1% of it.",
      "All 12,101 items, since 2019.",
      "RFC 4180, port 8080, version 10.2024.1, float32 and 3.14159.",
      "On `12101` items, ids `a_1024`.",
    ],
  },
  "sentence-length": {
    bad: [words(LONGEST_SENTENCE + 1), `Short. ${words(LONGEST_SENTENCE + 1)} Short.`],
    good: [words(LONGEST_SENTENCE), `${words(LONGEST_SENTENCE)} ${words(3).replace("word", "Word")}`],
  },
  "british-spelling": {
    bad: [
      "The quantizer is initialized.",
      "Normalization helps.",
      "Optimize the neighbor's color.",
      "We analyze two catalogs.",
      "Serializing it.",
      "the license",
    ],
    good: [
      "The quantiser is initialised.",
      "Sizes, prizes and seized rows, resized horizons.",
      "[src/quantizer/codes.cpp](src/quantizer/codes.cpp)",
      'A call of `normalize`, the MIT License and "center".',
      "The tokenizer of a model.",
      "RQ-VAE by Residual Quantized authors.",
    ],
  },
  "repeated-word": {
    bad: ["It is is so.", "The\nthe line ends."],
    good: ["That that is so had had its day.", "A row, row by row. Row after row.", "x `a` x `a`"],
  },
  "heading-case": {
    bad: ["## Train Models With Your Own Data"],
    good: [
      "## Train models with your own data",
      "## Node and Deno",
      "## From Hopwise or PyTorch",
      "## Vite, Webpack and Rollup",
    ],
  },
};

describe("prose", () => {
  it("has examples of every rule", () => {
    expect(Object.keys(SENTENCES)).toEqual(PROSE_RULES.map(({ name }) => name));
  });

  for (const [rule, { bad, good }] of Object.entries(SENTENCES)) {
    it.each(bad)(`${rule} finds: %s`, (text) => expect(broken(text)).toContain(rule));
    it.each(good)(`${rule} leaves alone: %s`, (text) => expect(broken(text)).not.toContain(rule));
  }

  it("says in which line, what it is, and what to write", () => {
    const page = "# Page\n\nOne line,\nand 40 bytes an item.\n\n| a | b |\n| - | - |\n| c | all `x`  behavior |\n";
    expect(findings({ "a.md": page })).toEqual([
      { file: "a.md", line: 4, rule: "banned-phrase", message: '"40 bytes an item": write "40 bytes per item"' },
      { file: "a.md", line: 8, rule: "british-spelling", message: '"behavior": write "behaviour"' },
    ]);
    expect(details("All 1234567 items.")).toEqual(['"1234567": commas between thousands ("1,234,567")']);
  });

  it("reads no code, no address and no HTML", () => {
    const code = "```js\n// goes on, 1024, behavior\n```\n\n    goes on alike\n";
    expect(broken(`${code}\n[a page](https://behavior.example/1024/goes%20on) <b title="alike">x</b>`)).toEqual([]);
    expect(broken("![The page goes on](a.png)")).toEqual(["banned-phrase"]);
  });

  it("has markdownlint's rules about headings, links, pictures and tables", () => {
    const rules = (markdown: string) => findings({ page: markdown }).map(({ rule }) => rule);
    expect(rules("No title.\n")).toEqual(["first-line-h1"]);
    expect(rules("# A\n\n### C\n")).toEqual(["heading-increment"]);
    expect(rules("# A\n\n## B\n\n## B\n")).toEqual(["no-duplicate-heading"]);
    expect(rules("# A\n\n## What is it?\n\n## And so on:\n")).toEqual(["no-trailing-punctuation"]);
    expect(rules("# A\n\n[There](#nowhere) and [there](#a).\n")).toEqual(["link-fragments"]);
    expect(rules("# A\n\n[a page]() ![](a.png) [here](b.md) https://a.example\n").sort()).toEqual(
      ["no-alt-text", "no-bare-urls", "no-empty-links", "descriptive-link-text"].sort(),
    );
    expect(rules("# A\n\n| a | b |\n| - | - |\n| c |\n")).toEqual(["table-column-count"]);
    expect(rules("# A\n\nA line\n\n\n\n* and a list\n+ of another kind   \n")).toEqual([]); // layout is nobody's business
  });

  it("lets a page keep a sentence as it is", () => {
    const kept =
      "<!-- markdownlint-disable banned-phrase -->\n\nIt goes on.\n\n<!-- markdownlint-enable banned-phrase -->\n";
    expect(broken(kept)).toEqual([]);
    expect(broken(`${kept}\nIt goes on.`)).toEqual(["banned-phrase"]);
  });
});

describe("prose in sources", () => {
  const SOURCE = `import { alike } from "./goes on and on and on.ts";

/** It goes on: the training. */
export function seen(): void {
  /** This goes on inside. */
  const message = "the training goes on after that";
  const percent = \`it has \${1} % of the rows\`;
  const call = "call initialize() before you normalise";
  const names = { elsewhere: "normalize standardize center these" };
}

/** It goes on, unseen. */
export class Hidden {}

export class Shown {
  /**
   * A size.
   *
   * @param n goes on for ever
   *   on two lines, alike
   * @example
   * it goes on();
   */
  size(n: number): void {}
  /** It goes on. @internal */
  inner(): void {}
  /** It goes on. */
  private own(): void {}
}
`;

  it("reads the docstrings of what is exported, and every message", () => {
    const found = findingsInSources({ "bindings/js/a.ts": SOURCE }, (name) => ["seen", "Shown"].includes(name));
    expect(found.map(({ line, rule }) => [line, rule]).sort(([a], [b]) => Number(a) - Number(b))).toEqual([
      [3, "banned-phrase"],
      [6, "banned-phrase"],
      [7, "number-style"],
      [19, "banned-phrase"],
      [20, "banned-phrase"],
    ]);
  });

  it("reads the texts of the page, and what is read aloud of it", () => {
    const html = `<!-- goes on --><script>goes(on, "goes on")</script>
<p title="colors">It
  goes <b>on</b> and on &amp; the
  the end</p>
<img alt="93 % of it"><code>behavior</code>`;
    const found = findingsInSources({ "web/index.html": html }, () => false);
    expect(found.map(({ line, rule }) => [line, rule])).toEqual([
      [2, "british-spelling"],
      [3, "repeated-word"],
      [5, "number-style"],
    ]);
  });

  it("reads the pages, the package and the demo page, and neither the site nor the changelog", () => {
    const { pages, sources } = proseFiles();
    for (const page of [
      "README.md",
      "DEVELOPING.md",
      "CONTRIBUTING.md",
      "SECURITY.md",
      "docs/training.md",
      "docs/guides/node.md",
    ])
      expect(pages).toContain(page);
    expect(pages).toContain("examples/recommender/README.md");
    expect(pages.filter((page) => /^docs\/site|CHANGELOG|node_modules/.test(page))).toEqual([]);
    expect(sources).toContain("bindings/js/options/words.ts");
    expect(sources).toContain("web/src/main.ts");
    expect(sources).toContain("web/index.html");
    expect(sources.filter((file) => /dist|node_modules/.test(file))).toEqual([]);
  });
});
