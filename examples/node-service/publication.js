// What is published: the model that encodes, and the index that says which item has which ID. Both are in memory, and in the database.
import { NotInitializedError, RQVAE, SemanticIdIndex } from "rqvae";
import { Vocabulary } from "rqvae/vocabulary";
import { readUpload } from "./upload.js";

export class Publication {
  #database;
  #current; // { model, index, vocabulary }
  #clientIndex;

  constructor(database) {
    this.#database = database;
  }

  /** Takes up what the database has, if anything. */
  async open() {
    const bytes = this.#database.getFile("model");
    if (!bytes) return;
    const model = await RQVAE.load(bytes);
    const index = SemanticIdIndex.load(this.#database.getFile("index"), { model });
    this.#addArrivals(model, index);
    this.#become(model, index);
  }

  /**
   * Publishes a trained model in place of the one before; items that came while it was trained keep their place in the catalogue, with
   * IDs by the new model.
   * @param lastArrival the last arrival before the catalogue was uploaded
   */
  async publish({ modelFile, ids, itemIds, items, lastArrival }) {
    const model = await RQVAE.load(modelFile);
    // No await from here on: no request comes between the old model and the new one.
    const index = SemanticIdIndex.build(itemIds, ids, { collisions: "suffix", model, items });
    this.#database.atOnce(() => {
      this.#database.putFile("model", modelFile);
      this.#database.putFile("index", index.save());
      this.#database.removeFiles("upload", "options", "checkpoint");
      this.#database.forgetArrivals(lastArrival);
      this.#addArrivals(model, index);
      const vocabulary = new Vocabulary(index);
      this.#database.clearItems();
      for (const id of index.items([])) this.#database.putItem(id, vocabulary.format(index.get(id)));
    });
    this.#become(model, index);
  }

  /** Gives new items IDs that stay theirs. Known items with the same raw ID are left alone; with another one they are refused. */
  async add(body) {
    const { model, index, vocabulary } = this.#published();
    const { itemIds, items } = readUpload(body, { named: true });
    const update = index.add(itemIds, model.encode(items), { items });
    try {
      this.#database.atOnce(() => {
        if (update.added > 0) this.#database.putArrival(body);
        for (const id of itemIds) this.#database.putItem(id, vocabulary.format(index.get(id)));
      });
    } catch (error) {
      this.#current = undefined; // what could not be stored must not be served: back to what is stored
      await this.open();
      throw error;
    }
    this.#clientIndex = undefined;
    const { added, unchanged } = update;
    return { added, unchanged, items: itemIds.map((id) => this.get(id)), warning: index.drift?.warning };
  }

  /** An item's IDs, or undefined. `raw` is what the model says of its vector, `published` is its own. */
  get(id) {
    const { index, vocabulary } = this.#published();
    const published = index.get(id);
    return published && { id, raw: index.getRaw(id), published, semanticId: vocabulary.format(published) };
  }

  /** The other items by the number of codes that they share with this one, most first; undefined for an unknown item. */
  similar(id, limit) {
    const { index } = this.#published();
    if (!index.get(id)) return undefined;
    const shared = new Map();
    for (let depth = index.levels - 1; depth > 0 && shared.size < limit; depth--) {
      for (const other of index.siblings(id, depth)) if (!shared.has(other)) shared.set(other, depth);
    }
    return Array.from(shared, ([other, sharedCodes]) => ({ id: other, sharedCodes })).slice(0, limit);
  }

  /** What is published at the moment, or undefined. */
  summary() {
    if (!this.#current) return undefined;
    const { model, index } = this.#current;
    return { items: index.size, dim: model.config.inputDim, fingerprint: model.fingerprint };
  }

  list(after, limit) {
    return this.#database.listItems(after, limit);
  }

  /** What a client needs to encode by itself. */
  encoder() {
    return this.#published().model.save({ part: "encoder" });
  }

  /** What a client needs to look up published IDs. */
  index() {
    this.#clientIndex ??= this.#published().index.save({ compact: true });
    return this.#clientIndex;
  }

  #published() {
    if (!this.#current)
      throw new NotInitializedError("nothing is published yet: POST a catalogue and wait for its training");
    return this.#current;
  }

  #become(model, index) {
    this.#current?.model.dispose();
    this.#current = { model, index, vocabulary: new Vocabulary(index) };
    this.#clientIndex = undefined;
  }

  /** In the order of then and request by request, so that every item has the ID again that it had. */
  #addArrivals(model, index) {
    for (const body of this.#database.arrivals()) {
      const { itemIds, items } = readUpload(body, { named: true });
      if (items.dim !== model.config.inputDim) continue; // came for a catalogue of other embeddings
      index.add(itemIds, model.encode(items), { items, replace: true });
    }
  }
}
