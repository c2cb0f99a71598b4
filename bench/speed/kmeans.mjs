// The part "kmeans": initialising codebooks by residual k-means, and how good the centres are (sum of squared residuals after the last level).
import { atLeast, atMost, reported } from "../figures.mjs";
import { clustered, ROWS, writeRows } from "./inputs.mjs";
import { alternate, middle, ratio } from "./measure.mjs";

/** @typedef {{ seconds: number, inertia: number }} Fit */

const DIM = 64;
const TASK = { levels: 3, codes: 256 };
/** The library's own limit; the others get the same. */
const ITERATIONS = 100;
/** ml-kmeans is slow: it starts from random rows, is stopped after so many, and has one turn. */
const FEW_ITERATIONS = 10;
/** Starts of which scikit-learn takes the best at each level. */
const STARTS = 10;

/** Each turn has a seed of its own. @type {(ask: (seed: number) => Promise<Fit>) => () => Promise<Fit>} */
function seeded(ask) {
  let seed = 0;
  return () => ask(seed++);
}

const seconds = (/** @type {Fit} */ fit) => fit.seconds;
const inertia = (/** @type {Fit} */ fit) => fit.inertia;

/** @type {(bench: import("./bench.mjs").Bench) => Promise<void>} */
export async function measureKMeans(bench) {
  const rows = writeRows("latents", clustered(ROWS, DIM));
  const load = (/** @type {import("./contender.mjs").Contender} */ peer) => peer.ask("load", { items: rows });
  const own = await bench.ours();
  const ours = seeded((seed) => own.ask("residualKMeans", { rows, ...TASK, seed }));

  const scikit = await bench.peer("scikit-learn", 1, load);
  const options = { ...TASK, iterations: ITERATIONS };
  const theirs = scikit && seeded((seed) => scikit.ask("residualKMeans", { ...options, seed, starts: 1 }));
  const [fits, theirFits] = await alternate(theirs ? [ours, theirs] : [ours]);
  bench.add(
    reported(`${ROWS} x ${DIM}, 3 x 256`, middle(fits.map(seconds)), "s"),
    reported("inertia", middle(fits.map(inertia))),
  );
  if (scikit) {
    const best = await scikit.ask("residualKMeans", { ...options, seed: 0, starts: STARTS });
    bench.add(
      reported("scikit-learn, n_init = 1", middle(theirFits.map(seconds)), "s"),
      atLeast("as fast as scikit-learn", ratio(theirFits.map(seconds), fits.map(seconds)), 2, "x"),
      reported("inertia: scikit-learn, n_init = 1", middle(theirFits.map(inertia))),
      atMost(`inertia, ours / scikit-learn's best of ${STARTS}`, middle(fits.map(inertia)) / best.inertia, 1.01),
    );
  }

  const javaScript = await bench.peer("ml-kmeans", 1, load);
  if (!javaScript) return;
  const fit = await javaScript.ask("residualKMeans", { ...TASK, iterations: FEW_ITERATIONS, seed: 0 });
  bench.add(
    reported(`ml-kmeans, ${FEW_ITERATIONS} iterations`, fit.seconds, "s"),
    reported(`inertia: ml-kmeans, ${FEW_ITERATIONS} iterations`, fit.inertia),
  );
}
