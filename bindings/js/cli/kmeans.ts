import { residualKMeans } from "../model/residual-kmeans.ts";
import type { RQVAE } from "../model/rqvae.ts";
import type { ResidualKMeansOptions } from "../types.ts";
import type { Command, Given } from "./command.ts";
import { fieldOptions } from "./fields.ts";
import { nameFile } from "./files.ts";
import { Interrupted, interruptible } from "./interrupt.ts";
import { ITEM_FILES } from "./item-options.ts";
import { INPUTS, notesOf, OVERWRITING } from "./notes.ts";
import { inCommandLine, readOptions, someOptions } from "./options.ts";
import {
  computingOptions,
  fileOptions,
  jsonOption,
  openWorkplace,
  outcomeOf,
  requireOneStdout,
  type Workplace,
  writeModel,
} from "./outputs.ts";
import { jobView } from "./progress.ts";
import { provenanceOf } from "./provenance.ts";
import { publishingOptions } from "./publishing.ts";
import { duration } from "./text.ts";

export const kmeans: Command = {
  name: "kmeans",
  summary: "Make semantic IDs by residual k-means, without training a network.",
  positionals: ["<items>"],
  options: {
    Files: { ...fileOptions, json: jsonOption },
    Model: someOptions({
      nQuantizationLayers: "codes per ID (default: 3)",
      codebookSize: "codes to choose from at each level: 256, or 64,256,1024 (default: 256)",
      latentDim: "quantise in the first N principal directions only (default: in all dimensions)",
      encodeBeam: "width of the search for an item's ID (default: 1)",
      codebookRefine: "fit the codebooks together with the search (default: on)",
      seed: "the same items, options and seed give the same IDs (default: 0)",
    }),
    "Several vectors per item": fieldOptions,
    "Published IDs": publishingOptions,
    General: computingOptions,
  },
  notes: notesOf(
    [
      `<items> is a table of numbers, one row per item: ${ITEM_FILES}.
${INPUTS}
k-means on the items, then on what it leaves over, level by level: the baseline
of every RQ-VAE, in a fraction of the time. The model and the IDs are used like
those of rqvae train.`,
      OVERWRITING,
    ],
    "rqvae kmeans emoji.npy --labels emoji.labels.json --codes 64",
  ),
  run,
};

async function run(given: Given): Promise<number> {
  const { codebookRefine: refine = true, ...sizes } = readOptions(given).model;
  const options: ResidualKMeansOptions = { ...sizes, refine };
  requireOneStdout(given);
  const place = await openWorkplace(given, given.values.force === true);
  const start = performance.now();
  const model = await fitWatched(place, options);
  try {
    const seconds = (performance.now() - start) / 1000;
    const written = await writeModel(place, model);
    const provenance = provenanceOf(model);
    if (given.values.json) {
      const outcome = { ...(await outcomeOf(model, place, written, provenance)), seconds };
      process.stdout.write(`${JSON.stringify(outcome, undefined, 2)}\n`);
    } else if (!place.quiet) {
      await written.tell({ effort: `residual k-means in ${duration(seconds)}` }, provenance);
    }
    return 0;
  } finally {
    model.dispose();
  }
}

/** Fits the codebooks, showing the progress on stderr. */
async function fitWatched({ items, itemsPath, quiet }: Workplace, options: ResidualKMeansOptions): Promise<RQVAE> {
  const view = jobView(process.stderr, "Fitting the codebooks");
  const watch = quiet ? {} : { onProgress: view.update };
  try {
    return await interruptible((signal) => residualKMeans(items, { ...options, signal, ...watch }));
  } catch (error) {
    if (error instanceof Interrupted) {
      process.stderr.write("Stopped before the codebooks were ready: nothing was written.\n");
    }
    throw inCommandLine(error) ?? nameFile(itemsPath, error);
  } finally {
    if (!quiet) view.end();
  }
}
