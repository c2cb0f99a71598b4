// The ceiling's loop on a thread of its own, for machine.mjs: starts when told, with the others.
import { parentPort, workerData } from "node:worker_threads";
import { loop } from "./ceiling.mjs";

const measure = await loop(workerData.accumulators);
parentPort?.on("message", (milliseconds) => parentPort?.postMessage(measure(milliseconds)));
parentPort?.postMessage("ready");
