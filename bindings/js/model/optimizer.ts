import { originalOf, worksBehindProxy } from "../base/behind-proxy.ts";
import { DisposedError, invalid } from "../base/errors.ts";
import { show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { handles } from "../runtime/arena.ts";
import type { Handle } from "../runtime/native-module.ts";

/** An optimiser for training loops of one's own; made by `RQVAE.createOptimizer`, used with that model only. */
export class Optimizer {
  #handle: Handle | undefined;
  readonly #model: object;

  /** @internal */
  constructor(handle: Handle, model: object) {
    worksBehindProxy(this, Optimizer);
    this.#handle = handle;
    this.#model = model;
    handles.register(this, handle, this);
  }

  /** What `trainStep` of a model is given. @throws InvalidInputError, DisposedError @internal */
  static handleOf(optimizer: unknown, model: object): Handle {
    if (!(optimizer instanceof Optimizer)) {
      throw invalid()`${call("trainStep")}optimizer must come from createOptimizer, received ${show(optimizer)}`;
    }
    const own = originalOf(optimizer);
    if (originalOf(own.#model) !== model) {
      throw invalid("OTHER_MODEL")`${call("trainStep")}the optimizer belongs to another model`;
    }
    if (own.#handle === undefined) throw new DisposedError("trainStep: the optimizer was disposed");
    return own.#handle;
  }

  /** Gives its memory back. May be called twice. */
  dispose(): void {
    handles.unregister(this);
    this.#handle?.delete();
    this.#handle = undefined;
  }

  /** The same as `dispose`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
