import { type Asking, asAnswersCome, atOnce } from "../base/asking.ts";
import { worksBehindProxy } from "../base/behind-proxy.ts";
import { BusyError, invalid, ModelFormatError, UnknownPrefixError } from "../base/errors.ts";
import { checkOptionNames, isList, OptionReader, requireThat, show, wholeNumber } from "../base/option-reader.ts";
import { call, worded } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import { checkItemIds, type ItemId } from "../ids/item-id.ts";
import { areInferred, type CodeArray, copySizes, SemanticIds } from "../ids/semantic-ids.ts";
import type { Items, ModelSource } from "../types.ts";
import { checkBatch } from "./batch.ts";
import { checkCodes } from "./check-codes.ts";
import { describeDrift, driftLimit, type IdDrift } from "./drift.ts";
import type { IdFilter } from "./id-filter.ts";
import { type IdPrefix, IdTrie } from "./id-trie.ts";
import { COLLISIONS, type Collisions, type IndexChange, type IndexContents, publishedSizes } from "./index-contents.ts";
import { fromIndexJson, type IndexJson, toIndexJson } from "./index-json.ts";
import { answersLater, checkItemRows, type IdModel, requireModel, requireModelOf, requireSame } from "./index-model.ts";
import { ItemTable } from "./item-table.ts";
import type { MigrateOptions, MigrationCounts, NextModel } from "./migrate.ts";
import { nearestId } from "./nearest-id.ts";
import { publish, sampleLeftOvers } from "./publish.ts";
import { PublishedRows, pickIds } from "./published-rows.ts";
import type { SimilarItem, SimilarOptions } from "./similar-items.ts";
import { writeIndexFile } from "./write-index-file.ts";

/** How to build an index. */
export interface IndexOptions {
  /**
   * What to do with items that have the same raw ID. "share": they keep it. "suffix": every item gets one more code, which is 0 if it has
   * the raw ID alone, else counted from 0 in the order of item IDs. "reassign": every item gets an ID of the same length for itself. Items
   * with the same prefix (all codes but the last) get its free codes so that the sum of their squared distances from what their IDs stand
   * for is least; those for whom there are too few go on to the nearest free ID of another prefix. Needs `model` and `items`. A prefix with
   * more than 2^22 pairs of items and codes (2,048 x 2,048) is not solved exactly: there, the nearest items choose first.
   * Default: "share".
   */
  collisions?: Collisions;
  /** Number of suffix codes. Default: 256. */
  capacity?: number;
  /** The model that made the IDs, for "reassign", for the drift figure and for a `nearestValid` by distance. Kept, not copied. */
  model?: IdModel;
  /** The items' vectors, one row per ID. Not kept. */
  items?: Items;
  /**
   * How important each item is (its popularity, say), n finite numbers, larger ones first: a more important item gets the lower suffix or,
   * with "reassign", its code before the others. Equally important ones are treated as without it. No effect with "share".
   */
  priority?: ArrayLike<number>;
}

/** Of new items: their vectors, one row per ID, and how important each is, as in `IndexOptions`. */
export type ChangeOptions = Pick<IndexOptions, "items" | "priority">;
const CHANGE_OPTIONS = ["items", "priority"] as const;

/** What `add` and `replace` did. */
export interface IndexUpdate {
  /** Items that are new or come back. */
  added: number;
  /** Items that already had the same raw ID. */
  unchanged: number;
  /** Items whose ID changed. */
  replaced: number;
  /** Drift of the given vectors; absent without `items`, or if the index was built without model and items. */
  drift?: IdDrift;
}

/** What `migrate` made. */
export interface Migration extends MigrationCounts {
  /** The next generation. The index that was migrated stays as it was. */
  index: SemanticIdIndex;
}

/**
 * The published IDs of a catalogue: which ID an item has, which items an ID has, which codes may come next. Synchronous, in typed arrays,
 * without WebAssembly except where a model is needed.
 *
 * No published ID ever changes: `add` gives new items IDs that no item holds or held. What happens to raw IDs that several items share is
 * chosen when the index is built. Within one call the result does not depend on the order of the rows; across calls it depends on their
 * sequence, which the journal records.
 *
 * The first query after a change rebuilds the tree, in time proportional to the number of items.
 */
