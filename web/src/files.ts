import type { FileResponse, FileTasks } from "./file-worker.ts";

interface Pending {
  resolve: (output: never) => void;
  reject: (error: Error) => void;
}

let worker: Worker | undefined;
let calls = 0;
const pending = new Map<number, Pending>();

function start(): Worker {
  const started = new Worker(new URL("./file-worker.ts", import.meta.url), { type: "module" });
  started.onmessage = ({ data }: MessageEvent<FileResponse>) => {
    const entry = pending.get(data.call);
    pending.delete(data.call);
    if ("error" in data) entry?.reject(Object.assign(new Error(data.error.message), { name: data.error.name }));
    else entry?.resolve(data.output as never);
  };
  started.onerror = () => {
    // The worker is gone (out of memory, most likely); the next call starts another.
    worker = undefined;
    for (const { reject } of pending.values())
      reject(new Error("The file could not be read: it may be too large for this browser."));
    pending.clear();
  };
  return started;
}

/** Runs a task of the file worker. */
export function fileTask<K extends keyof FileTasks>(
  task: K,
  input: FileTasks[K]["input"],
  transfer: Transferable[] = [],
): Promise<FileTasks[K]["output"]> {
  worker ??= start();
  const call = calls++;
  return new Promise((resolve, reject) => {
    pending.set(call, { resolve, reject });
    worker?.postMessage({ call, task, input }, transfer);
  });
}
