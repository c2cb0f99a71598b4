// The part "encode": IDs a second, and how long one takes.
import { atLeast, atMost, reported } from "../figures.mjs";
import { agrees, atBestThreads, contest, turn } from "./compare.mjs";
import { FLOPS, ROWS } from "./inputs.mjs";
import { alternate, middle, quantile, ratio, TURN_SECONDS } from "./measure.mjs";
import { runScript } from "./script.mjs";

/** @typedef {import("./bench.mjs").Bench} Bench */

/** Calls of which a turn takes the quantiles. */
const CALLS = 400;
/** A few small ones, and the catalogue in one call. */
const BATCHES = [32, ROWS];
const TARGETS = { tfjs: 3.5, "onnxruntime-web": 1.5, "onnxruntime-node": 0.3, pytorch: 0.65 };

/** @type {(batch: number) => import("./compare.mjs").Work} */
const encoding = (batch) => ({ what: "encode", batch });
const ALL = encoding(ROWS);
/** @type {import("./compare.mjs").Work} */
const LONG = { what: "encodeAsync", batch: ROWS };
/** Two threads beside one, and beside two of onnxruntime-web. */
const LONG_TARGETS = { one: 1.85, "onnxruntime-web": 1.55 };

/** Microseconds that encoding one vector takes, call by call. @type {(contender: import("./contender.mjs").Contender) => () => Promise<number[]>} */
const one = (contender) => () => contender.ask("latencies", { what: "encode", batch: 1, count: CALLS });

/** Medians over the turns. @type {(turns: readonly number[][], share: number) => number} */
const latency = (turns, share) => middle(turns.map((times) => quantile(times, share)));

/** @type {(bench: Bench) => Promise<void>} */
async function measureOurs(bench) {
  const ours = await bench.ours();
  const { measure } = await bench.ceiling();
  const [turns] = await alternate([one(ours)]);
  bench.add(
    reported("one vector, median", latency(turns, 0.5), "us"),
    reported("one vector, 99% take at most", latency(turns, 0.99), "us"),
  );
  const [few] = await alternate([turn(ours, encoding(BATCHES[0]))]);
  bench.add(reported(`batch ${BATCHES[0]}`, middle(few), "items/s"));
  const [rates, ceilings] = await alternate([turn(ours, ALL), () => measure(1000 * TURN_SECONDS)]);
  bench.add(
    reported("10 k", middle(rates), "items/s"),
    reported("10 k, share of the ceiling", (FLOPS.encode * ratio(rates, ceilings)) / 1e9),
  );
  const { models } = await bench.inputs();
  const garbage = await runScript("garbage", [models.plain], ["--expose-gc", "--min-semi-space-size=64"]);
  bench.add(atMost("one vector, garbage a call", garbage / 1024, 1, "KB"));
}

/** @type {(bench: Bench, peer: import("./contender.mjs").Contender) => Promise<void>} */
async function compareOne(bench, peer) {
  const [own, theirs] = await alternate([one(await bench.ours()), one(peer)]);
  const medians = (/** @type {number[][]} */ turns) => turns.map((times) => quantile(times, 0.5));
  bench.add(
    reported(`one vector, median: ${peer.name}`, latency(theirs, 0.5), "us"),
    atLeast(`one vector: as fast as ${peer.name}`, ratio(medians(theirs), medians(own)), 1, "x"),
  );
}

/**
 * At the same number of threads, for each that ours has.
 * @type {(bench: Bench, name: "tfjs" | "onnxruntime-web" | "onnxruntime-node") => Promise<void>}
 */
async function compareAtSameThreads(bench, name) {
  const counts = name === "tfjs" ? [1] : await bench.threadCounts(); // tfjs has no threads in Node
  for (const threads of counts) {
    const peer = await bench.peer(name, threads);
    if (!peer) return;
    const ours = await bench.ours({ threads });
    const same = await agrees(bench, "encode", ours, peer);
    const label = threads === 1 ? "10 k" : `10 k, ${threads} threads`;
    await contest(bench, label, ALL, { ours, peer, same, target: TARGETS[name] });
    if (same && threads === 1 && name === "onnxruntime-web") await compareOne(bench, peer);
  }
}

/** A long call on two threads. @type {(bench: Bench) => Promise<void>} */
async function measureThreads(bench) {
  if (!(await bench.threadCounts()).includes(2)) return bench.note("encodeAsync: two threads are not to be had");
  const [one, two] = [await bench.ours(), await bench.ours({ threads: 2 })];
  const [alone, both] = await alternate([turn(one, LONG), turn(two, LONG)]);
  bench.add(
    reported("10 k, encodeAsync, one thread", middle(alone), "items/s"),
    reported("10 k, encodeAsync, two threads", middle(both), "items/s"),
    atLeast("10 k, encodeAsync: two threads / one", ratio(both, alone), LONG_TARGETS.one, "x"),
  );
  const peer = await bench.peer("onnxruntime-web", 2);
  if (!peer) return;
  const same = await agrees(bench, "encode", two, peer);
  const target = LONG_TARGETS["onnxruntime-web"];
  await contest(bench, "10 k, encodeAsync, 2 threads", LONG, { ours: two, peer, same, target });
}

/** @type {(bench: Bench) => Promise<void>} */
async function compareWithPyTorch(bench) {
  const pytorch = await atBestThreads(bench, "pytorch");
  if (!pytorch) return;
  const same = await agrees(bench, "encode", await bench.ours(), pytorch.any);
  await contest(bench, "10 k", ALL, { ...(await pytorch.bestAt(ALL)), same, target: TARGETS.pytorch });
}

/** @type {(bench: Bench) => Promise<void>} */
export async function measureEncoding(bench) {
  await measureOurs(bench);
  await measureThreads(bench);
  for (const name of /** @type {const} */ (["tfjs", "onnxruntime-web", "onnxruntime-node"])) {
    await compareAtSameThreads(bench, name);
  }
  await compareWithPyTorch(bench);
}
