/** The script of a worker thread: `new Worker(new URL("./entry.node.js", import.meta.url))`. */
import { parentPort } from "node:worker_threads";
import { serve } from "./serve.ts";

if (parentPort) {
  const port = parentPort;
  serve({
    post: (reply, transfer) => port.postMessage(reply, transfer),
    onRequest: (listener) => port.on("message", listener),
  });
  // The call that it carried could never be answered: end, so that the client rejects it.
  port.on("messageerror", (error) => {
    throw error;
  });
}
