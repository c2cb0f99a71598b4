// A catalogue's way to a published model: trained in a worker, stored every few seconds, taken up again at the next start.
import { EventEmitter } from "node:events";
import { availableParallelism } from "node:os";
import { BusyError, suggestConfig } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { readUpload } from "./upload.js";

/** Emits "status" whenever `status` changes. */
export class Training extends EventEmitter {
  status = { state: "idle" };
  #database;
  #publication;
  #checkpointMs;
  #worker;
  #closed = false;

  /** @param {number} checkpointMs milliseconds of work that a crash may cost */
  constructor(database, publication, checkpointMs) {
    super();
    this.#database = database;
    this.#publication = publication;
    this.#checkpointMs = checkpointMs;
  }

  /**
   * Starts training. Resolves when the catalogue is accepted: the library has seen every value of it, and it is stored.
   * @param {Uint8Array} body the catalogue, as `readUpload` takes it
   * @param {object} options `epochs`, and what `suggestConfig` takes: `codebookSize`, `nQuantizationLayers`, `seed`
   * @throws RQVAEError for what the library refuses; nothing has changed then
   */
  async start(body, options) {
    if (this.status.state === "training") throw new BusyError("a catalogue is in training: wait until it is published");
    const catalogue = readUpload(body);
    const before = this.status;
    this.#tell({ state: "training", progress: 0 });
    try {
      const job = { options, lastArrival: this.#database.lastArrival() };
      await this.#begin({ ...catalogue, ...job }, () =>
        this.#database.atOnce(() => {
          this.#database.removeFiles("checkpoint");
          this.#database.putFile("upload", body);
          this.#database.putFile("options", Buffer.from(JSON.stringify(job)));
        }),
      );
    } catch (error) {
      this.#tell(before);
      throw error;
    }
    return { items: catalogue.items.rows, dim: catalogue.items.dim };
  }

  /** Goes on with the training that a stop or a crash interrupted, if there is one: to the model that it would have been. */
  async resume() {
    const body = this.#database.getFile("upload");
    if (!body) return;
    this.#tell({ state: "training", resumed: true, progress: 0 });
    try {
      const job = JSON.parse(this.#database.getFile("options").toString());
      const resume = this.#database.getFile("checkpoint"); // none yet: from the beginning
      await this.#begin({ ...readUpload(body), ...job, resume });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Stops, keeping the state of this moment for `resume`. */
  async close() {
    this.#closed = true;
    const checkpoint = await this.#worker?.saveCheckpoint().catch(() => undefined); // too early: there is nothing to keep yet
    if (checkpoint && this.#database.getFile("upload")) this.#database.putFile("checkpoint", checkpoint);
    await this.#worker?.terminate();
  }

  /** Resolves once training runs, after `accepted`; `status` tells the rest. Rejects with what the library refuses. */
  async #begin(job, accepted = () => {}) {
    const { items, resume } = job;
    const { epochs, ...shape } = job.options;
    const { model, train } = suggestConfig({ n: items.rows, inputDim: items.dim, ...shape });
    // A core is left to the requests; the number of threads changes nothing in the model.
    const worker = await RQVAEWorker.create(model, { threads: Math.max(1, availableParallelism() - 1) });
    this.#worker = worker;
    let training;
    try {
      if (this.#closed) throw new Error("the service is stopping");
      await new Promise((resolve, reject) => {
        training = worker.train(items, {
          ...train,
          ...(epochs !== undefined && { epochs }),
          ...(resume && { resume: new Uint8Array(resume) }),
          checkpoint: { everyMs: this.#checkpointMs, write: (bytes) => this.#database.putFile("checkpoint", bytes) },
          onProgress: ({ phase, progress, epoch, epochs, losses, remainingSeconds }) => {
            const resumed = resume !== undefined;
            const loss = losses?.loss;
            this.#tell({ state: "training", resumed, phase, progress, epoch, epochs, loss, remainingSeconds });
            resolve(); // every value has been read
          },
        });
        training.then(resolve, reject);
      });
      accepted();
    } catch (error) {
      await worker.terminate();
      throw error;
    }
    void this.#finish(worker, training, job);
  }

  async #finish(worker, training, { items, itemIds, lastArrival }) {
    try {
      await training;
      const modelFile = await worker.save();
      const ids = await worker.encode(items);
      await this.#publication.publish({ modelFile, ids, itemIds, items, lastArrival });
      this.#tell({ state: "published" });
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#worker = undefined;
      await worker.terminate(); // only that gives its memory back
    }
  }

  #fail(error) {
    if (this.#closed) return; // stopped, not failed
    this.#database.removeFiles("upload", "options", "checkpoint");
    this.#tell({ state: "failed", message: error.message });
  }

  #tell(status) {
    this.status = status;
    this.emit("status", status);
  }
}
