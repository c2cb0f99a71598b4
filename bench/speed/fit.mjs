// The part "fit": the whole of RQVAE.fit as it chooses everything itself, and encoding with its model.
import { reported } from "../figures.mjs";
import { runScript } from "./script.mjs";

/** Items and dimensions. Without `--shape`, the first alone: the others take many minutes. */
export const SHAPES = { "12k": [12_101, 64], "20k": [20_000, 768], "100k": [100_000, 384] };
const MB = 1024 ** 2;

/** @param {readonly { seconds: number, variance: number }[]} curve @param {number} wanted */
const reached = (curve, wanted) => curve.find(({ variance }) => variance >= wanted)?.seconds ?? null;

/** @type {(bench: import("./bench.mjs").Bench) => Promise<void>} */
export async function measureFit(bench) {
  const { measure } = await bench.ceiling();
  for (const name of bench.shapes) {
    const [rows, dim] = SHAPES[/** @type {keyof typeof SHAPES} */ (name)];
    const label = `${rows.toLocaleString("en")} x ${dim}`;
    const ceiling = await measure(1000);
    const found = await runScript("fit", [rows, dim].map(String));
    const { hiddenDims, latentDim, codebookSize, encodeBeam } = found.config;
    bench.note(
      `${label}: [${[dim, ...hiddenDims, latentDim].join(", ")}], [${codebookSize.join(", ")}] codes, beam ${encodeBeam}, ${found.epochs} epochs`,
    );
    bench.add(
      reported(`${label}: time`, found.seconds, "s"),
      reported(`${label}: CPU time`, found.cpu, "s"),
      reported(`${label}: items and epochs`, (rows * found.epochs) / found.seconds, "items/s"),
      reported(`${label}: share of the ceiling, by its multiply-adds`, found.flops / 1e9 / found.cpu / ceiling),
      ...Object.entries(found.phases).map(([phase, ms]) => reported(`${label}: ${phase}`, ms / 1000, "s")),
      reported(`${label}: growth of the process, without the items`, (found.grown - found.items) / MB, "MB"),
      reported(`${label}: explained variance of unseen items`, found.variance),
      reported(`${label}: residual k-means, explained variance`, found.kmeans),
      reported(`${label}: residual k-means, time`, found.kmeansSeconds, "s"),
      reported(`${label}: time to residual k-means' variance`, reached(found.curve, found.kmeans), "s"),
      reported(`${label}: time to 99% of the final variance`, reached(found.curve, 0.99 * found.variance), "s"),
      reported(`${label}: encode one vector`, found.oneMicroseconds, "us"),
      reported(`${label}: encode 10 k`, found.encodeRate, "items/s"),
    );
  }
}
