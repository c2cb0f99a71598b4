import type { Reply, Request } from "./protocol.ts";

/** A running worker as the client sees it, identical for every host. */
export interface WorkerPort {
  post(request: Request, transfer: ArrayBuffer[]): void;
  onReply(listener: (reply: Reply) => void): void;
  /** Called when the worker crashes, cannot start, sends something unreadable, or ends by itself. */
  onFailure(listener: (message: string, cause?: unknown) => void): void;
  /** Sets whether a call is pending. A worker thread without one does not keep the process alive. */
  setBusy(busy: boolean): void;
  terminate(): Promise<void>;
}

/** How many threads the machine can run at once. */
export declare function availableCores(): number;

/** Starts a worker that runs `serve`. Implemented by `host.node.ts` and `host.web.ts`; the import condition chooses one. */
export declare function startWorker(): WorkerPort;
