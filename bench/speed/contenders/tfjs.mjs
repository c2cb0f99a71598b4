// TensorFlow.js on its WebAssembly backend: the same model, written with its operations as people
// would, or (tfjs-tuned) around what slows its training.
import { dirname, sep } from "node:path";
import { importPackage, pathOf } from "./packages.mjs";
import { serve, stepping } from "./serve.mjs";
import { readWeights } from "./tensors.mjs";

const tf = await importPackage("@tensorflow/tfjs");
const { setWasmPaths } = await importPackage("@tensorflow/tfjs-backend-wasm");
setWasmPaths(dirname(pathOf("@tensorflow/tfjs-backend-wasm")) + sep);

/** @type {ReturnType<typeof readWeights>} */
let weights;
/** @type {ReturnType<typeof makeModel>} */
let model;

/** The weights as variables, in -> out: this backend's fast product transposes nothing. */
function makeModel() {
  const variable = ({ shape, data }) => tf.variable(tf.tensor(data, shape));
  const layer = ({ weight, bias }) => ({
    weight: tf.tidy(() => tf.variable(tf.transpose(tf.tensor(weight.data, weight.shape)))),
    bias: variable(bias),
  });
  return {
    encoder: weights.encoder.map(layer),
    decoder: weights.decoder.map(layer),
    codebooks: weights.codebooks.map(variable),
  };
}

/** x W + b as its dense layers compute it. */
const dense = (x, weight, bias) => tf.fused.matMul({ a: x, b: weight, bias });
/** The same with a gradient that transposes first: its own multiplies transposed matrices, for which this backend's product is slow. */
const tunedDense = tf.customGrad((x, weight, bias, save) => {
  save([x, weight]);
  return {
    value: dense(x, weight, bias),
    gradFunc: (dy, [a, b]) => [tf.matMul(dy, tf.transpose(b)), tf.matMul(tf.transpose(a), dy), tf.sum(dy, 0)],
  };
});
const linear = process.argv[3] === "tfjs-tuned" ? tunedDense : dense;

function mlp(layers, x) {
  return layers.reduce((h, { weight, bias }, i) => {
    const y = linear(h, weight, bias);
    return i + 1 < layers.length ? y.mul(tf.sigmoid(y)) : y;
  }, x);
}

const nearest = (residual, codebook) =>
  tf.argMin(tf.sum(tf.square(codebook), 1).sub(tf.matMul(residual, tf.transpose(codebook)).mul(2)), 1);

/** The same value, through which no gradient passes. */
const detached = tf.customGrad((x) => ({ value: x.clone(), gradFunc: (dy) => tf.zerosLike(dy) }));
/** The nearest codes, by a product with one-hot rows, for this backend's gather has no gradient. None passes to the residual. */
const gather = tf.customGrad((residual, codebook, save) => {
  const chosen = tf.oneHot(nearest(residual, codebook), codebook.shape[0]).cast("float32");
  save([residual, chosen]);
  return {
    value: tf.matMul(chosen, codebook),
    gradFunc: (dy, [r, oneHot]) => [tf.zerosLike(r), tf.matMul(tf.transpose(oneHot), dy)],
  };
});

function lossOf({ encoder, decoder, codebooks }, x) {
  const { commitmentWeight } = weights;
  const squared = (a, b) => tf.mean(tf.sum(tf.squaredDifference(a, b), 1));
  const z = mlp(encoder, x);
  let residual = z;
  let sum = tf.zerosLike(z);
  let loss = tf.scalar(0);
  for (const codebook of codebooks) {
    const code = gather(residual, codebook);
    const fixed = detached(code);
    loss = loss.add(squared(detached(residual), code)).add(squared(residual, fixed).mul(commitmentWeight));
    residual = residual.sub(fixed);
    sum = sum.add(fixed);
  }
  const straightThrough = z.add(detached(sum.sub(z)));
  return loss.add(squared(mlp(decoder, straightThrough), x));
}

serve(
  stepping({
    async load({ model: path }) {
      await tf.setBackend("wasm");
      await tf.ready();
      weights = readWeights(path);
      model = makeModel();
    },
    encode({ data, rows, dim }) {
      const columns = tf.tidy(() => {
        let residual = mlp(model.encoder, tf.tensor2d(data, [rows, dim]));
        const codes = [];
        for (const codebook of model.codebooks) {
          const code = nearest(residual, codebook);
          codes.push(code);
          residual = residual.sub(tf.gather(codebook, code));
        }
        return tf.stack(codes, 1);
      });
      const codes = columns.dataSync();
      columns.dispose();
      return codes;
    },
    trainer() {
      const trained = makeModel();
      const optimizer = tf.train.adam(1e-3, 0.9, 0.999, 1e-8);
      return ({ data, rows, dim }) =>
        tf.tidy(() => {
          const x = tf.tensor2d(data, [rows, dim]);
          return optimizer.minimize(() => lossOf(trained, x), true).dataSync()[0];
        });
    },
  }),
);
