// Trains one epoch and encodes everything from the file; writes model and codes.
import { writeFileSync } from "node:fs";
import { RQVAE } from "rqvae";
import { openItems } from "rqvae/formats";

const [, , path, modelPath, codesPath] = process.argv;
const source = await openItems(path);
const started = performance.now();
let rate = 0;
// The reference shape, 768 -> [256, 128] -> 64, 3 x 256: the quicker the model, the more the reading counts.
const model = await RQVAE.create({ inputDim: source.dim });
await model.train(source, {
  epochs: 1,
  onProgress({ itemsPerSecond }) {
    rate = itemsPerSecond ?? rate;
  },
});
const trained = performance.now();
const ids = await model.encodeAsync(source);
const seconds = (performance.now() - trained) / 1000;
writeFileSync(modelPath, model.save());
writeFileSync(codesPath, ids.codes);
console.log(
  JSON.stringify({
    trainSeconds: (trained - started) / 1000,
    trainedPerSecond: rate,
    encodedPerSecond: ids.length / seconds,
    peakBytes: 1024 * process.resourceUsage().maxRSS,
  }),
);
process.exit();
