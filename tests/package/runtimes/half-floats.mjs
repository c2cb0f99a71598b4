// `Float16Array` in every form, in runtimes that have it; prints how many uses gave the IDs of the same values.
import { RQVAE } from "rqvae";
import { writeVectors } from "rqvae/formats";
import { RQVAEWorker } from "rqvae/worker";

const rows = 60;
const dim = 3;
const halves = () => Float16Array.from({ length: rows * dim }, (_, i) => Math.sin(i * i));
const same = Float32Array.from(halves());
const source = { rows, dim, read: (first, count) => halves().subarray(first * dim, (first + count) * dim) };
const lines = Array.from({ length: rows }, (_, i) => halves().subarray(i * dim, (i + 1) * dim));

const model = await RQVAE.fit({ data: halves(), rows, dim }, { epochs: 1, codebookSize: 4 });
const worker = await RQVAEWorker.load(model.save());
const expected = String(model.encode(same).codes);
const found = [
  model.encode(halves()),
  model.encode({ data: halves(), rows, dim }),
  model.encode(lines),
  await model.encodeAsync(source),
  await worker.encode(halves()),
  await worker.encode({ data: halves(), rows, dim }, { transfer: true }),
  await worker.encode(lines),
  await worker.encodeAsync(source),
];
const right = found.filter(({ codes }) => String(codes) === expected).length;
await worker.dispose();

const written = async (data) => {
  const parts = [];
  for await (const part of writeVectors("npy", { data, rows, dim })) parts.push(...part);
  return String(parts);
};
const isWritten = (await written(halves())) === (await written(same));
console.log(`${right} of ${found.length}, ${isWritten ? "written" : "written wrongly"}`);
