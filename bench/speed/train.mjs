// The part "train": items a second of forward, backward and Adam at the reference shape.
import { atLeast, reported } from "../figures.mjs";
import { agrees, atBestThreads, contest, turn } from "./compare.mjs";
import { FLOPS } from "./inputs.mjs";
import { twoThreadScaling } from "./machine.mjs";
import { alternate, middle, ratio, TURN_SECONDS } from "./measure.mjs";

/** @typedef {import("./bench.mjs").Bench} Bench */

const BATCHES = [64, 256, 1024];
/** Least ratio to the best native PyTorch at each batch size. */
const PYTORCH = [0.8, 0.8, 0.55];
/** As people would write it; tuned by someone who knows its kernels it is told, not judged. */
const TFJS = { tfjs: 12, "tfjs-tuned": undefined };

/** @type {(batch: number) => import("./compare.mjs").Work} */
const training = (batch) => ({ what: "train", batch });

/** @type {(bench: Bench) => Promise<void>} */
async function measureOurs(bench) {
  const ours = await bench.ours();
  const { measure } = await bench.ceiling();
  for (const batch of BATCHES) {
    const name = `plain, batch ${batch}`;
    const [rates, ceilings] = await alternate([turn(ours, training(batch)), () => measure(1000 * TURN_SECONDS)]);
    bench.add(reported(name, middle(rates), "items/s"));
    const share = (FLOPS.train * ratio(rates, ceilings)) / 1e9;
    if (batch === BATCHES.at(-1)) bench.add(atLeast(`${name}, share of the ceiling`, share, 0.7));
  }
  const withAll = await bench.ours({ model: "default" });
  for (const batch of BATCHES) {
    const [rates] = await alternate([turn(withAll, training(batch))]);
    bench.add(reported(`linear skip and noise, batch ${batch}`, middle(rates), "items/s"));
  }
  const [chosen] = await alternate([() => withAll.ask("fitRate")]);
  bench.add(reported("as fit chooses it, whole epochs", middle(chosen), "items/s"));
}

/** @type {(bench: Bench) => Promise<void>} */
async function measureThreads(bench) {
  if (!(await bench.threadCounts()).includes(2)) return bench.note("two threads: skipped, they are not to be had here");
  const work = training(1024);
  const [two, one] = await alternate([turn(await bench.ours({ threads: 2 }), work), turn(await bench.ours(), work)]);
  bench.add(
    reported("plain, batch 1024, two threads", middle(two), "items/s"),
    reported("plain, batch 1024, two threads / one", ratio(two, one), "x"),
  );
  const share = ratio(two, one) / (await twoThreadScaling(bench));
  bench.add(atLeast("two threads, share of the ceiling's own scaling", share, 0.92));
}

/** @type {(bench: Bench) => Promise<void>} */
async function compareWithTfjs(bench) {
  for (const [name, target] of Object.entries(TFJS)) {
    const peer = await bench.peer(name);
    if (!peer) continue;
    const ours = await bench.ours();
    const same = await agrees(bench, "train", ours, peer);
    for (const batch of BATCHES) {
      await contest(bench, `plain, batch ${batch}`, training(batch), { ours, peer, same, target });
    }
  }
}

/** @type {(bench: Bench) => Promise<void>} */
async function compareWithPyTorch(bench) {
  const pytorch = await atBestThreads(bench, "pytorch");
  if (!pytorch) return;
  const same = await agrees(bench, "train", await bench.ours(), pytorch.any);
  for (const [i, batch] of BATCHES.entries()) {
    const work = training(batch);
    await contest(bench, `plain, batch ${batch}`, work, { ...(await pytorch.bestAt(work)), same, target: PYTORCH[i] });
  }
}

/** @type {(bench: Bench) => Promise<void>} */
export async function measureTraining(bench) {
  await measureOurs(bench);
  await measureThreads(bench);
  await compareWithTfjs(bench);
  await compareWithPyTorch(bench);
}
