/**
 * The same training everywhere: run in Node and, served as it is, in every browser. Returns hashes of the model file, the IDs (of
 * a single call and of a long one), the latents and the reconstruction, and of the model file of the same training with an interruption.
 */

/** FNV-1a over bytes, 32 bits: whatever the host, integer arithmetic only. */
function fnv(view) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, "0");
}

/** rows x dim of structured values, integer arithmetic and exact divisions only. */
export function catalogue(rows, dim) {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const x = Math.imul(state ^ (state >>> 16), 0x45d9f3b) >>> 0;
    return (x ^ (x >>> 13)) / 2 ** 31;
  };
  const centres = Array.from({ length: 12 * dim }, next);
  const data = new Float32Array(rows * dim);
  for (let i = 0; i < rows; i++) {
    const centre = Math.abs(Math.trunc(next() * 1e6)) % 12;
    for (let j = 0; j < dim; j++) data[i * dim + j] = 3 + centres[centre * dim + j] + next() / 4;
  }
  return { data, rows, dim };
}

/** Between them, every kind of computation that training and encoding know. */
const SHAPES = [
  { options: {}, train: { optimizer: "adam", schedule: "cosine", warmup: 0.1, codebookLearningRateScale: 5 } },
  {
    options: { inputNoise: 0.3, codebookSize: [7, 40, 19], activation: "relu" },
    train: { optimizer: "adamw", weightDecay: 0.1 },
  },
  { options: { compat: "hopwise", hiddenDims: [17, 9] }, train: { optimizer: "adagrad", learningRate: 0.01 } },
  {
    options: { linearSkip: "none", inputScaling: "center", codebookGradient: "quantization" },
    train: { optimizer: "sgd", momentum: 0.9 },
  },
  {
    // Averages, balanced assignment, layer normalisation, a beam, and what training adds around the steps.
    options: {
      codebookUpdate: "ema",
      emaDecay: 0.9,
      sinkhornEpsilon: [0, 0.01, 0.003],
      layerNorm: true,
      inputScaling: "perDimension",
      encodeBeam: 5,
    },
    train: { deadCodeRestart: "withSinkhorn", validationShare: 0.15, patience: 3, gradientClip: 0.5 },
  },
  {
    // Codes that nobody chooses at first: N(0, 1) and no k-means.
    options: {
      codebookKmeansInit: false,
      linearSkip: "none",
      gradientEstimator: "rotation",
      reconstruction: "cosine",
      inputScaling: "l2",
      codebookSize: [64, 9, 33],
    },
    train: { deadCodeRestart: true, schedule: "linear", learningRate: 0.01 },
  },
  {
    options: { latentDim: 37, linearSkip: "identity", codebookSimVq: true, codebookSize: 8, inputScaling: "none" },
    train: { residualNoise: 0.8, select: "collision", evaluateEvery: 2 },
  },
  {
    // As suggestConfig has it, with few codes so that IDs are shared and pulled apart.
    options: { codebookSize: 8, reconstructionWeight: 3, encodeBeam: 8, firstCodeWeight: 1 },
    train: { residualNoise: 0.7, separationWeight: 30, validationShare: 0.1, optimizer: "adamw", learningRate: 2e-3 },
  },
];

/** Stopped in the middle, saved, and gone on with from the bytes in a new model. */
async function interrupted(RQVAE, items, options, train) {
  const stopper = new AbortController();
  const first = await RQVAE.create(options);
  let bytes;
  const checkpoint = {
    everyMs: 0,
    write(written) {
      bytes = written;
      stopper.abort();
    },
  };
  // A fast engine may be done before the first slice ends: then the run of the whole is the same anyway.
  await first.train(items, { ...train, checkpoint, signal: stopper.signal }).catch(() => {});
  first.dispose();
  const second = await RQVAE.create(options);
  await second.train(items, bytes === undefined ? train : { resume: bytes });
  return second;
}

export async function program(RQVAE) {
  const items = catalogue(1000, 37);
  const lines = [];
  for (const { options, train } of SHAPES) {
    const all = { inputDim: 37, latentDim: 11, hiddenDims: [29], codebookSize: 32, seed: 5, ...options };
    const how = { epochs: 4, batchSize: 300, ...train };
    const model = await RQVAE.create(all);
    const history = await model.train(items, how);
    const resumed = await interrupted(RQVAE, items, all, how);
    const parts = {
      model: model.save(),
      ids: model.encode(items).codes,
      longIds: (await model.encodeAsync(items)).codes,
      latents: model.latents(items),
      reconstruction: model.reconstruct(items),
      resumed: resumed.save(),
    };
    lines.push(
      `${model.fingerprint} ${Object.entries(parts)
        .map(([name, view]) => `${name} ${fnv(view)}`)
        .join(" ")} ${JSON.stringify(history.epochs.at(-1))}`,
    );
    model.dispose();
    resumed.dispose();
  }
  return lines.join("\n");
}
