/** Where the queue is: the same for those who enqueue and those who work. */
export const QUEUE = "rqvae";

export const connection = {
  url: process.env.REDIS_URL ?? "redis://127.0.0.1:6379",
  maxRetriesPerRequest: null, // a worker waits for a Redis that restarts
};