export class SemanticIdIndex {
  readonly collisions: Collisions;
  /** Number of suffix codes, with "suffix". */
  readonly capacity: number;
  /** Number of codes at each level of a published ID: the model's sizes and, with "suffix", `capacity`. */
  readonly codebookSizes: readonly number[];
  /** Codes in a published ID. */
  readonly levels: number;
  /** The model that made the raw IDs (16 hexadecimal digits); IDs of other models are refused. */
  declare readonly fingerprint?: string;
  /** Whether it was saved with `compact: true`, so that it can look up but not change. */
  readonly compact: boolean;

  readonly #rawSizes: readonly number[];
  readonly #model: IdModel | undefined;
  #codebooks: { fingerprint: string; books: readonly Float32Array[] } | undefined;
  readonly #rows: PublishedRows;
  readonly #journal: IndexChange[];
  readonly #driftLimit: number | undefined;
  readonly #earlier: IndexContents["earlier"];
  #drift: readonly [items: number, outside: number];
  #trie: IdTrie | undefined;
  /** The call that is changing it, if any. */
  #changing: string | undefined;

  private constructor(contents: IndexContents, model: IdModel | undefined, table?: ItemTable) {
    worksBehindProxy(this, SemanticIdIndex);
    this.collisions = contents.collisions;
    this.capacity = contents.capacity;
    const isInferred = contents.hasInferredSizes === true || areInferred(contents.codebookSizes);
    this.codebookSizes = copySizes(publishedSizes(contents), isInferred);
    this.levels = this.codebookSizes.length;
    if (contents.fingerprint !== undefined) this.fingerprint = contents.fingerprint;
    this.compact = contents.compact;
    this.#rawSizes = copySizes(contents.codebookSizes, isInferred);
    this.#model = model;
    this.#rows = new PublishedRows(contents, this.levels, table);
    this.#journal = [...contents.journal];
    this.#driftLimit = contents.driftLimit;
    this.#drift = contents.drift;
    this.#earlier = contents.earlier;
  }

