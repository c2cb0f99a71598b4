// How fast the library is: beside what WebAssembly can do on this machine, beside what people would use instead, and by itself. Every
// comparison is a ratio within this run, contenders taking turns.
//
//   npm run bench                             all parts, all peers (seven minutes; the first time it installs the peers)
//   npm run bench -- --peer none              ours alone (three minutes)
//   npm run bench -- --peer pytorch --only train
//   npm run bench -- --only fit --shape 12k --shape 20k    the default of fit; without --shape, of 12,101 x 64 alone; s3rec and 100k too
//   RQVAE_PYTHON=... npm run bench -- --only fit --peer pytorch-recipes    with a PyTorch of your own
//   npm run bench -- --only fit-growth        the default of fit from 10,000 to a million items: many minutes, only when asked for
//   --json FILE    an array of { name, value, unit, target, holds }
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { describeTargets } from "./figures.mjs";
import { Bench } from "./speed/bench.mjs";
import { SHAPES } from "./speed/fit-shapes.mjs";
import { PARTS } from "./speed/parts.mjs";
import { PEER_NAMES } from "./speed/peers.mjs";

/** @type {(message: string) => never} */
function refuse(message) {
  console.error(`bench: ${message}`);
  process.exit(2);
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: "string" },
        peer: { type: "string", multiple: true },
        only: { type: "string", multiple: true },
        shape: { type: "string", multiple: true },
      },
    });
    return values;
  } catch (error) {
    return refuse(/** @type {Error} */ (error).message);
  }
}

/** The names given, or all; refuses one that is not there. */
function choose(option, given, names) {
  const unknown = given?.find((name) => !names.includes(name));
  if (unknown !== undefined) refuse(`unknown ${option} "${unknown}"; there are ${names.join(", ")}`);
  return given ?? names;
}

const options = readArguments();
const peers = choose("peer", options.peer, [...PEER_NAMES, "none"]);
if (options.peer && peers.length > 1 && peers.includes("none")) refuse('--peer: "none" stands alone');
const parts = options.only
  ? choose("part", options.only, Object.keys(PARTS))
  : Object.keys(PARTS).filter((name) => !PARTS[name].slow);

const shapes = options.shape && choose("shape", options.shape, Object.keys(SHAPES));

const started = performance.now();
const bench = new Bench(peers.includes("none") && options.peer ? [] : peers, shapes);
try {
  for (const name of Object.keys(PARTS).filter((each) => parts.includes(each))) {
    await bench.part(name, PARTS[name]);
  }
} finally {
  await bench.close();
}
const judged = bench.figures.filter((figure) => figure.target !== null);
if (judged.length > 0) console.log(describeTargets(judged));
console.log(`\n${((performance.now() - started) / 1000).toFixed(0)} s in all`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(bench.figures, null, 2)}\n`);
if (bench.hasFailed) process.exitCode = 1;
