/**
 * The same training everywhere: run in Node and, served as it is, in every browser. Returns hashes of the model file, the IDs, the
 * latents and the reconstruction.
 */

/** FNV-1a over bytes, 32 bits: whatever the host, integer arithmetic only. */
function fnv(view) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, "0");
}

/** rows x dim of structured values, integer arithmetic and exact divisions only. */
function catalogue(rows, dim) {
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
];

export async function program(RQVAE) {
  const items = catalogue(1000, 37);
  const lines = [];
  for (const { options, train } of SHAPES) {
    const model = await RQVAE.create({
      inputDim: 37,
      latentDim: 11,
      hiddenDims: [29],
      codebookSize: 32,
      seed: 5,
      ...options,
    });
    const history = await model.train(items, { epochs: 4, batchSize: 300, ...train });
    const parts = {
      model: model.save(),
      ids: model.encode(items).codes,
      latents: model.latents(items),
      reconstruction: model.reconstruct(items),
    };
    lines.push(
      `${model.fingerprint} ${Object.entries(parts)
        .map(([name, view]) => `${name} ${fnv(view)}`)
        .join(" ")} ${JSON.stringify(history.epochs.at(-1))}`,
    );
    model.dispose();
  }
  return lines.join("\n");
}
