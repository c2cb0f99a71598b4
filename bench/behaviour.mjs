// Whether the quick figure of the report (do items that people choose together share their first codes?) orders sets of IDs as
// recommendation does: by the models that count, and by a small transformer.
//
//   npm run bench:behaviour                              five catalogues, IDs that need no training
//   npm run bench:behaviour -- --set planted emoji       these
//   --trained                    and IDs by the default and by the field's recipe: minutes for each, kept in build/behaviour
//   --transformer                train one for each set of IDs, where a Python has PyTorch (RQVAE_PYTHON)
//   --only "k-means ICLRec" LETTER    these sets of IDs      --seconds N    the most that a transformer is trained (180)
//   --fusion fit | kmeans        instead: IDs of content alone against content fused with behaviour, published with a suffix
//   --weight N | auto            of behaviour, for --fusion (1); --transformer judges these, too
//   --epochs N (10)    --seeds N (1)    --threads N (1)    --users N (4000)    --json FILE
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { evaluateIds } from "rqvae/evaluate";
import { assessIds } from "rqvae/report";
import { loadCatalogue, loadContent, SET_NAMES, withSuffix } from "./behaviour/catalogues.mjs";
import { compareFusion } from "./behaviour/fusion.mjs";
import { spearman } from "./behaviour/spearman.mjs";
import { findTorch, transformer } from "./behaviour/transformer.mjs";

/** Options that take all words that follow. */
const LISTS = ["set", "only"];
const { values, tokens } = parseArgs({
  allowPositionals: true,
  tokens: true,
  options: {
    ...{ trained: { type: "boolean" }, transformer: { type: "boolean" }, json: { type: "string" } },
    ...{ fusion: { type: "string" }, weight: { type: "string" } },
    ...Object.fromEntries(["seconds", "epochs", "seeds", "threads", "users"].map((name) => [name, { type: "string" }])),
    ...Object.fromEntries(LISTS.map((name) => [name, { type: "string", multiple: true }])),
  },
});
const lists = { set: [], only: [] };
let last = "set";
for (const token of tokens) {
  if (token.kind === "option" && LISTS.includes(token.name)) {
    last = token.name;
    lists[last].push(token.value);
  } else if (token.kind === "positional") lists[last].push(token.value);
}
const unknown = lists.set.find((name) => !SET_NAMES.includes(name));
if (unknown) {
  console.error(`bench:behaviour: ${unknown} is none of the catalogues: ${SET_NAMES.join(", ")}`);
  process.exit(2);
}

const torch = values.transformer ? findTorch() : undefined;
if (torch && "missing" in torch) console.error(`bench:behaviour: without a transformer: ${torch.missing}`);
const python = torch && "python" in torch ? torch.python : undefined;
/** Of training a transformer. */
const effort = {
  epochs: Number(values.epochs ?? 10),
  seconds: Number(values.seconds ?? 180),
  evaluated: Number(values.users ?? 4000),
  threads: Number(values.threads ?? 1),
};

if (values.fusion !== undefined) {
  await compareAll();
  process.exit(0);
}

/** Content alone against content with behaviour, catalogue by catalogue. */
async function compareAll() {
  if (values.fusion !== "fit" && values.fusion !== "kmeans") {
    console.error(`bench:behaviour: --fusion must be fit or kmeans, but is ${values.fusion}`);
    process.exit(2);
  }
  const found = [];
  const figure = (/** @type {number} */ x) => x.toFixed(4);
  for (const name of lists.set.length > 0 ? lists.set : SET_NAMES) {
    const catalogue = await loadContent(name);
    if (!catalogue) {
      console.log(`\n${name}: left out, since its files are not here`);
      continue;
    }
    const { content: vectors, histories, codes } = catalogue;
    const task = { seeds: Number(values.seeds ?? 3), isFit: values.fusion === "fit" };
    const weight = values.weight === "auto" ? values.weight : Number(values.weight ?? 1);
    const train = python && {
      transformer: async (/** @type {import("rqvae").SemanticIds} */ ids, /** @type {number} */ seed) =>
        (await transformer(python, ids, histories, { ...effort, seed })).recall,
    };
    const rows = await compareFusion({ vectors, histories, codes, weight, ...task, ...train });
    found.push({ name, items: vectors.rows, users: histories.users, rows });
    console.log(`\n${name}: ${vectors.rows} items, ${histories.users} users, ${values.fusion}, ${task.seeds} seeds\n`);
    console.log("| Recall@10 | choices | content | fused | gain, 95% interval |\n| --- | ---: | ---: | ---: | ---: |");
    for (const { of, targets, content, fused, mean, margin } of rows) {
      const gain = `${mean < 0 ? "-" : "+"}${figure(Math.abs(mean))} ± ${figure(margin)}`;
      console.log(`| ${of} | ${targets} | ${figure(content)} | ${figure(fused)} | ${gain} |`);
    }
  }
  if (values.json) writeFileSync(values.json, JSON.stringify(found, undefined, 1));
}

