// What is published: the model that encodes, and the index that says which item has which ID. Both are in memory, and in the database.
import { InvalidInputError, NotInitializedError, RQVAE, SemanticIdIndex } from "rqvae";
import { Vocabulary } from "rqvae/vocabulary";
import { joined, readUpload } from "./upload.js";

/** What was made of the catalogue before: other generations of its IDs. */
const GENERATIONS = ["next", "previous"].flatMap((which) =>
  ["model", "index", "request", "about"].map((part) => `${which} ${part}`),
);

export class Publication {
  #database;
  #limits;
  #current; // { model, index, vocabulary }
  #clientIndex;
  #request = 0; // the last one that added items
  #snapshot = 0; // the last one whose items are in the stored index

  constructor(database, limits) {
    this.#database = database;
    this.#limits = limits;
  }

  /** Takes up what the database has. @returns how many requests had to be added again: those since the index was stored */
  async open() {
    const bytes = this.#database.getFile("model");
    if (!bytes) return 0;
    const model = await RQVAE.load(bytes);
    const index = await SemanticIdIndex.load(this.#database.getFile("index"), { model });
    this.#snapshot = Number(this.#database.getFile("snapshot"));
    this.#request = Math.max(this.#snapshot, this.#database.lastAdded());
    let requests = 0;
    // In the order of then and request by request, so that every item has the ID again that it had.
    for (const { itemIds, vectors } of this.#database.addedAfter(this.#snapshot)) {
      addTo(index, model, itemIds, vectors);
      requests++;
    }
    this.#become(model, index);
    return requests;
  }

  /** Stores the index as it is, so that the next start has nothing to add again. */
  close() {
    if (this.#request > this.#snapshot) this.#database.atOnce(() => this.#putIndex(this.#current.index));
  }

  get lastRequest() {
    return this.#request;
  }

  /**
   * What would become of the published items that a new catalogue does not name: those that were added by requests are carried over, where
   * their vectors are of its dimension; the others are dropped.
   */
  outlook({ itemIds, items }) {
    if (!this.#current) return { carriedOver: 0, dropped: 0 };
    const named = new Set(itemIds);
    let carriedOver = 0;
    for (const { itemIds: ids, vectors } of this.#database.addedAfter(0)) {
      carriedOver += ids.filter((id, i) => !named.has(id) && vectors[i].length === items.dim).length;
    }
    const unnamed = this.#current.index.items([]).filter((id) => !named.has(id)).length;
    return { carriedOver, dropped: unnamed - carriedOver };
  }

  /**
   * Publishes a trained model in place of the one before. Items that were added are carried over, with IDs by the new model: those that
   * the catalogue does not name, and all that came since it was uploaded.
   * @param lastRequest the last one that added items before the catalogue was uploaded
   */
  async publish({ modelFile, ids, itemIds, items, lastRequest, signal }) {
    const model = await RQVAE.load(modelFile);
    signal.throwIfAborted();
    // No await from here on: no request comes between the old model and the new one.
    const index = SemanticIdIndex.build(itemIds, ids, { collisions: "suffix", model, items });
    const named = new Set(itemIds);
    this.#database.atOnce(() => {
      this.#database.putFile("model", modelFile);
      this.#database.renameFile("upload", "catalogue");
      this.#database.removeFiles("options", "checkpoint", ...GENERATIONS);
      // What was removed since the catalogue was uploaded stays so.
      const gone = this.#database.removedAfter(lastRequest).filter((id) => index.get(id));
      index.remove(gone);
      this.#database.clearRemoved();
      for (const { request, itemIds: ids, vectors } of this.#database.addedAfter(0)) {
        const isCarried = (i) => vectors[i].length === items.dim && (request > lastRequest || !named.has(ids[i]));
        const carried = [...ids.keys()].filter(isCarried);
        const left = [...ids.keys()].filter((i) => !isCarried(i));
        for (const i of left) this.#database.forgetAdded(ids[i]);
        if (carried.length === 0) continue;
        addTo(
          index,
          model,
          carried.map((i) => ids[i]),
          carried.map((i) => vectors[i]),
        );
      }
      this.#putIndex(index);
      this.#putItems(index);
    });
    this.#become(model, index);
  }

  /** What is served: { model, index, vocabulary }. */
  current() {
    return this.#published();
  }

  /** What is served, as files of this moment, and the last request whose items are in them. */
  copy() {
    const { model, index } = this.#published();
    const { fingerprint } = model;
    return { modelFile: this.#database.getFile("model"), index: index.save(), fingerprint, request: this.#request };
  }

  /** The vectors of the published items by item ID, as far as they are kept: of the catalogue, and of items that were added. */
  async vectors() {
    const { model, index } = this.#published();
    const vectors = new Map();
    const put = (id, vector) => {
      if (vector.length === model.config.inputDim && index.get(id)) vectors.set(id, vector);
    };
    const catalogue = this.#database.getFile("catalogue");
    if (catalogue) {
      const { itemIds, items } = await readUpload(catalogue, { most: this.#limits.MAX_ITEMS });
      for (const [row, id] of itemIds.entries()) put(id, items.data.subarray(row * items.dim, (row + 1) * items.dim));
    }
    for (const { itemIds, vectors: added } of this.#database.addedAfter(0)) {
      for (const [i, id] of itemIds.entries()) put(id, added[i]);
    }
    return vectors;
  }

  /**
   * Publishes another generation of the IDs in place of this one, with what has come and gone since it was made.
   * @param request the last one whose items are in `index`
   * @param keep stores what was served until now, in the same transaction
   */
  exchange({ model, index, modelFile, request, keep }) {
    const { model: servedModel, index: served } = this.#published();
    const about = { generation: served.generation, fingerprint: servedModel.fingerprint, items: served.size };
    this.#database.atOnce(() => {
      keep({ model: this.#database.getFile("model"), index: served.save(), request: this.#request, about });
      for (const { itemIds, vectors } of this.#database.addedAfter(request)) {
        const there = [...itemIds.keys()].filter((i) => served.get(itemIds[i]));
        if (there.length > 0)
          addTo(
            index,
            model,
            there.map((i) => itemIds[i]),
            there.map((i) => vectors[i]),
          );
      }
      const gone = index.items([]).filter((id) => !served.get(id));
      if (gone.length > 0) index.remove(gone);
      this.#database.putFile("model", modelFile);
      this.#putIndex(index);
      this.#putItems(index);
    });
    this.#become(model, index);
  }

  /** Gives new items IDs that stay theirs. Known items with the same raw ID are left alone; with another one they are refused. */
  async add(body) {
    this.#published();
    const { itemIds, items } = await readUpload(body, { most: this.#limits.MAX_ADDED, named: true });
    const { model, index, vocabulary } = this.#published();
    const { added, unchanged } = index.add(itemIds, model.encode(items), { items });
    await this.#store(() => {
      for (const [row, id] of itemIds.entries()) {
        this.#database.putAdded(this.#request, id, items.data.subarray(row * items.dim, (row + 1) * items.dim));
        this.#database.putItem(id, vocabulary.format(index.get(id)));
      }
      if (this.#request - this.#snapshot >= this.#limits.SNAPSHOT_EVERY) this.#putIndex(index);
    });
    return { added, unchanged, items: itemIds.map((id) => this.get(id)), warning: index.drift?.warning };
  }

  /**
   * Gives one item this vector. Its ID changes if the vector is another item's in the eyes of the model; the old ID is nobody's then.
   * @returns the item, and whether it is new
   */
  async put(id, body) {
    this.#published();
    const { itemIds, items } = await readUpload(body, { most: 1, as: id });
    if (itemIds[0] !== id) {
      throw new InvalidInputError(
        `the body is item ${JSON.stringify(itemIds[0])}, but the address names ${JSON.stringify(id)}`,
      );
    }
    const { model, index, vocabulary } = this.#published();
    const { added, replaced } = index.replace([id], model.encode(items), { items });
    await this.#store(() => {
      this.#database.replaceAdded(this.#request, id, items.data);
      this.#database.putItem(id, vocabulary.format(index.get(id)));
      this.#putIndex(index); // adding items again, as after a crash, replaces and removes nothing
    });
    return { ...this.get(id), added: added > 0, replaced: replaced > 0, warning: index.drift?.warning };
  }

  /** Removes an item; no other one ever gets its ID. @returns what it was, or undefined for an unknown item */
  async remove(id) {
    const { index } = this.#published();
    const item = this.get(id);
    if (!item) return undefined;
    index.remove([id]);
    await this.#store(() => {
      this.#database.putRemoved(this.#request, id);
      this.#database.removeItem(id);
      this.#putIndex(index);
    });
    return item;
  }

  /** Stores what a request has changed in the index. */
  async #store(write) {
    this.#request++;
    try {
      this.#database.atOnce(write);
    } catch (error) {
      this.#current = undefined; // what could not be stored must not be served: back to what is stored
      await this.open();
      throw error;
    }
    this.#clientIndex = undefined;
  }

