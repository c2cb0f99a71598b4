// The part "fit": the whole of RQVAE.fit as it chooses everything itself, encoding with its model, and its time to quality beside the
// field's recipe and beside both recipes in PyTorch.
import { reported } from "../figures.mjs";
import { compareLosses } from "./checks.mjs";
import { loadShape } from "./fit-shapes.mjs";
import { runScript } from "./script.mjs";
import { bestOf, timeToQuality } from "./time-to-quality.mjs";

/** @typedef {import("./bench.mjs").Bench} Bench */

const MB = 1024 ** 2;
/** Largest difference of the explained variance of the same start. */
const START_TOLERANCE = 1e-3;

/**
 * What is wrong with a contender's start or its first steps, if anything.
 * @param {{ variance: number, losses: number[] }} ours
 * @param {{ variance: number, losses: number[] }} theirs
 */
export function complaintAbout(ours, theirs) {
  if (Math.abs(ours.variance - theirs.variance) <= START_TOLERANCE) return compareLosses(ours.losses, theirs.losses);
  return `its start explains ${theirs.variance} of the unseen items, ours ${ours.variance}`;
}

/**
 * Both recipes in PyTorch, as far as they are to be had and compute the same.
 * @param {Bench} bench
 * @param {any} found
 */
async function trainInPyTorch(bench, found) {
  const pytorch = await bench.peer("pytorch-recipes", 1, async () => {});
  /** @type {Record<string, { curve: import("./time-to-quality.mjs").Curve, before: number }>} */
  const trainings = {};
  if (!pytorch) return trainings;
  for (const [name, epochs] of [
    ["fit", found.epochs],
    ["field", found.field.train.epochs],
  ]) {
    const ours = found[name];
    const task = { ...found.files, model: ours.model, train: ours.train };
    const start = { variance: ours.startVariance, losses: ours.losses };
    const complaint = complaintAbout(start, await pytorch.ask("check", { ...task, ...found.checked }));
    if (complaint !== undefined)
      bench.note(`${name}'s recipe in PyTorch: no figure, for its results differ: ${complaint}`);
    else trainings[name] = { curve: await pytorch.ask("train", { ...task, epochs }), before: ours.seconds };
  }
  bench.note(
    `PyTorch on one thread with ${await pytorch.ask("capability")}: it starts from our initialised model, which its time with the start
    counts, and leaves out separation, validation and evaluations; all of that favours it`.replaceAll(/\s+/g, " "),
  );
  return trainings;
}

/** @type {(bench: Bench) => Promise<void>} */
export async function measureFit(bench) {
  const { measure } = await bench.ceiling();
  for (const name of bench.shapes) {
    const loaded = loadShape(name);
    if (!loaded) {
      bench.note(`${name}: skipped, the catalogue is not at hand`);
      continue;
    }
    const { rows, dim } = loaded.items;
    const label = `${name}, ${rows.toLocaleString("en")} x ${dim}`;
    const ceiling = await measure(1000);
    const found = await runScript("fit", [name, "1"]);
    const { hiddenDims, latentDim, codebookSize, encodeBeam } = found.config;
    bench.note(
      `${label}: [${[dim, ...hiddenDims, latentDim].join(", ")}], [${codebookSize.join(", ")}] codes, beam ${encodeBeam}, ${found.epochs} epochs; ceiling ${ceiling.toFixed(1)} GFLOP/s`,
    );
    const items = loaded.items.data.byteLength;
    bench.add(
      reported(`${label}: time`, found.seconds, "s"),
      reported(`${label}: CPU time`, found.cpu, "s"),
      reported(`${label}: items and epochs`, (rows * found.epochs) / found.seconds, "items/s"),
      reported(`${label}: share of the ceiling, by its multiply-adds`, found.flops / 1e9 / found.cpu / ceiling),
      ...Object.entries(found.phases).map(([phase, ms]) => reported(`${label}: ${phase}`, ms / 1000, "s")),
      ...Object.entries(found.estimates).map(([phase, ms]) => reported(`${label}: train, ${phase}`, ms / 1000, "s")),
      reported(`${label}: growth of the process, without the items`, (found.memory.grown - items) / MB, "MB"),
      reported(`${label}: peak memory of the process`, found.memory.peak / MB, "MB"),
      reported(`${label}: the items`, items / MB, "MB"),
      reported(`${label}: encode one vector`, found.oneMicroseconds, "us"),
      reported(`${label}: encode 10 k`, found.encodeRate, "items/s"),
    );
    if ((await bench.threadCounts()).includes(2)) {
      const two = await runScript("fit", [name, "2"]);
      bench.add(
        reported(`${label}: two threads, time`, two.seconds, "s"),
        reported(`${label}: two threads, CPU time`, two.cpu, "s"),
        reported(`${label}: two threads, train`, two.phases.train / 1000, "s"),
        reported(`${label}: two threads, encode 10 k`, two.encodeRate, "items/s"),
      );
    }
    const { fit, field, kmeans } = found;
    // Its curve begins with the measuring of the items.
    const start = fit.curve.length > 0 ? (found.phases.measure + (found.phases.initialize ?? 0)) / 1000 : 0;
    const curve = fit.curve.map((/** @type {any} */ point) => ({
      ...point,
      seconds: Math.max(0, point.seconds - start),
    }));
    const pytorch = await trainInPyTorch(bench, found);
    const trainings = {
      fit: { curve: [{ seconds: 0, variance: fit.startVariance }, ...curve], before: start },
      "field's recipe": {
        curve: [{ seconds: 0, variance: field.startVariance }, ...field.curve],
        before: field.seconds,
      },
      ...(pytorch.fit && { "fit's recipe in PyTorch": { ...pytorch.fit, before: start } }),
      ...(pytorch.field && { "field's recipe in PyTorch": pytorch.field }),
    };
    const marks = {
      "residual k-means": kmeans.variance,
      "the field's best": bestOf(field.curve),
      "99% of fit's final": 0.99 * fit.variance,
    };
    bench.add(
      reported(`${label}: residual k-means, time`, kmeans.seconds, "s"),
      reported(`${label}: residual k-means, explained variance`, kmeans.variance),
      ...Object.entries(trainings).flatMap(([training, { curve }]) => [
        reported(`${label}: ${training}, training`, curve.at(-1).seconds, "s"),
        reported(`${label}: ${training}, best explained variance`, bestOf(curve)),
      ]),
      ...timeToQuality(trainings, marks).flatMap(({ mark, training, seconds, withStart }) => [
        reported(`${label}: ${training} to ${mark}, training`, seconds, "s"),
        reported(`${label}: ${training} to ${mark}, with its start`, withStart, "s"),
      ]),
    );
  }
}