  /**
   * An index of n items.
   *
   * @param itemIds n different strings or whole numbers
   * @param ids their raw IDs, as `encode` gives them
   * @throws InvalidInputError if the numbers of item IDs and IDs differ, or an item ID occurs twice. Also if there are too few suffixes for the
   * items that share an ID, fewer IDs than items to reassign, or the model is not the one that made the IDs.
   */
  static build(itemIds: ArrayLike<ItemId>, ids: SemanticIds, options?: IndexOptions): SemanticIdIndex {
    const where = "SemanticIdIndex.build";
    return atOnce(SemanticIdIndex.#build(where, itemIds, ids, options), () => answersLater(where));
  }

  /** Like `build`, with a model that may be in a worker. @throws as `build` */
  static async buildAsync(
    itemIds: ArrayLike<ItemId>,
    ids: SemanticIds,
    options?: IndexOptions,
  ): Promise<SemanticIdIndex> {
    const index = await asAnswersCome(SemanticIdIndex.#build("SemanticIdIndex.buildAsync", itemIds, ids, options));
    await asAnswersCome(index.#books());
    return index;
  }

  static *#build(
    where: string,
    itemIds: ArrayLike<ItemId>,
    ids: SemanticIds,
    options: IndexOptions = {},
  ): Asking<SemanticIdIndex> {
    checkOptionNames(options, where, ["collisions", "capacity", "model", "items", "priority"]);
    const read = new OptionReader(options, where);
    const collisions = read.choice("collisions", COLLISIONS, "share");
    const capacity = read.integer("capacity", 256, 1, 2 ** 32);
    const { model, items } = options;
    const batch = checkBatch(itemIds, ids, ids?.codebookSizes, where, options.priority);
    const fingerprint = batch.ids.fingerprint ?? model?.fingerprint;
    if (model) requireModelOf(model, fingerprint, batch.ids.codebookSizes, where);
    if (items) checkItemRows(requireModel(model, where), items, batch.ids, where);

    const rules = { collisions, capacity, codebookSizes: batch.ids.codebookSizes };
    const levels = publishedSizes(rules).length;
    const held = { codes: SemanticIds.allocate(0, publishedSizes(rules)), levels, order: new Uint32Array(0) };
    const { codes, order } = yield* publish(rules, batch, undefined, held, model, items, where);
    const sorted = Array.from(order, (row) => batch.itemIds[row]!);
    const table = ItemTable.of(sorted, where, order);
    const contents: IndexContents = {
      ...rules,
      fingerprint,
      compact: false,
      itemIds: sorted,
      codes: pickIds(codes, levels, order),
      ...(collisions === "reassign" ? { raw: pickIds(batch.ids.codes, levels, order) } : {}),
      retired: [],
      drift: [0, 0],
      journal: [{ kind: "build", items: order.length, itemIds: [] }],
      ...(model && items && order.length > 0
        ? { driftLimit: driftLimit(yield* sampleLeftOvers(model, items, batch)) }
        : {}),
    };
    return new SemanticIdIndex(contents, model, table);
  }

  /** Number of items. */
  get size(): number {
    return this.#rows.size;
  }

  /** The state of the empty prefix. */
  get root(): number {
    return 0;
  }

  /** 1 for an index that was built, one more after each `migrate`. */
  get generation(): number {
    return 1 + (this.#earlier?.length ?? 0);
  }

  /** What has happened since the index was built, oldest first. Empty in a compact index. */
  get journal(): readonly IndexChange[] {
    return [...this.#journal];
  }

  /** Drift over all vectors given with new items since the index was built; undefined if it was built without model and items. */
  get drift(): IdDrift | undefined {
    return this.#driftLimit === undefined ? undefined : describeDrift(...this.#drift);
  }

  /** The published ID of an item; undefined if it is not in the index. */
  get(itemId: ItemId): number[] | undefined {
    const row = this.#rows.row(itemId);
    return row < 0 ? undefined : this.#rows.idAt(row);
  }

  /**
   * The raw ID of an item, as the model gave it; undefined if the item is not in the index, or the index is compact and does not have it.
   */
  getRaw(itemId: ItemId): number[] | undefined {
    const row = this.#rows.row(itemId);
    return row < 0 || (this.compact && (this.#earlier || this.collisions === "reassign"))
      ? undefined
      : this.#rows.rawAt(row);
  }

  /** Each item and its published ID, sorted by ID, then by item ID. */
  *[Symbol.iterator](): Generator<[itemId: ItemId, codes: number[]]> {
    for (const row of this.#rows.live.order) yield [this.#rows.itemAt(row), this.#rows.idAt(row)];
  }

  /**
   * Published IDs as a table, as writers of files take it (an index itself is taken as `table()`).
   * @param itemIds The items wanted, in this order. Default: all, sorted by ID, then by item ID.
   * @throws InvalidInputError for an item that is not in the index.
   */
  table(itemIds?: ArrayLike<ItemId>): { itemIds: ItemId[]; ids: SemanticIds } {
    const rows = itemIds === undefined ? [...this.#rows.live.order] : this.#rowsOf(itemIds, "table");
    const { codes } = this.#idsOf(rows);
    return {
      itemIds: rows.map((row) => this.#rows.itemAt(row)),
      ids: SemanticIds.trusted(codes, this.codebookSizes, this.fingerprint),
    };
  }

  /** @throws InvalidInputError for an item that is not in the index */
  #rowsOf(itemIds: ArrayLike<ItemId>, where: string): number[] {
    return checkItemIds(itemIds, where).map((itemId, i) => {
      const row = this.#rows.row(itemId);
      if (row >= 0) return row;
      throw invalid(
        "UNKNOWN_ITEM",
      )`${call(where)}${{ argument: "itemIds" }}, ${{ row: i }}: item ${show(itemId)} is not in the index`;
    });
  }

  /**
   * The items whose ID is this one or starts with it, sorted by ID, then by item ID; none for an unused ID.
   * @throws InvalidInputError for codes that no ID could have.
   */
  items(codesOrPrefix: IdPrefix): ItemId[] {
    const state = this.#find(codesOrPrefix);
    if (state < 0) return [];
    return Array.from(this.#tree().rows(state), (row) => this.#rows.itemAt(row));
  }

  /**
   * The other items whose ID starts with the same `depth` codes.
   * @param depth Default: all codes but the last.
   * @throws InvalidInputError for an item that is not in the index.
   */
  siblings(itemId: ItemId, depth = this.levels - 1): ItemId[] {
    const id = this.get(itemId);
    if (!id) throw invalid("UNKNOWN_ITEM")`${call("siblings")}item ${show(itemId)} is not in the index`;
    const isDepth = Number.isInteger(depth) && depth >= 0 && depth <= this.levels;
    requireThat(isDepth, "depth", wholeNumber(0, this.levels), depth, "siblings");
    return this.items(id.slice(0, depth)).filter((other) => other !== itemId);
  }

  /**
   * The items most like the query, ranked: those with more first codes in common come first. Of equally many, those come first that are
   * nearest to the query in the model's latent space, in which an ID is the sum of its codes' vectors. Items at the same distance come in the order of their item
   * IDs. Without a model, items with equally many codes in common come in the order of their IDs, then of their item IDs. A suffix says
   * nothing about likeness and does not count; of reassigned IDs, the published one counts. Items with fewer codes in common follow until
   * there are `limit` of them, so that an item that is alone under its ID has similar ones too.
   *
   * Large indexes are searched in the branches that can hold the nearest items only.
   *
   * @param query an item, which is not among the answers; or codes, as many as an ID has or fewer; or `{ vector }` with `inputDim` numbers,
   * which the model encodes, and whose own latent vector is then what the distance is measured from.
   * @throws InvalidInputError for an item that is not in the index, codes that no ID could have, and a vector if the index has no model.
   */
  async similar(
    query: ItemId | ArrayLike<number> | { vector: ArrayLike<number> },
    options: SimilarOptions = {},
  ): Promise<SimilarItem[]> {
    const { similarItems } = await import("./similar-items.ts");
    return similarItems(this, query, options, {
      rows: this.#rows,
      rawSizes: this.#rawSizes,
      sizes: this.codebookSizes,
      model: this.#model,
      books: await asAnswersCome(this.#books("similar")),
      tree: () => this.#tree(),
    });
  }

  /**
   * A view of the index in which only some items exist, for constrained decoding and `similar`: those in stock, of a category, not seen yet.
   * @param which The items that are allowed, or a function that says so of each. Default: all.
   * @param options `unknown`: what to do about items that are not in the index, "error" or "skip". Default: "error".
   * @throws InvalidInputError for an item that is not in the index.
   */
  async filter(
    which?: ArrayLike<ItemId> | ((itemId: ItemId) => boolean),
    options: { unknown?: "error" | "skip" } = {},
  ): Promise<IdFilter> {
    const { makeFilter } = await import("./id-filter.ts");
    return makeFilter(this, { rows: this.#rows, tree: () => this.#tree() }, which, options);
  }

  /** Whether some item's ID is this one or starts with it. False for any other value. */
  isValid(codesOrPrefix: IdPrefix): boolean {
    return this.size > 0 && this.#lookUp(codesOrPrefix) >= 0;
  }

  /** Whether this is the whole ID of some item, after which only the end of the sequence may follow. */
  isLeaf(codesOrPrefix: IdPrefix): boolean {
    const state = this.#lookUp(codesOrPrefix);
    return state >= 0 && this.#tree().depth(state) === this.levels;
  }

  /**
   * The codes that may follow, ascending, as a copy. Empty after a whole ID.
   * @throws UnknownPrefixError if no item's ID has this prefix.
   */
  allowedNext(prefix: IdPrefix): CodeArray {
    return this.#tree().next(this.#known(prefix));
  }

  /**
   * Writes what may follow into `mask`: K + 1 entries at a level of K codes, the last of which stands for the end of the sequence. In a
   * Uint8Array, 1 means allowed and 0 not; in a Float32Array, which is added to logits, 0 means allowed and -Infinity not. After a whole ID
   * only the last entry is allowed, and the mask may have any length. Returns `mask`.
   * @param mask Default: a new Uint8Array.
   * @throws UnknownPrefixError if no item's ID has this prefix; InvalidInputError for a mask of another length.
   */
  mask<Mask extends Uint8Array | Float32Array = Uint8Array>(prefix: IdPrefix, mask?: Mask): Mask {
    const trie = this.#tree();
    const state = this.#known(prefix);
    const depth = trie.depth(state);
    const isLeaf = depth === this.levels;
    const length = this.codebookSizes[isLeaf ? depth - 1 : depth]! + 1;
    const out = mask ?? new Uint8Array(length);
    const form = Object.prototype.toString.call(out).slice(8, -1);
    if ((form !== "Uint8Array" && form !== "Float32Array") || (isLeaf ? out.length === 0 : out.length !== length)) {
      throw invalid()`${call("mask")}expected a Uint8Array or Float32Array of ${counted(length, "entry")} (the codes of level ${depth + 1} and the end of the sequence), received ${show(out)}${ArrayBuffer.isView(out) ? ` of ${out.length}` : ""}`;
    }
    const allowed = form === "Uint8Array" ? 1 : 0;
    out.fill(form === "Uint8Array" ? 0 : Number.NEGATIVE_INFINITY);
    if (isLeaf) out[out.length - 1] = allowed;
    else trie.mark(state, out, allowed);
    return out as Mask;
  }

  /** The state of a prefix. @throws UnknownPrefixError if no item's ID has this prefix. */
  state(prefix: IdPrefix): number {
    return this.#known(prefix);
  }

  /** The state after one more code. @throws UnknownPrefixError if the code may not follow. */
  step(state: number, code: number): number {
    const from = this.#known(state);
    const next = typeof code === "number" ? this.#tree().step(from, code) : -1;
    if (next < 0) throw this.#unknown([...this.prefix(state), code]);
    return next;
  }

  /** The codes that lead to a state. */
  prefix(state: number): number[] {
    return this.#tree().prefix(this.#known(state));
  }

  /**
   * The whole ID of some item that is nearest to the given codes, which need not be valid or complete. The longest common prefix counts
   * first. Below it, if the index has its model, it takes at each level the code whose vector is nearest to what the remaining given codes
   * stand for. Without a model, it takes the ID with the most common codes, of equal ones the lowest.
   * @throws InvalidInputError for codes that no ID could have, or if the index is empty.
   */
  nearestValid(codes: ArrayLike<number>): number[] {
    if (this.size === 0) throw invalid("EMPTY")`${call("nearestValid")}the index is empty`;
    checkCodes(codes, this.codebookSizes);
    const books = atOnce(this.#books(), () => answersLater("nearestValid"));
    return nearestId(this.#tree(), codes, books, this.#rawSizes);
  }

  /**
   * Gives new items their IDs. Items that already have the same raw ID stay unchanged; items that were removed and come back with the same
   * raw ID get their old ID back. If it throws, nothing has changed.
   *
   * With "suffix" a new item gets the smallest suffix that no item with its raw ID holds or held. With "reassign" the new items get free IDs
   * as in `build`: one that comes alone gets its raw ID or, if that is not free, the nearest free one.
   *
   * @param ids raw IDs, as `encode` gives them
   * @param options `items`: their vectors, one row per ID; needed with "reassign", and for the drift figure. `priority`: as in `build`, among
   *   these items. `replace`: see `replace`.
   * @throws InvalidInputError for an item that already has another raw ID, for IDs of another model, and as `build`.
   */
  add(
    itemIds: ArrayLike<ItemId>,
    ids: SemanticIds | readonly (readonly number[])[],
    options: ChangeOptions & { replace?: boolean } = {},
  ): IndexUpdate {
    checkOptionNames(options, "add", [...CHANGE_OPTIONS, "replace"]);
    return this.#now("add", itemIds, ids, options, options.replace === true);
  }

  /**
   * Like `add` or, with `replace: true`, `replace`, with a model that may be in a worker. The index cannot be changed in the meantime.
   * @throws as `add`
   */
  async addAsync(
    itemIds: ArrayLike<ItemId>,
    ids: SemanticIds | readonly (readonly number[])[],
    options: ChangeOptions & { replace?: boolean } = {},
  ): Promise<IndexUpdate> {
    checkOptionNames(options, "addAsync", [...CHANGE_OPTIONS, "replace"]);
    return asAnswersCome(this.#update("addAsync", itemIds, ids, options, options.replace === true));
  }

  /**
   * Like `add`, but items that already have another raw ID get a new ID. This is the only way to change an item's ID. The old one is
   * retired.
   */
  replace(
    itemIds: ArrayLike<ItemId>,
    ids: SemanticIds | readonly (readonly number[])[],
    options: ChangeOptions = {},
  ): IndexUpdate {
    checkOptionNames(options, "replace", CHANGE_OPTIONS);
    return this.#now("replace", itemIds, ids, options, true);
  }

  /**
   * Removes items. Their IDs are retired: with "suffix" and "reassign" no other item ever gets them, unless `reuse` is true.
   * @throws InvalidInputError for an item that is not in the index; nothing has then changed.
   */
  remove(itemIds: ArrayLike<ItemId>, options: { reuse?: boolean } = {}): void {
    checkOptionNames(options, "remove", ["reuse"]);
    this.#requireWhole("remove");
    const list = checkItemIds(itemIds, "remove");
    ItemTable.of(list, "remove");
    const rows = this.#rowsOf(list, "remove");
    if (rows.length === 0) return;
    const before = this.#idsOf(rows);
    if (options.reuse || this.collisions === "share") this.#rows.free(rows);
    else this.#rows.retire(rows);
    this.#changed({ kind: "remove", items: rows.length, itemIds: list, before });
  }

  /**
   * The next generation of the index, for a new model: most items keep their ID. This index stays as it was, so that both can be used while
   * systems change over, and the new one knows the earlier IDs (`earlier`).
   *
   * An item keeps its ID as long as that is nearly as good for the new model as the best one: its error is at most 1 + `keep` times that of the
   * ID which the model gives. The error is ||z - sum of q||^2 in the model's latent space, with `firstCodeWeight` as the beam search has it. So
   * the codes of the model must mean what they meant: train it from the old one (`RQVAE.fit(items, { from })`), or give its codes the old
   * numbers (`alignCodes`). Other items get new IDs, and new items are added, by the index's rule for collisions. No ID that an item had is
   * given to another, except with "share". With "reassign" an item moves only to an ID that is better than its own.
   *
   * Of an item that keeps its ID, the raw ID is from then on what the new model says, so that `add` of the same vector changes nothing.
   *
   * @param model The new model, or one in a worker, with as many levels and at least as many codes at each. It becomes the model of the index.
   * @param itemIds n item IDs, in any order; those that are new are added.
   * @param items Their vectors, one row per item ID.
   * @throws InvalidInputError if an item of the index is missing (see `MigrateOptions.missing`), for codebooks into which the IDs do not fit,
   * and as `add`. BusyError if the index is changing.
   */
  async migrate(
    model: NextModel,
    itemIds: ArrayLike<ItemId>,
    items: Items,
    options: MigrateOptions = {},
  ): Promise<Migration> {
    this.#requireWhole("migrate");
    this.#changing = "migrate";
    try {
      const { migrate } = await import("./migrate.ts");
      const make = (contents: IndexContents) => new SemanticIdIndex(contents, model);
      return await migrate(this.#contents(false), make, model, itemIds, items, options);
    } finally {
      this.#changing = undefined;
    }
  }

  /**
   * An earlier generation as a compact index, as it was when `migrate` made the next one of it: for look-ups of old IDs.
   * @param generation Default: the previous one.
   * @throws InvalidInputError if there is none, or if this index is compact.
   */
  async earlier(generation?: number): Promise<SemanticIdIndex> {
    const { contentsAt } = await import("./generations.ts");
    return new SemanticIdIndex(contentsAt(this.#contents(this.compact), generation), undefined);
  }

  /**
   * The index as a file with a checksum. The same index gives the same bytes. `compact: true` leaves out what only changes need (raw IDs,
   * retired IDs, journal), for clients that only look up.
   */
  save(options: { compact?: boolean } = {}): Uint8Array {
    checkOptionNames(options, "save", ["compact"]);
    return writeIndexFile(this.#contents(options.compact === true));
  }

  /**
   * Loads an index from its file, or from the text of `toJSON`: bytes, a URL, a path (Node), a Blob or a Response.
   * @param options `model`: the model of its IDs, needed to `add` with "reassign" and for drift figures.
   * @throws ModelFormatError for bytes that are truncated, damaged, foreign or of a newer format; InvalidInputError for another model,
   * and for an unreadable source.
   */
  static async load(source: ModelSource, options: { model?: IdModel } = {}): Promise<SemanticIdIndex> {
    const where = "SemanticIdIndex.load";
    checkOptionNames(options, where, ["model"]);
    // Programs that build an index need not load the code that reads one.
    const { loadContents } = await import("./read-index-file.ts");
    return SemanticIdIndex.#from(await loadContents(source, where), options.model, where);
  }

  /** The whole index as plain data, which `JSON.stringify` writes. */
  toJSON(): IndexJson {
    return toIndexJson(this.#contents(this.compact));
  }

  /** An index from `toJSON`, or its text. @throws as `load` */
  static fromJSON(json: IndexJson | string, options: { model?: IdModel } = {}): SemanticIdIndex {
    const where = "SemanticIdIndex.fromJSON";
    checkOptionNames(options, where, ["model"]);
    let value: unknown = json;
    try {
      if (typeof json === "string") value = JSON.parse(json);
    } catch (cause) {
      throw new ModelFormatError("this is not an index: the text is not JSON", { code: "NOT_JSON", cause });
    }
    return SemanticIdIndex.#from(fromIndexJson(value), options.model, where);
  }

  static #from(contents: IndexContents, model: IdModel | undefined, where: string): SemanticIdIndex {
    if (model) requireModelOf(model, contents.fingerprint, contents.codebookSizes, where);
    return new SemanticIdIndex(contents, model);
  }

  #contents(compact: boolean): IndexContents {
    const isWhole = !compact && !this.compact;
    return {
      collisions: this.collisions,
      capacity: this.capacity,
      codebookSizes: this.#rawSizes,
      ...(areInferred(this.#rawSizes) ? { hasInferredSizes: true as const } : {}),
      ...(this.fingerprint === undefined ? {} : { fingerprint: this.fingerprint }),
      compact: !isWhole,
      ...this.#rows.contents(isWhole),
      ...(this.#driftLimit === undefined ? {} : { driftLimit: this.#driftLimit }),
      drift: this.#drift,
      journal: isWhole ? this.#journal : [],
      ...(this.#earlier ? { earlier: this.#earlier } : {}),
    };
  }

  #now(...change: Change): IndexUpdate {
    return atOnce(this.#update(...change), () => answersLater(change[0]));
  }

  *#update(...change: Change): Asking<IndexUpdate> {
    const [where] = change;
    this.#requireWhole(where);
    this.#changing = where;
    try {
      return yield* this.#apply(...change);
    } finally {
      this.#changing = undefined;
    }
  }

  *#apply(
    where: string,
    itemIds: ArrayLike<ItemId>,
    ids: SemanticIds | readonly (readonly number[])[],
    { items, priority }: ChangeOptions,
    replace: boolean,
  ): Asking<IndexUpdate> {
    const batch = checkBatch(itemIds, ids, this.#rawSizes, where, priority);
    requireSame(batch.ids.fingerprint, this.fingerprint, `${where}: the IDs were made by model`);
    const model = items ? this.#usableModel(where) : this.#model;
    if (items) checkItemRows(model!, items, batch.ids, where);
    ItemTable.of(batch.itemIds, where);

    // What to do with each row of the batch.
    const fresh: number[] = [];
    const added: number[] = [];
    const back: number[] = [];
    const moved: number[] = [];
    batch.itemIds.forEach((itemId, i) => {
      const at = i * this.#rawSizes.length;
      const row = this.#rows.row(itemId);
      if (row >= 0 && this.#rows.hasRaw(row, batch.ids.codes, at)) return;
      const retired = row < 0 ? this.#rows.retiredRow(itemId, batch.ids.codes, at) : -1;
      if (retired >= 0) {
        back.push(retired);
        return;
      }
      if (row >= 0 && !replace) {
        throw invalid(
          "ITEM_MOVED",
        )`${call(where)}item ${show(itemId)} already has the raw ID [${String(this.getRaw(itemId))}], but ${{ row: i }} gives it [${batch.ids.at(i).join()}]: published IDs do not change${{ hint: "call replace to give it another" }}`;
      }
      (row >= 0 ? moved : added).push(fresh.length);
      fresh.push(i);
    });
    const unchanged = batch.itemIds.length - back.length - fresh.length;

    const newcomers = {
      itemIds: fresh.map((i) => batch.itemIds[i]!),
      ids: SemanticIds.trusted(pickIds(batch.ids.codes, this.#rawSizes.length, fresh), this.#rawSizes),
      priority: batch.priority && fresh.map((i) => batch.priority![i]!),
    };
    const published = yield* publish(
      { collisions: this.collisions, capacity: this.capacity, codebookSizes: this.#rawSizes },
      newcomers,
      { ids: batch.ids, rows: fresh },
      this.#rows.held,
      model,
      items,
      where,
    );
    let drift: IdDrift | undefined;
    if (items && this.#driftLimit !== undefined) {
      const leftOvers = yield* sampleLeftOvers(model!, items, newcomers, { ids: batch.ids, rows: fresh });
      drift = describeDrift(leftOvers.length, leftOvers.filter((leftOver) => leftOver > this.#driftLimit!).length);
    }

    // From here on nothing throws.
    if (drift) this.#drift = [this.#drift[0] + drift.items, this.#drift[1] + drift.outside];
    const oldRows = moved.map((i) => this.#rows.row(newcomers.itemIds[i]!));
    const before = this.#idsOf(oldRows);
    this.#rows.bringBack(back);
    if (this.collisions === "share") this.#rows.free(oldRows);
    const rows = this.#rows.place(newcomers, published);
    if (back.length + added.length > 0) {
      const all = [...back, ...added.map((i) => rows[i]!)];
      const after = this.#idsOf(all);
      this.#changed({ kind: "add", items: all.length, itemIds: all.map((row) => this.#rows.itemAt(row)), after });
    }
    if (moved.length > 0) {
      const after = this.#idsOf(moved.map((i) => rows[i]!));
      const concerned = moved.map((i) => newcomers.itemIds[i]!);
      this.#changed({ kind: "replace", items: moved.length, itemIds: concerned, before, after });
    }
    return {
      added: back.length + added.length,
      unchanged,
      replaced: moved.length,
      ...(drift ? { drift } : {}),
    };
  }

  #changed(change: IndexChange): void {
    this.#journal.push(Object.freeze(change));
    this.#trie = undefined;
  }

  #idsOf(rows: readonly number[]): SemanticIds {
    return this.#rows.idsOf(rows, this.codebookSizes);
  }

  #tree(): IdTrie {
    this.#trie ??= new IdTrie(this.#rows.live);
    return this.#trie;
  }

  /** The state of a prefix, or -1. */
  #lookUp(prefix: IdPrefix): number {
    const trie = this.#tree();
    if (typeof prefix === "number") return Number.isInteger(prefix) && prefix >= 0 && prefix < trie.size ? prefix : -1;
    if (!isList(prefix) || !(prefix.length <= this.levels)) return -1;
    for (let i = 0; i < prefix.length; i++) if (!Number.isInteger(prefix[i])) return -1;
    return trie.find(prefix);
  }

  /** The state of a prefix; -1 if its codes are possible but not used. */
  #find(prefix: IdPrefix): number {
    const state = this.#lookUp(prefix);
    if (state >= 0) return state;
    if (typeof prefix === "number") {
      throw invalid()`${show(prefix)} is not a current state of this index; take states from root, state and step, after the last change of the index`;
    }
    checkCodes(prefix, this.codebookSizes);
    return -1;
  }

  #known(prefix: IdPrefix): number {
    const state = this.#find(prefix);
    if (state < 0) throw this.#unknown(prefix as ArrayLike<number>);
    return state;
  }

  #unknown(prefix: ArrayLike<number>): UnknownPrefixError {
    const codes = Array.from(prefix, show);
    return new UnknownPrefixError(
      `no item's ID starts with [${codes.join(", ")}]: call allowedNext to see what may follow a prefix, or nearestValid for the nearest ID`,
    );
  }

  #requireWhole(where: string): void {
    if (this.#changing) {
      throw new BusyError(worded`${call(where)}${this.#changing} is changing this index${{ hint: "await it first" }}`);
    }
    if (this.compact) {
      throw invalid(
        "INDEX_COMPACT",
      )`${call(where)}this index was saved with compact: true and cannot be changed${{ hint: "change the full index and save it again", after: "; " }}`;
    }
  }

  #usableModel(where: string): IdModel {
    const model = requireModel(this.#model, where);
    requireSame(model.fingerprint, this.fingerprint, `${where}: the index's model has changed and is now`);
    return model;
  }

  *#books(where = "nearestValid"): Asking<readonly Float32Array[] | undefined> {
    if (!this.#model) return undefined;
    const { fingerprint } = this.#usableModel(where);
    if (this.#codebooks?.fingerprint !== fingerprint) {
      this.#codebooks = { fingerprint, books: yield this.#model.codebooks({ space: "latent" }) };
    }
    return this.#codebooks.books;
  }
}

type Change = [
  where: string,
  itemIds: ArrayLike<ItemId>,
  ids: SemanticIds | readonly (readonly number[])[],
  options: ChangeOptions,
  replace: boolean,
];