/** What of the report could order sets: all from the shares of pairs that agree, and from what chance gives. */
const FIGURES = {
  "first code, points above chance": ({ agreement: [first] }) => first.share - first.popular,
  "first code, times chance": ({ agreement: [first] }) => first.share / first.popular,
  "first code, bits": ({ agreement: [first] }) => first.bits,
  "all codes, bits": ({ agreement }) => bits(agreement),
  "mean over the codes, points above chance": ({ agreement }) =>
    agreement.reduce((sum, { share, popular }) => sum + share - popular, 0) / agreement.length,
};
/**
 * What the number of shared first codes tells of two items that one person chose from two of the same popularity: the Kullback-Leibler
 * divergence of the two distributions.
 */
function bits(agreement) {
  const exactly = (/** @type {string} */ of) =>
    [1, ...agreement.map((each) => each[of])].map((share, depth, all) => share - (all[depth + 1] ?? 0));
  const [chosen, popular] = [exactly("share"), exactly("popular")];
  return chosen.reduce(
    (sum, q, depth) => sum + (q <= 0 || popular[depth] <= 0 ? 0 : q * Math.log2(q / popular[depth])),
    0,
  );
}
const YARDSTICKS = { leaveOneOut: "counting, leave-one-out", time: "counting, split in time" };

const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
const results = [];
for (const name of lists.set.length > 0 ? lists.set : SET_NAMES) {
  const isAsked = (set) => lists.only.length === 0 || lists.only.includes(set);
  const catalogue = await loadCatalogue(name, values.trained === true, isAsked);
  if (!catalogue) {
    console.log(`\n${name}: left out, since its files are not here`);
    continue;
  }
  const { histories } = catalogue;
  const rows = [];
  for (const [set, ids] of Object.entries(catalogue.sets)) {
    const { behaviour } = await assessIds(ids, { histories });
    const published = withSuffix(ids);
    const { splits } = await evaluateIds(published, { histories });
    const counting = Object.fromEntries(
      splits.map((split) => [
        YARDSTICKS[split.name],
        split.models.find((model) => model.kind === "ids").measures["recall@10"],
      ]),
    );
    const figures = Object.fromEntries(Object.entries(FIGURES).map(([figure, of]) => [figure, of(behaviour)]));
    const runs = [];
    for (let seed = 0; python && seed < Number(values.seeds ?? 1); seed++) {
      runs.push(await transformer(python, published, histories, { ...effort, seed }));
    }
    const by = runs.length > 0 ? { transformer: mean(runs.map(({ recall }) => mean(recall))) } : {};
    rows.push({ set, ...figures, ...counting, ...by, runs: runs.map(({ epochs, seconds }) => ({ epochs, seconds })) });
    console.error(`${name}: ${set}`);
  }
  const yardsticks = [...Object.values(YARDSTICKS), ...(python ? ["transformer"] : [])];
  const correlations = Object.keys(FIGURES).map((figure) => ({
    figure,
    ...Object.fromEntries(
      yardsticks.map((yardstick) => [
        yardstick,
        spearman(
          rows.map((row) => row[figure]),
          rows.map((row) => row[yardstick]),
        ),
      ]),
    ),
  }));
  results.push({ name, items: histories.catalogueItems, users: histories.users, rows, correlations });
  print(results.at(-1), yardsticks);
}
if (values.json) writeFileSync(values.json, JSON.stringify(results, undefined, 1));

function print({ name, items, users, rows, correlations }, yardsticks) {
  const columns = [...Object.keys(FIGURES), ...yardsticks];
  console.log(`\n${name}: ${items} items, ${users} users\n`);
  console.log(
    `| IDs | ${columns.map((column) => (yardsticks.includes(column) ? `Recall@10, ${column}` : column)).join(" | ")} |`,
  );
  console.log(`| --- | ${columns.map(() => "---:").join(" | ")} |`);
  for (const row of [...rows].sort((a, b) => b[columns[0]] - a[columns[0]])) {
    console.log(`| ${row.set} | ${columns.map((column) => row[column].toFixed(4)).join(" | ")} |`);
  }
  console.log(`\nSpearman's rank correlation over ${rows.length} sets of IDs:\n`);
  for (const { figure, ...by } of correlations) {
    const words = yardsticks.map(
      (yardstick) => `${yardstick} ${by[yardstick].toFixed(2)}${by[yardstick] < 0.8 ? " (below .8)" : ""}`,
    );
    console.log(`- ${figure}: ${words.join(", ")}`);
  }
}
