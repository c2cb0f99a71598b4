import { DisposedError } from "../base/errors.ts";
import type { Optimizer } from "../model/optimizer.ts";
import { residualKMeans } from "../model/residual-kmeans.ts";
import { RQVAE } from "../model/rqvae.ts";
import { initialize } from "../runtime/native.ts";
import type { EmbeddingSource, Items, JobProgress, TrainHistory, TrainOptions, TrainProgress } from "../types.ts";
import {
  buffersOf,
  type Call,
  fromWire,
  type ModelState,
  type Reply,
  type Request,
  type Results,
  toWire,
  type WireSource,
} from "./protocol.ts";
import { toSent } from "./sent-error.ts";

/** The worker's end of the line. */
export interface ServerPort {
  post(reply: Reply, transfer: ArrayBuffer[]): void;
  onRequest(listener: (request: Request) => void): void;
}

/** What a long call is given here for what the caller has. */
interface Watching {
  signal: AbortSignal;
  onProgress: (event: TrainProgress | JobProgress) => void;
  checkpoint?: NonNullable<TrainOptions["checkpoint"]>;
}

/** The reason of every abort on this side; the client has the caller's. */
const aborted = new Error("aborted");

/** Answers every request of the port with one model, which the first call (`create`, `fit`, `residualKMeans` or `load`) makes. */
export function serve(port: ServerPort): void {
  let model: RQVAE | undefined;
  /** The history that the client knows. */
  let told: TrainHistory | undefined;
  let lastOptimizer = 0;
  const optimizers = new Map<number, Optimizer>();
  const controllers = new Map<number, AbortController>();
  /** The calls that wait for rows of their source. */
  const reading = new Map<number, (data: unknown) => void>();
  /** The calls that wait until their checkpoint is written. */
  const writing = new Map<number, () => void>();

  port.onRequest((request) => {
    if (request.type === "abort") {
      controllers.get(request.id)?.abort(aborted);
      return;
    }
    if (request.type === "written") {
      writing.get(request.id)?.();
      return;
    }
    if (request.type === "rows") {
      reading.get(request.id)?.(request.data);
      return;
    }
    // When not even an error can be answered, the worker fails as a whole: no call is left hanging.
    answer(request.id, request.call).catch((error: unknown) =>
      setTimeout(() => {
        throw error;
      }),
    );
  });

  /** Whatever goes wrong becomes the reply. */
  async function answer(id: number, call: Call): Promise<void> {
    const controller = new AbortController();
    controllers.set(id, controller);
    const watched: Watching = {
      signal: controller.signal,
      onProgress: (event) => port.post({ type: "progress", id, event }, []),
    };
    if ("checkpoints" in call) watched.checkpoint = { ...call.checkpoints, write: (bytes) => write(id, bytes) };
    try {
      const value = await run(call, watched, (items) =>
        typeof items === "object" && items !== null && "source" in items ? remote(id, items) : items,
      );
      port.post({ type: "result", id, value, ...currentState() }, buffersOf(value));
    } catch (error) {
      port.post({ type: "error", id, error: toSent(error), aborted: error === aborted, ...currentState() }, []);
    } finally {
      for (const waiting of [controllers, reading, writing]) waiting.delete(id);
    }
  }

  /**
   * What the client is to know of the model, if there is one. After a trap the model tells nothing: not even the error is answered, and the
   * worker fails as a whole.
   */
  function currentState(): { state?: ModelState } {
    if (!model) return {};
    const { config, fingerprint, initialized, part, history } = model;
    const news = history === told ? {} : { history: history ?? null };
    told = history;
    return { state: { config, fingerprint, initialized, part, ...news } };
  }

  /** Has a checkpoint written on the other side. An abort is heard meanwhile. */
  function write(id: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return new Promise((resolve) => {
      writing.set(id, () => {
        writing.delete(id);
        resolve();
      });
      port.post({ type: "checkpoint", id, bytes }, buffersOf(bytes));
    });
  }

  /** A source on the other side. */
  function remote(id: number, { source: { rows, dim } }: WireSource): EmbeddingSource {
    const read = (first: number, count: number) =>
      new Promise<Float32Array>((resolve, reject) => {
        reading.set(id, (data) => {
          reading.delete(id);
          if (data === undefined) reject(aborted);
          else resolve(data as Float32Array); // checked by whoever reads
        });
        port.post({ type: "read", id, first, count }, []);
      });
    return { rows, dim, read };
  }

  // Calls that the model answers at once are answered before the next message is read.
  async function run(
    call: Call,
    watched: Watching,
    open: (items: Items | WireSource) => Items | EmbeddingSource,
  ): Promise<Results[Call["method"]]> {
    switch (call.method) {
      case "initialize": {
        const { wasm, threads } = call;
        const source = wasm?.kind === "url" ? new URL(wasm.href) : wasm?.source;
        await initialize({ wasm: source, threads });
        return undefined;
      }
      case "create":
        model = await RQVAE.create(call.options);
        return undefined;
      case "fit":
        model = await RQVAE.fit(open(call.items), { ...call.options, ...watched });
        return undefined;
      case "residualKMeans":
        model = await residualKMeans(open(call.items), { ...call.options, ...watched });
        return undefined;
      case "load":
        model = await RQVAE.load(call.bytes, call.options);
        return undefined;
    }
    if (!model) throw new DisposedError("The worker has no model");
    switch (call.method) {
      case "kmeansInitCodebooks":
        await model.kmeansInitCodebooks(open(call.items), { ...call.options, ...watched });
        return undefined;
      case "train":
        return model.train(open(call.items), { ...call.options, ...watched });
      case "encode":
        return toWire(model.encode(call.items, call.options));
      case "encodeAsync":
        return toWire(await model.encodeAsync(open(call.items), { ...call.options, ...watched }));
      case "getSemanticIds": {
        const out = model.getSemanticIds(call.items);
        return { ...out, semIds: toWire(out.semIds) };
      }
      case "latents":
        return model.latents(call.items);
      case "decode":
        return model.decode(fromWire(call.ids));
      case "reconstruct":
        return model.reconstruct(call.items);
      case "codebooks":
        return model.codebooks(call.options);
      case "forward":
        return model.forward(call.items);
      case "createOptimizer":
        optimizers.set(++lastOptimizer, model.createOptimizer(call.options));
        return lastOptimizer;
      case "trainStep": {
        const optimizer = optimizers.get(call.optimizer);
        if (!optimizer) throw new DisposedError("trainStep: the optimizer was disposed");
        return model.trainStep(call.items, optimizer);
      }
      case "disposeOptimizer":
        optimizers.get(call.optimizer)?.dispose();
        optimizers.delete(call.optimizer);
        return undefined;
      case "save":
        return model.save(call.options);
      case "saveCheckpoint":
        return model.saveCheckpoint();
      case "select":
        return model.select(call.by);
    }
  }
}
