// The generations of the published IDs. Every night the model that is served is trained further in a worker, and the index migrates to it: most
// items keep their ID. Both generations answer until somebody publishes the next one; the one before it remains for the way back.
import { availableParallelism } from "node:os";
import { BusyError, InvalidInputError, RQVAE, SemanticIdIndex, SemanticIds } from "rqvae";
import { Vocabulary } from "rqvae/vocabulary";
import { RQVAEWorker } from "rqvae/worker";
import { forClients } from "./explain.js";
import { joined } from "./upload.js";

/** How much worse than the best a published ID may be for its item to keep it. */
const KEEP = 0.1;
/** What the database keeps of a generation that is not served: "next model", "previous index", ... */
const PARTS = ["model", "index", "request", "about"];

export class Generations {
  status = { state: "idle" };
  #database;
  #publication;
  #limits;
  #run; // the retraining under way: { stop: AbortController, ended: Promise }
  #views = new WeakMap(); // of an index: its earlier generations, by number
  #beside = new Map(); // "next" and "previous", as far as they are loaded
  #timer;

  constructor(database, publication, limits) {
    this.#database = database;
    this.#publication = publication;
    this.#limits = limits;
  }

  /** Makes the next generation every night; a night without a catalogue, or with a retraining under way, is left out. */
  schedule() {
    this.#timer = setInterval(() => void this.start().catch(() => {}), this.#limits.RETRAIN_MS).unref();
  }

  async close() {
    clearInterval(this.#timer);
    const run = this.#run;
    run?.stop.abort(Object.assign(new Error("the service is stopping"), { statusCode: 503 }));
    await run?.ended;
  }

  /** Starts to make the next generation. @returns the number of items that it is trained on */
  async start() {
    if (this.#run) throw new BusyError("the next generation is being made already");
    const run = { stop: new AbortController() };
    this.#run = run;
    try {
      const vectors = await this.#publication.vectors();
      if (vectors.size === 0)
        throw new InvalidInputError("there are no vectors to train on: POST a catalogue, whose vectors are kept");
      run.ended = this.#make(run, vectors).then(
        () => this.#end({ state: "made" }),
        (error) => this.#end({ state: "failed", message: forClients(error) }),
      );
      this.status = { state: "training", progress: 0 };
      return { items: vectors.size };
    } catch (error) {
      this.#run = undefined;
      throw error;
    }
  }

  #end(status) {
    this.#run = undefined;
    this.status = status;
  }

  /** Nothing is stored before all of it is there, so that a kill costs a night at most. */
  async #make(run, vectors) {
    const { signal } = run.stop;
    const { modelFile, index, fingerprint, request } = this.#publication.copy();
    const itemIds = [...vectors.keys()];
    const items = joined([...vectors.values()], itemIds.length);
    const old = await SemanticIdIndex.load(index); // a copy: items can be added to the one that is served
    const known = old.items([]);
    const { codebookSizes } = old;
    const ids = SemanticIds.from(
      known.map((id) => old.get(id)),
      { codebookSizes },
    );
    // Known items are held to the IDs that they are published with.
    const options = {
      ...{ from: modelFile, itemIds, published: { itemIds: known, ids }, signal },
      onProgress: ({ progress }) => {
        this.status = { state: "training", progress };
      },
    };
    // A core is left to the requests.
    const threads = Math.max(1, availableParallelism() - 1);
    const worker = await RQVAEWorker.fit(items, options, { threads });
    try {
      const { index: next, ...counts } = await old.migrate(worker, itemIds, items, { keep: KEEP, missing: "keep" });
      const made = await worker.save();
      signal.throwIfAborted();
      if (this.#publication.summary().fingerprint !== fingerprint)
        throw new BusyError("another model was published meanwhile: the next generation is made of that one");
      const about = { generation: next.generation, fingerprint: next.fingerprint, items: next.size, ...counts };
      this.#database.atOnce(() => this.#store("next", { model: made, index: next.save(), request, about }));
      this.#forget("next");
    } finally {
      await worker.dispose();
    }
  }

  /** Frees what was loaded. */
  #forget(which) {
    this.#beside.get(which)?.model.dispose();
    this.#beside.delete(which);
  }

  #store(which, { model, index, request, about }) {
    const parts = { model, index, request: String(request), about: JSON.stringify(about) };
    for (const part of PARTS) this.#database.putFile(`${which} ${part}`, parts[part]);
  }

  /** What is served, and what could be. */
  summary() {
    const about = (which) => JSON.parse(this.#database.getFile(`${which} about`)?.toString() ?? "null");
    return {
      ...this.status,
      current: this.#publication.summary() ?? null,
      next: about("next"),
      previous: about("previous"),
    };
  }

  /**
   * Publishes the next generation, or the previous one again; what was served becomes the other. Items that came meanwhile get their IDs
   * from the model that takes over, and items that are gone are removed.
   * @param {"next" | "previous"} which
   */
  async publish(which) {
    if (this.#run) throw new BusyError("the next generation is being made: wait until it is there");
    const { model, index } = await this.#load(which);
    const modelFile = this.#database.getFile(`${which} model`);
    const request = Number(this.#database.getFile(`${which} request`));
    const opposite = which === "next" ? "previous" : "next";
    this.#beside.delete(which); // it is the publication's now
    this.#forget(opposite);
    this.#publication.exchange({
      ...{ model, index, modelFile, request },
      keep: (served) => {
        this.#store(opposite, served);
        this.#database.removeFiles(...PARTS.map((part) => `${which} ${part}`));
      },
    });
    return this.summary();
  }

  async #load(which) {
    const modelFile = this.#database.getFile(`${which} model`);
    if (!modelFile) {
      const why =
        which === "next" ? "no next generation yet: POST /generations makes one" : "no generation before this one";
      throw Object.assign(new Error(`there is ${why}`), { statusCode: 409 });
    }
    if (!this.#beside.has(which)) {
      const model = await RQVAE.load(modelFile);
      const index = await SemanticIdIndex.load(this.#database.getFile(`${which} index`), { model });
      this.#beside.set(which, { model, index });
    }
    return this.#beside.get(which);
  }

  /** The index of a generation: the one that is served, the next one, or one of before. @throws InvalidInputError if there is none */
  async index(generation) {
    const { index } = this.#publication.current();
    if (generation === index.generation) return index;
    if (generation > index.generation) {
      const next = this.#database.getFile("next model") && (await this.#load("next")).index;
      if (next?.generation === generation) return next;
    } else {
      const views = this.#views.get(index) ?? new Map();
      this.#views.set(index, views);
      if (!views.has(generation)) views.set(generation, await index.earlier(generation));
      return views.get(generation);
    }
    throw new InvalidInputError(`generation ${generation} is not there: ${index.generation} is served`);
  }

  /** An item's ID in a generation, or undefined. */
  async get(generation, id) {
    const index = await this.index(generation);
    const published = index.get(id);
    return published && { id, generation, published, semanticId: new Vocabulary(index).format(published) };
  }

  /** The items that have, or had, an ID or its first codes in a generation, and the IDs that they have now. */
  async items(generation, codes) {
    const index = await this.index(generation);
    return index.items(codes).map((id) => this.#publication.get(id) ?? { id });
  }
}
