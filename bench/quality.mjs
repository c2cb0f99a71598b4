// How good the IDs are on real catalogues: the library's default beside the field's recipe, residual k-means and a random hash, and
// the targets it must reach.
//
//   npm run bench:quality                       one seed, five sets
//   npm run bench:quality -- --full             three seeds (median), all sets
//   npm run bench:quality -- --set mdi movies   these sets
//   --seeds N    --json FILE    --check (exit code 1 when a target is missed)
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { initialize } from "rqvae";
import { describeTargets, reported } from "./figures.mjs";
import { assessWithLabels, compareMethods } from "./quality/assess.mjs";
import { DATA, DEFAULT_SETS, loadCatalogue, SET_NAMES } from "./quality/datasets.mjs";
import { loadPublished } from "./quality/published.mjs";
import { describeComparison, describePublished, figuresOf } from "./quality/table.mjs";
import { rulerChecks, targetsOf } from "./quality/targets.mjs";

/** @type {(message: string) => never} */
function refuse(message) {
  console.error(`bench:quality: ${message}`);
  process.exit(2);
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true, // --set takes all names that follow
      options: {
        json: { type: "string" },
        full: { type: "boolean" },
        check: { type: "boolean" },
        set: { type: "string", multiple: true },
        seeds: { type: "string" },
      },
    });
    return { ...values, sets: [...(values.set ?? []), ...positionals] };
  } catch (error) {
    return refuse(/** @type {Error} */ (error).message);
  }
}

const options = readArguments();
const names = options.sets.length > 0 ? options.sets : options.full ? SET_NAMES : DEFAULT_SETS;
const unknown = names.find((name) => !SET_NAMES.includes(name));
if (unknown !== undefined) refuse(`unknown set "${unknown}"; there are ${SET_NAMES.join(", ")}`);
const seedCount = Number(options.seeds ?? (options.full ? 3 : 1));
if (!Number.isInteger(seedCount) || seedCount < 1) refuse(`--seeds must be a whole number of at least 1`);
const seeds = Array.from({ length: seedCount }, (_, seed) => seed);

await initialize({ threads: 1 }); // times are CPU time: helpers that wait would count
const started = performance.now();
/** @type {import("./figures.mjs").Figure[]} */
const figures = [];
for (const name of names) {
  const catalogue = loadCatalogue(name);
  if (catalogue === undefined) {
    console.log(`\n${name}: skipped, its data is not in ${DATA}`);
    continue;
  }
  const comparison = await compareMethods(catalogue, seeds, (text) => console.error(`${name}: ${text}`));
  console.log(describeComparison(comparison));
  figures.push(...figuresOf(comparison), ...targetsOf(comparison));
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

const targets = figures.filter((figure) => figure.target !== null);
if (targets.length > 0) console.log(describeTargets(targets));
console.log(`\n${((performance.now() - started) / 1000).toFixed(0)} s in all; seeds ${seeds.join(", ")}`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(figures, null, 2)}\n`);
if (options.check && targets.some((figure) => !figure.holds)) process.exitCode = 1;
