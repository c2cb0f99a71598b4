import { ScriptWorker } from "rqvae/worker";
import { isMissing, MissingPart, whyMissing } from "../base/missing-part.ts";
import { PAGE_FOLDER } from "../base/page-folder.ts";
import type { DataSource, TrainEvent } from "./types.ts";
import type { LabMethods } from "./worker.ts";

/** The worker was ended on purpose: nobody waits for its answers any more. */
export class LabGone extends Error {
  override readonly name = "LabGone";
}

/**
 * The worker that has the items and the model, so that the page's thread never touches either. Ending it frees its items, model and
 * results; the next call starts another.
 */
export class Lab {
  private readonly worker = new ScriptWorker<LabMethods>(
    () => new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: PAGE_FOLDER }),
  );
  private life = new AbortController();
  private opened: { source: DataSource } | undefined;
  private crashed = false;

  /** Whether the worker crashed. Its model and IDs are lost; the next call opens the items again. */
  get hasCrashed(): boolean {
    return this.crashed;
  }

  async call<Name extends keyof LabMethods>(
    method: Name,
    input: Parameters<LabMethods[Name]>[0],
    onProgress?: (event: TrainEvent) => void,
  ): Promise<Awaited<ReturnType<LabMethods[Name]>>> {
    const { signal } = this.life;
    if (method === "open") this.opened = input as { source: DataSource };
    else if (this.crashed && this.opened) await this.call("open", this.opened);
    this.crashed = false;
    try {
      const options = onProgress ? { onProgress } : {};
      return (await this.worker.call(method, input as never, options as never)) as Awaited<
        ReturnType<LabMethods[Name]>
      >;
    } catch (error) {
      throw signal.aborted ? signal.reason : await this.explain(error as Error);
    }
  }

  end(): void {
    this.life.abort(new LabGone("The worker was ended"));
    this.life = new AbortController();
    this.opened = undefined;
    this.crashed = false;
    void this.worker.dispose();
  }

  /** What a visitor can do about it. */
  private async explain(error: Error): Promise<Error> {
    if (error.name !== "WorkerError") return isMissing(error) ? whyMissing(error) : error;
    if (!this.worker.started) return whyMissing(new MissingPart());
    this.crashed = true;
    return new Error("The browser probably ran out of memory. Close other tabs or use fewer items");
  }
}
