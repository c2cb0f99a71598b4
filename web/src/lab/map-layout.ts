import { isMissing, whyMissing } from "../base/missing-part.ts";
import { PAGE_FOLDER } from "../base/page-folder.ts";
import type { LayoutEvent, LayoutRequest } from "./layout/make-layout.ts";

/** The layout of one map, made in a worker of its own, which is loaded only when a map is looked at. */
export class MapLayout {
  private worker: Worker | undefined;

  /** Makes a layout in place of the one that is being made. Resolves when it is done, or was ended. */
  make(request: LayoutRequest, tell: (event: LayoutEvent) => void): Promise<void> {
    this.end();
    const worker = new Worker(new URL("./layout-worker.ts", import.meta.url), { type: "module", name: PAGE_FOLDER });
    this.worker = worker;
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<LayoutEvent>) => {
        if (this.worker !== worker) return;
        tell(data);
        if (data.kind !== "done") return;
        this.end();
        resolve();
      };
      worker.onerror = (event) => {
        event.preventDefault();
        if (this.worker !== worker) return resolve();
        this.end();
        const error = new TypeError(event.message || "a module of the map could not be loaded");
        if (isMissing(error)) void whyMissing(error).then(reject);
        else reject(error);
      };
      worker.postMessage(request, [request.latents.buffer as ArrayBuffer]);
    });
  }

  /** Ends what is being made. */
  end(): void {
    this.worker?.terminate();
    this.worker = undefined;
  }
}
