/** A model in a worker: runs the calls of `RQVAEWorker`. */

import { DisposedError, RQVAEError } from "../base/errors.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import type { FieldLayout } from "../items/fields.ts";
import { Optimizer } from "../model/optimizer.ts";
import { residualKMeans } from "../model/residual-kmeans.ts";
import { RQVAE } from "../model/rqvae.ts";
import { measureSpectrum } from "../model/spectrum.ts";
import type { AssessOptions } from "../report/assess.ts";
import { initialize } from "../runtime/native.ts";
import type { WasmSource } from "../runtime/platform.ts";
import type { EmbeddingSource, Items, TrainHistory } from "../types.ts";
import { answer, type ServerPort, type Watching } from "./answer.ts";
import { METHODS } from "./contract.ts";
import { type Call, idsFromWire, idsToWire, wireOf } from "./protocol.ts";

/** What the client knows of the model without asking. */
export type ModelState = Pick<RQVAE, "config" | "fingerprint" | "initialized" | "part"> & {
  /** Given if it has changed since the last answer; null if there is none any more. */
  history?: TrainHistory | null;
  /** Likewise. */
  fields?: FieldLayout | null;
};

type Method = (...args: unknown[]) => unknown;

/** Each gives the model, which all later calls use. */
const MAKERS: Record<string, Method> = {
  create: RQVAE.create as Method,
  fit: RQVAE.fit as Method,
  load: RQVAE.load as Method,
  residualKMeans: residualKMeans as Method,
};
const LONG = new Set([
  "fit",
  "residualKMeans",
  "measureSpectrum",
  ...Object.entries(METHODS).flatMap(([name, row]) => ("long" in row ? [name] : [])),
]);

/** Answers every request of the port with one model. */
export function serve(port: ServerPort): void {
  let model: RQVAE | undefined;
  /** The history that the client knows. */
  let told: TrainHistory | undefined;
  let toldFields: FieldLayout | undefined;
  let lastOptimizer = 0;
  const optimizers = new Map<number, Optimizer>();

  answer(port, { run, state, givesAway: true });

  /** After a trap the model has no state to give: not even the error is sent, and the whole worker fails. */
  function state(): ModelState | undefined {
    if (!model) return undefined;
    const { config, fingerprint, initialized, part, history, fields } = model;
    const news = {
      ...(history !== told && { history: history ?? null }),
      ...(fields !== toldFields && { fields: fields ?? null }),
    };
    [told, toldFields] = [history, fields];
    return { config, fingerprint, initialized, part, ...news };
  }

  // Calls that the model can answer at once are answered before the next message is read.
  async function run({ method, args }: Call, watching: Watching, read: (rows: number, dim: number) => EmbeddingSource) {
    const open = (arg: unknown) => {
      const wire = wireOf(arg);
      if (wire?.wire === "source")
        return Object.assign(read(wire.rows, wire.dim), wire.fields && { fields: wire.fields });
      if (wire?.wire === "ids") return idsFromWire(wire);
      if (wire?.wire !== "optimizer") return arg;
      const optimizer = optimizers.get(wire.id);
      if (!optimizer) throw new DisposedError(`${method}: the optimiser was disposed`);
      return optimizer;
    };
    const withIds = (options: { published?: { ids?: unknown } }) =>
      options?.published
        ? { ...options, published: { ...options.published, ids: open(options.published.ids) } }
        : options;
    const given = args.map(open);
    if (LONG.has(method)) given[1] = { ...withIds(given[1] as object), ...watching };
    if (method === "initialize") {
      const { wasm, ...rest } = given[0] as { wasm?: WasmSource | { href: string } };
      const url = typeof wasm === "object" && wasm !== null && "href" in wasm ? new URL(wasm.href) : undefined;
      await initialize(wasm === undefined ? rest : { ...rest, wasm: url ?? (wasm as WasmSource) });
      return undefined;
    }
    if (Object.hasOwn(MAKERS, method)) {
      model = (await MAKERS[method]!(...given)) as RQVAE;
      return undefined;
    }
    if (method === "measureSpectrum") return (measureSpectrum as Method)(...given); // needs no model
    if (!model) throw new DisposedError("The worker has no model");
    if (method === "disposeOptimizer") {
      const id = given[0] as number;
      optimizers.get(id)?.dispose();
      optimizers.delete(id);
      return undefined;
    }
    if (method === "assessIds") {
      const { items, ...options } = given[1] as AssessOptions;
      const { assessIds } = await import("../report/assess.ts");
      const { reportToWire } = await import("./sent-report.ts");
      // IDs alone need nothing from the model.
      const measured = items === undefined ? {} : { items: open(items) as Items, model };
      const report = await assessIds(given[0] as SemanticIds, { ...options, ...measured, signal: watching.signal });
      return reportToWire(report);
    }
    if (!Object.hasOwn(METHODS, method)) throw new RQVAEError(`The worker has no method ${method}`);
    const result = await (model[method as keyof typeof METHODS] as Method).apply(model, given);
    return toWire(result);
  }

  function toWire(result: unknown): unknown {
    if (result instanceof SemanticIds) return idsToWire(result);
    if (result instanceof Optimizer) {
      optimizers.set(++lastOptimizer, result);
      return { wire: "optimizer", id: lastOptimizer };
    }
    const { semIds } = (result ?? {}) as { semIds?: SemanticIds };
    return semIds ? { ...(result as object), semIds: idsToWire(semIds) } : result;
  }
}
