/** Works on one job at a time, until SIGINT or SIGTERM: start one process per core. */
import { Worker } from "bullmq";
import { connection, QUEUE } from "./queue.js";
import { encodeShard, mergeShards } from "./shard.js";

/** How long a job waits for a worker that was killed: its lock is renewed at half of it, and the others look for lost ones as often. */
const LOCK_MS = Number(process.env.LOCK_MS ?? 30_000);

async function work(job) {
  if (job.name === "merge") {
    const shards = Object.values(await job.getChildrenValues());
    console.log(`merging ${shards.length} shards`);
    return mergeShards(job.data, shards);
  }
  const { first, count } = job.data;
  console.log(`encoding rows ${first} to ${first + count - 1}`);
  const path = await encodeShard(job.data);
  console.log(`encoded rows ${first} to ${first + count - 1}`);
  return path;
}

const worker = new Worker(QUEUE, work, {
  connection,
  concurrency: 1, // a job fills its core
  lockDuration: LOCK_MS,
  stalledInterval: LOCK_MS,
  maxStalledCount: 10, // killed workers that a job survives
});
worker.on("failed", (job, error) => console.error(`${job?.name} ${job?.id} failed: ${error.message}`));
worker.on("error", (error) => console.error(error.message)); // Redis is away, or a lock was lost

/** The job at hand is finished; a second signal ends at once. */
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => worker.close());

await worker.waitUntilReady();
console.log(`worker ${process.pid} is ready`);
