// A catalogue's way to a published model: trained in a worker, stored every few seconds, taken up again at the next start.
import { EventEmitter } from "node:events";
import { availableParallelism } from "node:os";
import { BusyError, InvalidInputError, suggestConfig } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { forClients } from "./explain.js";
import { readUpload } from "./upload.js";

/** What the address of POST /catalogue may set. */
const OPTIONS = ["epochs", "codebookSize", "nQuantizationLayers", "seed"];

/** Emits "status" whenever `status` changes. */
export class Training extends EventEmitter {
  status = { state: "idle" };
  #database;
  #publication;
  #limits;
  #run; // the training under way: { stop: AbortController, worker, runs: whether every value has been read, ended: Promise }
  #closed = false;

  constructor(database, publication, limits) {
    super();
    this.#database = database;
    this.#publication = publication;
    this.#limits = limits;
  }

  /**
   * Starts training. Resolves when the catalogue is accepted: every value of it has been read, and it is stored.
   * @param {Uint8Array} body the catalogue, as `readUpload` takes it
   * @param {object} options those in `OPTIONS`
   * @throws RQVAEError for what is refused; nothing has changed then
   */
  async start(body, options) {
    const { MAX_EPOCHS } = this.#limits;
    if (this.#run)
      throw new BusyError("a catalogue is in training: wait until it is published, or cancel it by DELETE /training");
    const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
    if (unknown !== undefined)
      throw new InvalidInputError(
        `unknown option ${JSON.stringify(unknown.slice(0, 40))}: the address takes ${OPTIONS.join(", ")}`,
      );
    if (options.epochs > MAX_EPOCHS)
      throw new InvalidInputError(`epochs must be at most ${MAX_EPOCHS}, got ${options.epochs}`);
    const before = this.status;
    const job = { options, lastRequest: this.#publication.lastRequest };
    let outlook;
    const accept = (catalogue) => {
      outlook = this.#publication.outlook(catalogue);
      this.#database.atOnce(() => {
        this.#database.removeFiles("checkpoint");
        this.#database.putFile("upload", body);
        this.#database.putFile("options", JSON.stringify(job));
      });
    };
    try {
      const { rows, dim } = await this.#begin(body, job, { accept });
      return { items: rows, dim, ...outlook };
    } catch (error) {
      this.#tell(before);
      throw error;
    }
  }

  /** Goes on with the training that a stop or a crash interrupted, if there is one: to the model that it would have been. */
  async resume() {
    const body = this.#database.getFile("upload");
    if (!body || this.#closed) return;
    const job = JSON.parse(this.#database.getFile("options"));
    const checkpoint = this.#database.getFile("checkpoint"); // none yet: from the beginning
    await this.#begin(body, job, { resumed: true, checkpoint }).catch((error) => this.#fail(error));
  }

  /** Ends the training under way and forgets it; what is published stays. @throws BusyError when there is none */
  async cancel() {
    const run = this.#run;
    if (!run) throw new BusyError("nothing is in training");
    run.stop.abort(Object.assign(new Error("the training was cancelled"), { statusCode: 409 }));
    await run.ended;
  }

  /** Stops, keeping the state of this moment for `resume`. */
  async close() {
    this.#closed = true;
    const run = this.#run;
    if (!run) return;
    // Before it runs, what is stored is all there is; after its end, there is nothing to keep.
    const checkpoint = run.runs && (await run.worker.saveCheckpoint().catch(() => undefined));
    if (checkpoint && this.#database.getFile("upload")) this.#database.putFile("checkpoint", checkpoint);
    run.stop.abort(Object.assign(new Error("the service is stopping"), { statusCode: 503 }));
    await run.ended;
  }

  /** Resolves to the items once every value of them has been read and they are accepted; `status` tells the rest. */
  #begin(body, job, { resumed = false, checkpoint, accept = () => {} }) {
    const run = { stop: new AbortController(), runs: false };
    this.#run = run;
    this.#tell({ state: "training", resumed, progress: 0 });
    return new Promise((resolve, reject) => {
      const running = ({ itemIds, items }) => {
        accept({ itemIds, items });
        run.runs = true;
        resolve(items);
      };
      run.ended = this.#train(run, body, job, { resumed, checkpoint }, running).then(
        () => {
          this.#run = undefined;
          this.#tell({ state: "published" });
        },
        (error) => {
          this.#run = undefined;
          if (run.runs) this.#fail(error);
          else reject(error);
        },
      );
    });
  }

  /** Trains and publishes. */
  async #train(run, body, { options, lastRequest }, { resumed, checkpoint }, running) {
    const { signal } = run.stop;
    try {
      const { itemIds, items } = await readUpload(body, { most: this.#limits.MAX_ITEMS });
      const { epochs, ...shape } = options;
      const { model, train } = suggestConfig({ n: items.rows, inputDim: items.dim, ...shape });
      // A core is left to the requests; the number of threads changes nothing in the model.
      run.worker = await RQVAEWorker.create(model, { threads: Math.max(1, availableParallelism() - 1) });
      await run.worker.train(items, {
        ...train,
        ...(epochs !== undefined && { epochs }),
        ...(checkpoint && { resume: new Uint8Array(checkpoint) }),
        signal,
        checkpoint: {
          everyMs: this.#limits.CHECKPOINT_MS,
          write: (bytes) => this.#database.putFile("checkpoint", bytes),
        },
        onProgress: ({ phase, progress, epoch, epochs, losses, remainingMs }) => {
          if (!run.runs) running({ itemIds, items }); // every value has been read
          const loss = losses?.loss;
          this.#tell({ state: "training", resumed, phase, progress, epoch, epochs, loss, remainingMs });
        },
      });
      const modelFile = await run.worker.save();
      const ids = await run.worker.encode(items);
      await this.#publication.publish({ modelFile, ids, itemIds, items, lastRequest, signal });
    } finally {
      await run.worker?.dispose(); // only that gives its memory back
    }
  }

  #fail(error) {
    if (this.#closed) return; // stopped, not failed
    this.#database.removeFiles("upload", "options", "checkpoint");
    const isCancelled = error.statusCode === 409;
    this.#tell(isCancelled ? { state: "cancelled" } : { state: "failed", message: forClients(error) });
  }

  #tell(status) {
    this.status = status;
    this.emit("status", status);
  }
}