  /** An item's IDs, or undefined. `raw` is what the model says of its vector, `published` is its own. */
  get(id) {
    const { index, vocabulary } = this.#published();
    const published = index.get(id);
    return published && { id, raw: index.getRaw(id), published, semanticId: vocabulary.format(published) };
  }

  /** The other items, the most similar first, by the index's own ranking; undefined for an unknown item. */
  async similar(id, limit) {
    const { index } = this.#published();
    if (!index.get(id)) return undefined;
    try {
      const found = await index.similar(id, { limit });
      return found.map(({ itemId, shared, distance }) => ({ id: itemId, sharedCodes: shared, distance }));
    } catch (error) {
      // Another model was published meanwhile.
      if (this.#published().index !== index) return this.similar(id, limit);
      throw error;
    }
  }

  /** What is published at the moment, or undefined. */
  summary() {
    if (!this.#current) return undefined;
    const { model, index } = this.#current;
    return {
      items: index.size,
      dim: model.config.inputDim,
      fingerprint: model.fingerprint,
      generation: index.generation,
    };
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

  #putItems(index) {
    const vocabulary = new Vocabulary(index);
    this.#database.clearItems();
    for (const id of index.items([])) this.#database.putItem(id, vocabulary.format(index.get(id)));
  }

  #putIndex(index) {
    this.#database.putFile("index", index.save());
    this.#database.putFile("snapshot", String(this.#request));
    this.#snapshot = this.#request;
  }
}

/** Adds items again, or to a new index: the vector that came last is the item's. */
function addTo(index, model, itemIds, vectors) {
  const items = joined(vectors, itemIds.length);
  index.add(itemIds, model.encode(items), { items, replace: true });
}
