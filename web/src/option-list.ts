import type { ModelOptions, TrainOptions } from "rqvae";

type ModelName = Exclude<keyof ModelOptions, "inputDim">;
type TrainName = Exclude<keyof TrainOptions, "onProgress" | "signal" | "checkpoint" | "resume">;

/** One option of the model or of the training, as the form shows it. */
export interface OptionField {
  /** Of the field, in the form and in the page's link. */
  field: string;
  option: ModelName | TrainName;
  of: "model" | "train";
  label: string;
  hint: string;
  /** "list": one number, or one a level; "choice": one of `choices`. */
  kind: "number" | "list" | "choice" | "flag";
  choices?: readonly string[];
  /** What the library takes when nothing is said and nothing is suggested. */
  fallback: string;
  group: string;
}

type Entry<N> = [
  option: N,
  label: string,
  kind: "number" | "list" | "flag" | readonly string[],
  fallback: string | number,
  hint: string,
  field?: string,
];

function group<N extends string>(of: "model" | "train", name: string, entries: Entry<N>[]): OptionField[] {
  return entries.map(([option, label, kind, fallback, hint, field]) => ({
    field: field ?? option,
    option: option as ModelName | TrainName,
    of,
    label,
    hint,
    group: name,
    fallback: String(fallback),
    ...(typeof kind === "string" ? { kind } : { kind: "choice" as const, choices: kind }),
  }));
}

const model = (name: string, entries: Entry<ModelName>[]) => group("model", name, entries);
const train = (name: string, entries: Entry<TrainName>[]) => group("train", name, entries);

/** Every option that there is. The groups "id" and "training" are the simple view. */
export const optionFields: readonly OptionField[] = [
  ...model("id", [
    ["nQuantizationLayers", "Levels", "number", 3, "Codes in an ID.", "levels"],
    ["codebookSize", "Codes per level", "list", 256, "Choices for each code.", "codes"],
  ]),
  ...train("training", [
    ["epochs", "Epochs", "number", 100, "Times it sees every item.", "epochs"],
    ["batchSize", "Batch size", "number", 1024, "Items looked at together.", "batch"],
  ]),
  ...model("training", [
    ["latentDim", "Latent width", "number", 64, "Numbers an item is boiled down to.", "latent"],
    ["seed", "Seed", "number", 0, "Same seed, same IDs.", "seed"],
  ]),
  ...model("The network", [
    ["hiddenDims", "Hidden widths", "list", "256, 128", "Sizes of the layers between item and latent."],
    ["activation", "Activation", ["silu", "relu"], "silu", "The bend between the layers."],
    ["layerNorm", "Layer norm", "flag", "no", "Evens out each hidden layer."],
    ["linearSkip", "Linear path", ["none", "pca", "identity"], "pca", "A straight path beside the layers."],
    [
      "inputScaling",
      "Input scaling",
      ["none", "center", "commonScale", "perDimension", "l2"],
      "commonScale",
      "What is done to the numbers first.",
    ],
    ["inputNoise", "Input noise", "number", 0, "Shakes the items in training."],
  ]),
  ...model("The codes", [
    ["codebookKmeansInit", "Start by k-means", "flag", "yes", "Codes begin at groups of items."],
    ["codebookUpdate", "Codes move by", ["gradient", "ema"], "gradient", "The optimiser, or moving averages."],
    ["emaDecay", "Average's memory", "number", 0.99, "For moving averages: how slow."],
    [
      "codebookGradient",
      "Codes learn from",
      ["quantization", "joint"],
      "joint",
      "Their distance only, or the result too.",
    ],
    [
      "gradientEstimator",
      "Gradient passes",
      ["straightThrough", "rotation"],
      "straightThrough",
      "How learning gets past the choice.",
    ],
    ["sinkhornEpsilon", "Balancing", "list", 0, "Spreads a batch over the codes; 0 is off."],
    ["sinkhornIterations", "Balancing rounds", "number", 50, "Rounds of balancing a batch."],
    ["encodeBeam", "Search width", "number", 1, "Beginnings tried when an ID is chosen."],
    ["codebookSimVq", "SimVQ", "flag", "no", "Moves all codes of a level together."],
    ["compat", "Compatibility", ["none", "hopwise"], "none", "Computes as the Hopwise tutorial does."],
  ]),
  ...model("What counts", [
    ["reconstruction", "Reconstruction by", ["mse", "cosine"], "mse", "Distance, or angle only."],
    ["reconstructionWeight", "Reconstruction weight", "number", 1, "How much a faithful result counts."],
    ["codebookWeight", "Codebook weight", "number", 1, "How hard codes are pulled to items."],
    ["commitmentWeight", "Commitment weight", "number", 0.25, "How hard items are pulled to codes."],
  ]),
  ...train("What counts", [
    ["separationWeight", "Separation weight", "number", 0, "Pulls items with one ID apart."],
    ["separationMargin", "Separation margin", "number", 0.05, "How far apart they are pulled."],
  ]),
  ...train("The pace", [
    ["optimizer", "Optimiser", ["adam", "adamw", "adagrad", "sgd"], "adam", "The rule that moves the weights."],
    ["learningRate", "Learning rate", "number", 0.001, "Size of a step."],
    ["schedule", "Schedule", ["constant", "cosine", "linear"], "constant", "How steps get smaller."],
    ["warmup", "Warm-up", "number", 0, "Share of the run with growing steps."],
    ["encoderLearningRateScale", "Encoder's pace", "number", 1, "Times the learning rate."],
    ["decoderLearningRateScale", "Decoder's pace", "number", 1, "Times the learning rate."],
    ["codebookLearningRateScale", "Codes' pace", "number", 1, "Times the learning rate."],
    ["gradientClip", "Gradient limit", "number", 0, "Shortens steps that are too long; 0 is off."],
    ["weightDecay", "Weight decay", "number", 0, "Keeps weights small."],
    ["beta1", "Beta 1", "number", 0.9, "Adam's memory of directions."],
    ["beta2", "Beta 2", "number", 0.999, "Adam's memory of sizes."],
    ["epsilon", "Epsilon", "number", 1e-8, "Keeps divisions safe."],
    ["momentum", "Momentum", "number", 0, "Of SGD."],
  ]),
  ...train("What is kept", [
    ["residualNoise", "Residual noise", "number", 0, "Shakes items as far as IDs blur them."],
    ["deadCodeRestart", "Revive unused codes", "flag", "no", "Moves codes that nobody has."],
    ["validationShare", "Held out", "number", 0, "Share of items kept for judging."],
    ["evaluateEvery", "Judge every", "number", "epochs / 50", "Epochs between two looks at the IDs."],
    ["select", "Keep", ["last", "loss", "collision"], "loss if held out, else last", "Which state is the result."],
    ["patience", "Patience", "number", 0, "Looks without progress before it stops; 0 is never."],
  ]),
];

/** The field of an option of the library. */
export const fieldOf = (option: string): OptionField | undefined =>
  optionFields.find((entry) => entry.option === option);
