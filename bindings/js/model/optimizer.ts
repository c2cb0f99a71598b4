import { originalOf, worksBehindProxy } from "../base/behind-proxy.ts";
import { DisposedError, invalid } from "../base/errors.ts";
import { show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { handles } from "../runtime/arena.ts";
import type { Handle } from "../runtime/native-module.ts";

/** An optimiser for your own training loop. `RQVAE.createOptimizer` makes it; use it only with that model. */
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

  /** Checks the optimiser given to a model's `trainStep`. @throws InvalidInputError, DisposedError @internal */
  static handleOf(optimizer: unknown, model: object): Handle {
    if (!(optimizer instanceof Optimizer)) {
      throw invalid()`${call("trainStep")}${{ argument: "optimizer" }} must come from createOptimizer, received ${show(optimizer)}`;
    }
    const own = originalOf(optimizer);
    if (originalOf(own.#model) !== model) {
      throw invalid("OTHER_MODEL")`${call("trainStep")}the optimiser belongs to another model`;
    }
    if (own.#handle === undefined) throw new DisposedError("trainStep: the optimiser was disposed");
    return own.#handle;
  }

  /** Frees its memory. May be called twice. */
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
