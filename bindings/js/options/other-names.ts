/** What other programs call the options (`Words.elsewhere`), and which of their options do not exist here. */

import { option, quoted, type Wording, worded } from "../base/wording.ts";
import { OPTIONS, type OptionDescription } from "./describe.ts";

/** Options that are not values, each with its other names. */
const CALLBACKS: Readonly<Record<string, string>> = {
  signal: "abort_signal controller",
  onProgress: "progress callback callbacks on_epoch_end progress_callback",
  resume: "resume_from resume_from_checkpoint",
};

const namesOf = (part: OptionDescription["of"]) =>
  Object.fromEntries(OPTIONS.filter(({ of }) => of === part).map(({ name, elsewhere = "" }) => [name, elsewhere]));
/** Options of a model, each with its other names; of training, likewise. */
const MODEL: Readonly<Record<string, string>> = {
  inputDim: "in_dim input_size vae_input_dim dim d_in",
  ...namesOf("model"),
};
const TRAIN: Readonly<Record<string, string>> = { ...namesOf("train"), ...CALLBACKS };

/** Options that do not exist here, and what to do instead. */
const NOTES: Record<string, Wording> = {
  betas: worded`: they are two options here, ${option("beta1")} and ${option("beta2")}`,
  quant_loss_weight: worded`: each of the quantiser's two losses has its own weight here, ${option("codebookWeight")} and ${option("commitmentWeight")}`,
  bn: worded`: there is no batch normalisation, since an item's ID must not depend on its batch; use ${option("layerNorm")}`,
  dropout: worded`: there is no dropout; use ${option("inputNoise")} to keep training from memorising the items`,
  warmup_steps: worded`: ${option("warmup")} is a share of all steps here, from 0 to 1`,
  iterations: worded`: give the length of training in ${option("epochs")} here, passes over all items`,
  kmeans_iters: [": k-means runs until it converges"],
  num_workers: [
    {
      api: ": give the number of threads to initialize({ threads })",
      cli: ": the library chooses the number of threads",
    },
  ],
  device: [": everything runs on the CPU", { api: "; give the number of threads to initialize({ threads })", cli: "" }],
};
const NOTES_TOO: Record<string, string> = {
  dropout_prob: "dropout",
  dropout_rate: "dropout",
  batch_norm: "bn",
  use_bn: "bn",
  batchnorm: "bn",
  warmup_epochs: "warmup_steps",
  num_warmup_steps: "warmup_steps",
  steps: "iterations",
  max_steps: "iterations",
  n_iter: "iterations",
  kmeans_max_iters: "kmeans_iters",
  threads: "num_workers",
  workers: "num_workers",
  gpu_id: "device",
  cuda: "device",
};

const plain = (name: string) => name.replaceAll(/[_-]/g, "").toLowerCase();

function named(name: string, options: Record<string, string>, known: readonly string[]): string | undefined {
  const wanted = plain(name);
  const found = Object.keys(options).filter(
    (ours) => plain(ours) === wanted || options[ours]!.split(" ").some((other) => plain(other) === wanted),
  );
  return found.find((ours) => known.includes(ours)) ?? found[0];
}

/** The library's option for another program's name. */
export const optionNamed = (name: string, known: readonly string[] = []): string | undefined =>
  [named(name, MODEL, known), named(name, TRAIN, known)]
    .filter((found) => found !== undefined)
    .sort((a, b) => Number(known.includes(b)) - Number(known.includes(a)))[0];

/**
 * What to know about an option of that name, where `known` are the options that can be given: what it is called here, or where it belongs.
 * Undefined if no option has that name.
 */
export function explainName(name: string, known: readonly string[]): Wording | undefined {
  const wanted = plain(name);
  const mine = known.find((each) => plain(each) === wanted);
  if (mine !== undefined) return worded`; did you mean ${quoted(mine)}?`;
  const ours = optionNamed(name, known);
  // If a call has its own options with these names (levels, beam), those are meant.
  const others = ours === undefined ? [] : ` ${MODEL[ours] ?? TRAIN[ours]} `.split(" ");
  const own = known.find((each) => each === ours || others.some((other) => plain(other) === plain(each)));
  if (own !== undefined) return worded`: it is called ${option(own)} here`;
  const note = Object.keys({ ...NOTES, ...NOTES_TOO }).find((each) => plain(each) === wanted);
  if (note !== undefined) return NOTES[NOTES_TOO[note] ?? note];
  if (ours === undefined) return undefined;
  const isSame = ours === name;
  if (ours in MODEL && known.includes("batchSize"))
    return worded`: ${isSame ? "it" : option(ours)} is an option of the model; give it to RQVAE.create or RQVAE.fit`;
  if (ours in TRAIN && known.includes("latentDim"))
    return worded`: ${isSame ? "it" : option(ours)} is an option of training; give it to train or RQVAE.fit`;
  return undefined;
}

/** Shorter names are within two letters of too many other names. */
const GUESSABLE = 5;

/** The known name within two edits of a mistyped one, if it is long enough for that to mean anything. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const near = known
    .map((candidate) => ({ candidate, edits: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ edits }) => edits <= 2)
    .sort((a, b) => a.edits - b.edits);
  const [first, second] = near;
  // Two names that are equally near are no guess.
  if (first === undefined || first.edits === second?.edits || first.candidate.length < GUESSABLE) return undefined;
  return first.candidate;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
