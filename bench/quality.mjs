// How good the IDs are on real catalogues: the library's default beside the field's recipe, residual k-means, faiss's quantisers and a
// random hash, and the targets it must reach.
//
//   npm run bench:quality                        one seed, five sets
//   npm run bench:quality -- --full              three seeds (median), all sets but the largest ones
//   npm run bench:quality -- --set mdi movies    these sets
//   --shape 3x64 64+256+1024    these codes in place of each set's own: levels x codes, or level by level
//   --method kmeansBeam faissBeam8               these beside the default
//   --peer none                                  without faiss, which is installed into build/peers the first time
//   --seeds N    --json FILE    --markdown (the table of docs/quality.md)    --check (exit code 1 when a target is missed)
import { writeFileSync } from "node:fs";
import { initialize } from "rqvae";
import { readLists } from "./arguments.mjs";
import { describeTargets, reported } from "./figures.mjs";
import { assessWithLabels, compareMethods, FAISS_METHODS, METHOD_NAMES } from "./quality/assess.mjs";
import { DATA, DEFAULT_SETS, FULL_SETS, loadCatalogue, SET_NAMES, withShape } from "./quality/datasets.mjs";
import { findFaiss } from "./quality/faiss.mjs";
import { loadPublished } from "./quality/published.mjs";
import { parseShape } from "./quality/shapes.mjs";
import { describeComparison, describeInMarkdown, describePublished, figuresOf } from "./quality/table.mjs";
import { rulerChecks, targetsOf } from "./quality/targets.mjs";

const { refuse, checkNames, values, lists } = readLists("bench:quality", ["set", "shape", "method", "peer"], ["full"]);
const options = { ...values, ...lists };
const names = options.set.length > 0 ? options.set : options.full ? FULL_SETS : DEFAULT_SETS;
checkNames("set", names, SET_NAMES);
checkNames("method", options.method, METHOD_NAMES);
checkNames("peer", options.peer, ["faiss", "none"]);
const methods = METHOD_NAMES.filter((name) => options.method.length === 0 || options.method.includes(name));
const shapes = options.shape.map(
  (text) => parseShape(text) ?? refuse(`"${text}" is no shape; 3x256 and 64+256+1024 are, of two levels at least`),
);
const seedCount = Number(options.seeds ?? (options.full ? 3 : 1));
if (!Number.isInteger(seedCount) || seedCount < 1) refuse(`--seeds must be a whole number of at least 1`);
const seeds = Array.from({ length: seedCount }, (_, seed) => seed);

/** @type {ReturnType<typeof findFaiss> | undefined} */
let faiss;
/** The Python that has faiss, looked for when the first catalogue needs it. @type {() => string | undefined} */
function pythonWithFaiss() {
  if (options.peer.includes("none") || !methods.some((method) => FAISS_METHODS.includes(method))) return undefined;
  if (faiss === undefined) {
    faiss = findFaiss();
    if ("missing" in faiss) console.log(`\nfaiss: skipped, ${faiss.missing}`);
  }
  return "python" in faiss ? faiss.python : undefined;
}

await initialize({ threads: 1 }); // times are CPU time: helpers that wait would count
const started = performance.now();
/** @type {import("./figures.mjs").Figure[]} */
const figures = [];
const comparisons = [];
for (const name of names) {
  const catalogue = loadCatalogue(name);
  if (catalogue === undefined) {
    console.log(`\n${name}: skipped, its data is not in ${DATA}`);
    continue;
  }
  for (const codes of shapes.length > 0 ? shapes : [catalogue.codes]) {
    const shaped = withShape(catalogue, codes);
    const tell = (/** @type {string} */ text) => console.error(`${shaped.name}: ${text}`);
    const comparison = await compareMethods(shaped, seeds, { methods, python: pythonWithFaiss(), tell });
    console.log(describeComparison(comparison));
    figures.push(...figuresOf(comparison), ...targetsOf(comparison));
    comparisons.push(comparison);
  }
}

const published = [];
for (const each of loadPublished()) {
  const measured = await assessWithLabels(each.ids, each);
  published.push({ name: each.name, levels: each.ids.levels, measured });
  figures.push(...rulerChecks(each, measured));
  const first = measured.entropy.map((value, level) => reported(`${each.name}: entropy ${level + 1}`, value));
  figures.push(...first);
}
if (published.length > 0) console.log(describePublished(published));
else console.log(`\nPublished IDs: skipped, they are not in ${DATA}`);

if (options.markdown) console.log(describeInMarkdown(comparisons));
const targets = figures.filter((figure) => figure.target !== null);
if (targets.length > 0) console.log(describeTargets(targets));
console.log(`\n${((performance.now() - started) / 1000).toFixed(0)} s in all; seeds ${seeds.join(", ")}`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(figures, null, 2)}\n`);
if (options.check && targets.some((figure) => !figure.holds)) process.exitCode = 1;
