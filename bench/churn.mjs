// What a retraining does to published IDs: RQVAE.fit with `from`, beside the old model and a fresh fit, and the targets it must reach.
//
//   npm run bench:churn                          one seed, seven sets, three cases
//   npm run bench:churn -- --set emoji mdi --case a c
//   --stability 0 .25 .5 .75 1     these beside the default: the frontier of churn against explained variance
//   --frontier FILE.svg            a drawing of it, for the first case
//   --seeds N    --json FILE    --markdown (the tables of docs/training.md)    --check (exit code 1 when a target is missed)
import { writeFileSync } from "node:fs";
import { initialize } from "rqvae";
import { readLists } from "./arguments.mjs";
import { CASES } from "./churn/cases.mjs";
import { drawFrontiers, frontierOf } from "./churn/frontier.mjs";
import { measureChurn } from "./churn/measure.mjs";
import { describeChurn, describeInMarkdown, figuresOf } from "./churn/targets.mjs";
import { describeTargets } from "./figures.mjs";
import { DATA, loadCatalogue, SET_NAMES } from "./quality/datasets.mjs";

const SETS = ["emoji", "fiori", "movies", "mdi", "s3rec", "iclrec", "wordnet"];

const { refuse, checkNames, values, lists } = readLists("bench:churn", ["set", "case", "stability", "frontier"]);
const names = lists.set.length > 0 ? lists.set : SETS;
checkNames("set", names, SET_NAMES);
const cases = lists.case.length > 0 ? lists.case : Object.keys(CASES);
checkNames("case", cases, Object.keys(CASES));
const stabilities = lists.stability.map(Number);
if (!stabilities.every((each) => each >= 0 && each <= 1)) refuse("--stability takes numbers from 0 to 1");
const [frontier] = lists.frontier;
if (frontier !== undefined && stabilities.length < 2) refuse("--frontier needs two --stability at least");
const seedCount = Number(values.seeds ?? 1);
if (!Number.isInteger(seedCount) || seedCount < 1) refuse("--seeds must be a whole number of at least 1");
const seeds = Array.from({ length: seedCount }, (_, seed) => seed);

await initialize({ threads: 1 }); // times are CPU time: helpers that wait would count
/** @type {import("./figures.mjs").Figure[]} */
const figures = [];
const measured = [];
for (const set of names) {
  const catalogue = loadCatalogue(set);
  if (catalogue === undefined) {
    console.log(`\n${set}: skipped, its data is not in ${DATA}`);
    continue;
  }
  for (const name of cases) {
    const tell = (/** @type {string} */ text) => console.error(`${set}: ${text}`);
    const churn = await measureChurn(catalogue, name, seeds, { stabilities: [undefined, ...stabilities], tell });
    console.log(describeChurn(catalogue.title, name, churn));
    figures.push(...figuresOf(set, name, churn));
    measured.push({ set, title: catalogue.title, name, churn });
  }
}

if (values.markdown) console.log(describeInMarkdown(measured));
if (frontier !== undefined) {
  const drawn = measured.filter(({ name }) => name === cases[0]);
  writeFileSync(
    frontier,
    drawFrontiers(drawn.map(({ title, churn }) => ({ title, ...frontierOf(churn, stabilities) }))),
  );
}
const targets = figures.filter((figure) => figure.target !== null);
if (targets.length > 0) console.log(describeTargets(targets));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
if (values.check && targets.some((figure) => !figure.holds)) process.exitCode = 1;
