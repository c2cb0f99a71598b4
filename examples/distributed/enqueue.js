/**
 * Makes the jobs for a catalogue and waits for its index. Jobs hold paths, a range of rows and the model's fingerprint, never vectors.
 *
 *   node enqueue.js model.safetensors items.npy index.bin [--rows-per-job 200000] [--capacity 256]
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { FlowProducer, QueueEvents } from "bullmq";
import { RQVAE } from "rqvae";
import { openItems } from "rqvae/formats";
import { connection, QUEUE } from "./queue.js";
import { rowRanges } from "./shard.js";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    "rows-per-job": { type: "string", default: "200000" },
    capacity: { type: "string", default: "256" },
  },
});
const [rowsPerJob, capacity] = [values["rows-per-job"], values.capacity].map(Number);
if (positionals.length !== 3 || ![rowsPerJob, capacity].every((number) => Number.isInteger(number) && number > 0)) {
  console.error("usage: node enqueue.js MODEL ITEMS INDEX [--rows-per-job N] [--capacity N]");
  process.exit(2);
}
const [modelPath, itemsPath, output] = positionals.map((path) => resolve(path));

const model = await RQVAE.load(modelPath);
const { fingerprint, config } = model;
model.dispose();
const items = await openItems(itemsPath);
const { rows, dim } = items;
await items.close();
if (dim !== config.inputDim) {
  console.error(`${itemsPath} has vectors of dimension ${dim}, the model takes ${config.inputDim}`);
  process.exit(1);
}

const folder = `${output}.shards`;
const retried = { attempts: 5, backoff: { type: "exponential", delay: 1000 } };
const kept = { removeOnComplete: { age: 24 * 3600 }, removeOnFail: { age: 7 * 24 * 3600 } }; // seconds
const flow = {
  name: "merge",
  queueName: QUEUE,
  data: { items: itemsPath, fingerprint, output, capacity },
  opts: { ...retried, ...kept },
  children: rowRanges(rows, rowsPerJob).map((range) => ({
    name: "encode",
    queueName: QUEUE,
    data: { model: modelPath, fingerprint, items: itemsPath, rows, ...range, folder },
    opts: { ...retried, ...kept, failParentOnFailure: true },
  })),
};

const producer = new FlowProducer({ connection });
const events = new QueueEvents(QUEUE, { connection });
const reasons = new Map();
events.on("failed", ({ jobId, failedReason }) => reasons.set(jobId, failedReason));
let children = [];
try {
  await events.waitUntilReady();
  const added = await producer.add(flow);
  const { job } = added;
  children = added.children;
  console.log(`${rows} rows in ${flow.children.length} jobs; they continue without this program`);
  const { items: count } = await job.waitUntilFinished(events);
  console.log(`${count} items: ${output}`);
} catch (error) {
  const why = children.map(({ job }) => reasons.get(job.id)).filter((reason) => reason !== undefined);
  console.error([error.message, ...new Set(why)].join("\n"));
  process.exitCode = 1;
} finally {
  await events.close();
  await producer.close();
}
