/** The script of a worker thread: `new Worker(new URL("./entry.node.js", import.meta.url))`. */
import { parentPort } from "node:worker_threads";
import { serve } from "./serve.ts";
import { ownThreadPort } from "./thread-port.ts";

if (parentPort) serve(ownThreadPort(parentPort));
