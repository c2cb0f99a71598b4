import { isMissing, MissingPart, whyMissing } from "../missing-part.ts";
import { PAGE_FOLDER } from "../page-folder.ts";
import type { EventOf, LabApi, LabReply, Method } from "./protocol.ts";

interface Pending {
  resolve(output: unknown): void;
  reject(error: Error): void;
  onEvent: ((event: never) => void) | undefined;
}

/** The worker went away: it was ended on purpose, or it failed. */
export class LabGone extends Error {
  override readonly name = "LabGone";
}

/** The page's end of the line to one worker. Ending it frees all it held: items, model, results. */
export class Lab {
  private readonly pending = new Map<number, Pending>();
  private worker: Worker | undefined;
  private calls = 0;

  call<M extends Method>(
    method: M,
    input: LabApi[M]["input"],
    onEvent?: (event: EventOf<M>) => void,
  ): Promise<LabApi[M]["output"]> {
    this.worker ??= this.start();
    const call = this.calls++;
    const { worker } = this;
    return new Promise<unknown>((resolve, reject) => {
      this.pending.set(call, { resolve, reject, onEvent: onEvent as Pending["onEvent"] });
      worker.postMessage({ call, method, input });
    }) as Promise<LabApi[M]["output"]>;
  }

  /** Ends the worker; calls under way reject with `LabGone`. The next call starts another. */
  end(): void {
    const gone = new LabGone("The worker was ended");
    for (const { reject } of this.drop()) reject(gone);
  }

  /** Ends the worker. @returns the calls under way */
  private drop(): Pending[] {
    this.worker?.terminate();
    this.worker = undefined;
    const waiting = [...this.pending.values()];
    this.pending.clear();
    return waiting;
  }

  private start(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: PAGE_FOLDER });
    let hasStarted = false;
    worker.onmessage = ({ data }: MessageEvent<LabReply>) => {
      if (data.type === "started") {
        hasStarted = true;
        return;
      }
      const entry = this.pending.get(data.call);
      if (data.type === "event") {
        entry?.onEvent?.(data.event as never);
        return;
      }
      this.pending.delete(data.call);
      if (data.type === "result") entry?.resolve(data.output);
      else {
        const error = Object.assign(new Error(data.error.message), data.error);
        if (isMissing(error)) void whyMissing(error).then((reason) => entry?.reject(reason));
        else entry?.reject(error);
      }
    };
    worker.onerror = async () => {
      if (worker !== this.worker) return;
      const waiting = this.drop();
      const reason = hasStarted
        ? new Error("The browser ran out of memory, most likely. Close other tabs, or take fewer items")
        : await whyMissing(new MissingPart());
      for (const { reject } of waiting) reject(reason);
    };
    return worker;
  }
}
