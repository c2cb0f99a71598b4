// Ours beside a peer: first whether it computes the same, then how fast.
import { atLeast, reported } from "../figures.mjs";
import { compareIds, compareLosses } from "./checks.mjs";
import { SHAPE } from "./inputs.mjs";
import { alternate, middle, ratio, TURN_SECONDS } from "./measure.mjs";

/**
 * @typedef {import("./bench.mjs").Bench} Bench
 * @typedef {import("./contender.mjs").Contender} Contender
 * @typedef {{ what: "train" | "encode" | "encodeAsync", batch: number }} Work
 */

/** Steps whose losses are compared, at this batch size. */
const CHECKED = { batch: 256, steps: 5 };
/** Numbers of threads that a peer is tried at. */
const THREADS = [1, 2];
/** Rows at a time when IDs are compared. */
const ID_BATCH = 1024;

/** @type {(contender: Contender, work: Work) => () => Promise<number>} */
export const turn =
  (contender, { what, batch }) =>
  () =>
    contender.ask("rate", { what, batch, seconds: TURN_SECONDS });

/**
 * What is wrong with the peer's results, if anything.
 * @type {(what: Work["what"], ours: Contender, peer: Contender) => Promise<string | undefined>}
 */
async function complaintOf(what, ours, peer) {
  const both = (/** @type {string} */ command, /** @type {object} */ options) =>
    Promise.all([ours.ask(command, options), peer.ask(command, options)]);
  if (what === "train") return compareLosses(...(await both("losses", CHECKED)));
  return compareIds(...(await both("codes", { batch: ID_BATCH })), SHAPE.nQuantizationLayers);
}

/**
 * Whether the peer computes the same; says so when not.
 * @type {(bench: Bench, what: Work["what"], ours: Contender, peer: Contender) => Promise<boolean>}
 */
export async function agrees(bench, what, ours, peer) {
  const complaint = await complaintOf(what, ours, peer);
  if (complaint !== undefined) bench.note(`${peer.name}: no figure, for its results differ: ${complaint}`);
  return complaint === undefined;
}

/** The fastest of some contenders at this work. @type {(contenders: readonly Contender[], work: Work) => Promise<Contender>} */
async function fastest(contenders, work) {
  if (contenders.length === 1) return contenders[0];
  const rates = (
    await alternate(
      contenders.map((each) => turn(each, work)),
      2,
    )
  ).map(middle);
  return contenders[rates.indexOf(Math.max(...rates))];
}

/**
 * Ours and a peer that can use several threads, each at the number of threads that serves it best.
 * @param {Bench} bench
 * @param {string} name
 * @returns {Promise<{ any: Contender, bestAt: (work: Work) => Promise<{ ours: Contender, peer: Contender }> } | undefined>}
 */
export async function atBestThreads(bench, name) {
  const peers = [];
  for (const threads of THREADS) {
    const peer = await bench.peer(name, threads);
    if (peer) peers.push(peer);
  }
  if (peers.length === 0) return undefined;
  const own = [];
  for (const threads of await bench.threadCounts()) own.push(await bench.ours({ threads }));
  const bestAt = async (/** @type {Work} */ work) => ({
    ours: await fastest(own, work),
    peer: await fastest(peers, work),
  });
  return { any: peers[0], bestAt };
}

/**
 * Adds the peer's rate and how many times faster ours is.
 * @param {Bench} bench
 * @param {string} label
 * @param {Work} work
 * @param {{ ours: Contender, peer: Contender, same: boolean, target?: number | undefined }} contest
 */
export async function contest(bench, label, work, { ours, peer, same, target }) {
  const name = `${label}: ours / ${peer.name}`;
  const judged = (/** @type {number | null} */ value) =>
    target === undefined ? reported(name, value, "x") : atLeast(name, value, target, "x");
  if (!same) return bench.add(judged(null));
  const [own, theirs] = await alternate([turn(ours, work), turn(peer, work)]);
  bench.add(reported(`${label}: ${peer.name}`, middle(theirs), "items/s"), judged(ratio(own, theirs)));
}
