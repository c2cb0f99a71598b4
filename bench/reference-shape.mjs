// Training and encoding speed at the reference shape 768 -> [256, 128] -> 64, 3 x 256, on 10,240 structured items.
//
//   node bench/reference-shape.mjs
import { RQVAE } from "rqvae";

const [rows, dim] = [10_240, 768];
const items = { data: new Float32Array(rows * dim), rows, dim };
let state = 1;
const next = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
};
const centres = Float32Array.from({ length: 500 * dim }, next);
for (let i = 0; i < rows; i++) {
  const c = Math.floor((next() + 1) * 250);
  for (let j = 0; j < dim; j++) items.data[i * dim + j] = centres[c * dim + j] + next() / 2;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const reference = { linearSkip: "none", inputScaling: "none", codebookGradient: "quantization" };
const report = [];
for (const [name, options] of [
  ["plain", reference],
  ["skip, noise", { inputNoise: 0.3 }],
]) {
  const model = await RQVAE.create({ inputDim: dim, ...options });
  const started = performance.now();
  await model.kmeansInitCodebooks(items);
  report.push({ what: `${name}: initialise`, value: ((performance.now() - started) / 1000).toFixed(2), unit: "s" });
  for (const batchSize of [256, 1024]) {
    const rates = [];
    for (let repeat = 0; repeat < 5; repeat++) {
      let last;
      await model.train(items, { epochs: 1, batchSize, onProgress: (event) => (last = event) });
      rates.push(last.itemsPerSecond);
    }
    report.push({ what: `${name}: train, batch ${batchSize}`, value: Math.round(median(rates)), unit: "items/s" });
  }
  const rates = [];
  for (let repeat = 0; repeat < 6; repeat++) {
    const start = performance.now();
    model.encode(items);
    rates.push((1000 * rows) / (performance.now() - start));
  }
  report.push({ what: `${name}: encode, 10,240 at once`, value: Math.round(median(rates)), unit: "items/s" });
  const one = items.data.slice(0, dim);
  const times = Array.from({ length: 300 }, () => {
    const start = performance.now();
    model.encode(one);
    return 1000 * (performance.now() - start);
  });
  report.push({ what: `${name}: encode one vector`, value: median(times).toFixed(0), unit: "µs" });
  model.dispose();
}
console.table(report);
