// Encodes the first rows in memory, by the model that was trained.
import { createHash } from "node:crypto";
import { RQVAE } from "rqvae";
import { openItems } from "rqvae/formats";

const [, , path, modelPath, part] = process.argv;
const source = await openItems(path);
const items = { data: (await source.read(0, Number(part))).slice(), rows: Number(part), dim: source.dim };
const model = await RQVAE.load(modelPath);
await model.encodeAsync({ ...items, data: items.data.subarray(0, items.dim * 2048), rows: 2048 }); // warm
const started = performance.now();
const ids = await model.encodeAsync(items);
const seconds = (performance.now() - started) / 1000;
console.log(
  JSON.stringify({
    encodedPerSecond: ids.length / seconds,
    bytes: ids.codes.byteLength,
    hash: createHash("sha256").update(ids.codes).digest("hex"),
  }),
);
