import { adviseCapacity, RQVAE, residualKMeans } from "rqvae";
import { describe, expect, it } from "vitest";
import { nearestName } from "../../../bindings/js/options/other-names.ts";
import { rqvae, useFolder } from "../cli/harness.ts";

const items = Array.from({ length: 30 }, (_, i) => [i, i % 3, i % 7, i % 5]);
const messageOf = (call: () => unknown): Promise<string> =>
  Promise.resolve()
    .then(call)
    .then(
      () => "nothing was refused",
      (error: Error) => `${error.name}: ${error.message}`,
    );

/** Names of other programs, and what they are here and on the command line. */
const NAMES: [name: string, option: string, flag: string][] = [
  // PyTorch
  ["lr", "learningRate", "--lr"],
  ["learning_rate", "learningRate", "--lr"],
  ["weight_decay", "weightDecay", "--weight-decay"],
  ["batch_size", "batchSize", "--batch"],
  ["num_epochs", "epochs", "--epochs"],
  ["eps", "epsilon", "--epsilon"],
  ["max_grad_norm", "gradientClip", "--clip"],
  // Hopwise
  ["n_quantization_layers", "nQuantizationLayers", "--levels"],
  ["codebook_size", "codebookSize", "--codes"],
  ["latent_dim", "latentDim", "--latent"],
  ["hidden_dims", "hiddenDims", "--hidden"],
  ["codebook_kmeans_init", "codebookKmeansInit", "--codebook-kmeans-init"],
  ["codebook_sim_vq", "codebookSimVq", "--codebook-sim-vq"],
  // LC-Rec
  ["beta", "commitmentWeight", "--commitment"],
  ["num_emb_list", "codebookSize", "--codes"],
  ["e_dim", "latentDim", "--latent"],
  ["layers", "hiddenDims", "--hidden"],
  ["kmeans_init", "codebookKmeansInit", "--codebook-kmeans-init"],
  ["sk_epsilons", "sinkhornEpsilon", "--sinkhorn-epsilon"],
  ["sk_iters", "sinkhornIterations", "--sinkhorn-iterations"],
  ["eval_step", "evaluateEvery", "--evaluate-every"],
  // RQ-VAE-Recommender (TIGER)
  ["vae_codebook_size", "codebookSize", "--codes"],
  ["vae_n_layers", "nQuantizationLayers", "--levels"],
  ["vae_embed_dim", "latentDim", "--latent"],
  ["vae_hidden_dims", "hiddenDims", "--hidden"],
  ["n_layers", "nQuantizationLayers", "--levels"],
  ["embed_dim", "latentDim", "--latent"],
  ["commitment_weight", "commitmentWeight", "--commitment"],
  // GRID
  ["num_hierarchies", "nQuantizationLayers", "--levels"],
  ["codebook_width", "codebookSize", "--codes"],
];

describe("names of other programs are translated exactly", () => {
  it.each(NAMES)("%s in the library", async (name, option) => {
    const message = await messageOf(() => RQVAE.fit(items, { [name]: 1 } as object));
    expect(message).toMatch(/^InvalidInputError: RQVAE\.fit: unknown option "\w+"[;:] /);
    // A name that differs by its spelling only is asked about, another one translated.
    expect([`: it is called ${option} here`, `; did you mean "${option}"?`]).toContain(
      message.replace(/^.*unknown option "\w+"/, ""),
    );
  });

  it("input_dim is the model's", async () => {
    expect(
      await messageOf(() => RQVAE.create({ input_dim: 4, inputDim: 4 } as object as { inputDim: number })),
    ).toContain('did you mean "inputDim"?');
    expect(await messageOf(() => RQVAE.create({ in_dim: 4, inputDim: 4 } as object as { inputDim: number }))).toContain(
      "it is called inputDim here",
    );
  });

  it("in every call that has options", async () => {
    expect(await messageOf(() => residualKMeans(items, { n_layers: 2 } as object))).toContain(
      "it is called nQuantizationLayers here",
    );
    expect(await messageOf(() => residualKMeans(items, { beam: 2 } as object))).toContain(
      "it is called encodeBeam here",
    );
    expect(await messageOf(() => adviseCapacity(10, { codebook_size: 2 } as object))).toContain('"codebookSize"?');
  });

  it("an option of the model is none of the training, and the other way round", async () => {
    const model = await RQVAE.create({ inputDim: 4 });
    expect(await messageOf(() => model.train(items, { latentDim: 3 } as object))).toContain(
      'unknown option "latentDim": it is an option of the model; give it to RQVAE.create or RQVAE.fit',
    );
    expect(await messageOf(() => model.train(items, { beta: 0.25 } as object))).toContain(
      "commitmentWeight is an option of the model",
    );
    expect(await messageOf(() => RQVAE.create({ inputDim: 4, epochs: 3 } as object as { inputDim: number }))).toContain(
      "it is an option of training; give it to train or RQVAE.fit",
    );
    model.dispose();
  });

  it("what there is no option for is said, with what to do instead", async () => {
    for (const [name, advice] of [
      ["dropout_prob", "there is no dropout; use inputNoise"],
      ["bn", "layerNorm"],
      ["betas", "beta1 and beta2"],
      ["warmup_steps", "warmup is a share of all steps"],
      ["device", "threads"],
      ["quant_loss_weight", "codebookWeight and commitmentWeight"],
    ] as const) {
      expect(await messageOf(() => RQVAE.fit(items, { [name]: 1 } as object))).toContain(advice);
    }
  });
});

describe("a guess is made only where it is one", () => {
  it.each([
    ["epocs", ["epochs", "encodeBeam"], "epochs"],
    ["latntDim", ["latentDim"], "latentDim"],
    ["foo", ["force", "format"], undefined],
    ["beam", ["seed", "beta"], undefined],
    ["momentm", ["momentum"], "momentum"],
    ["lernigRat", ["learningRate"], undefined],
    ["adamm", ["adam", "adamw"], undefined],
    ["", ["epochs"], undefined],
  ])("%s of %j", (name, known, guess) => {
    expect(nearestName(name, known)).toBe(guess);
  });

  it("and none for a short name of another meaning", async () => {
    const message = await messageOf(() => RQVAE.fit(items, { foo: 1 } as object));
    expect(message).not.toContain("did you mean");
    expect(message).not.toContain("is called");
  });
});

describe("on the command line", () => {
  useFolder();
  const others = NAMES.filter(([name, , flag]) => flag !== `--${name.replaceAll("_", "-")}`);
  it.each(others)(
    "--%s",
    (name, _, flag) => {
      const { status, stderr } = rqvae("train", "items.npy", `--${name}`, "1");
      expect(status).toBe(2);
      expect(stderr).toMatch(new RegExp(`: it is called (${flag}|--${name.replaceAll("_", "-")}) here`));
    },
    20_000,
  );

  it("hyphens, capitals and = are no other name", () => {
    for (const option of ["--learning_rate=0.1", "--learningRate"]) {
      expect(rqvae("train", "items.npy", option, "0.1").stderr).toMatch(/: it is called --(lr|learning-rate) here/);
    }
    expect(rqvae("train", "items.npy", "-lr", "0.1").stderr).toContain("-lr needs two hyphens: --lr");
  });
});
