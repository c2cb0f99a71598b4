import { type Asking, asAnswersCome, atOnce } from "../base/asking.ts";
import { requireList, viewBytes } from "../base/attached.ts";
import { worksBehindProxy } from "../base/behind-proxy.ts";
import { BusyError, InvalidInputError, ModelFormatError, UnknownPrefixError } from "../base/errors.ts";
import { checkOptionNames, isList, OptionReader, show } from "../base/option-reader.ts";
import { counted, thereAre } from "../base/words.ts";
import { checkItemIds, compareItemIds, type ItemId } from "../ids/item-id.ts";
import { areInferred, type CodeArray, copySizes, SemanticIds } from "../ids/semantic-ids.ts";
import { compareCodes, mergeOrders, type SortedIds, sortIds } from "../ids/sorted-ids.ts";
import type { Items } from "../types.ts";
import { describeDrift, driftLimit, type IdDrift, sampleRows } from "./drift.ts";
import { IdTrie } from "./id-trie.ts";
import { COLLISIONS, type Collisions, type IndexChange, type IndexContents, publishedSizes } from "./index-contents.ts";
import { readIndexFile, writeIndexFile } from "./index-file.ts";
import { fromIndexJson, type IndexJson, toIndexJson } from "./index-json.ts";
import { ItemTable } from "./item-table.ts";
import { checkItemRows, forEachVector, type IdModel } from "./item-vectors.ts";
import { nearestId } from "./nearest-id.ts";
import { giveSuffixes, reassign } from "./resolve-collisions.ts";

/** How an index is built. */
export interface IndexOptions {
  /**
   * What becomes of items with the same raw ID. "share": they keep it. "suffix": every item gets one more code, 0 when its raw ID is its
   * own, else counted from 0 in the order of item IDs. "reassign": one keeps it, the others get the nearest free ID, of the same length;
   * needs `model` and `items`. Default: "share".
   */
  collisions?: Collisions;
  /** Number of suffix codes. Default: 256. */
  capacity?: number;
  /** The model that gave the IDs: for "reassign", for the drift figure and for a `nearestValid` by distance. Kept, not copied. */
  model?: IdModel;
  /** The items' vectors, one row an ID. Not kept. */
  items?: Items;
}

/** What `add` and `replace` did. */
export interface IndexUpdate {
  /** Items that were not there, or come back. */
  added: number;
  /** Items that were there with the same raw ID. */
  unchanged: number;
  /** Items that got another ID. */
  replaced: number;
  /** Of the vectors given with them: absent without `items`, or when the index was built without model and items. */
  drift?: IdDrift;
}

/**
 * A place in the tree of IDs: the codes that lead there, or a state from `root` and `step`. States are cheap to keep and to compare, as
 * beam search needs it; they hold until the index changes.
 */
export type IdPrefix = ArrayLike<number> | number;

/**
 * The published IDs of a catalogue: which ID an item has, which items an ID has, which codes may come next. Synchronous, in typed arrays,
 * without WebAssembly but where a model is asked.
 *
 * No published ID ever moves: `add` gives new items IDs that nobody holds or held. What becomes of raw IDs that several items have is
 * chosen when it is built. Within one call the result does not depend on the order of the rows; across calls it depends on their
 * sequence, which the journal records.
 *
 * The first query after a change puts the tree together anew, in time proportional to the number of items.
 */
export class SemanticIdIndex {
  readonly collisions: Collisions;
  /** Number of suffix codes, of "suffix". */
  readonly capacity: number;
  /** Number of codes at each level of a published ID: the model's, and `capacity` with "suffix". */
  readonly codebookSizes: readonly number[];
  /** Codes in a published ID. */
  readonly levels: number;
  /** The model that made the raw IDs (16 hexadecimal digits); IDs of another are refused. */
  declare readonly fingerprint?: string;
  /** Whether it was saved with `compact: true`: it looks up, but does not change. */
  readonly compact: boolean;

  readonly #rawSizes: readonly number[];
  readonly #model: IdModel | undefined;
  #codebooks: { fingerprint: string; books: readonly Float32Array[] } | undefined;
  /** By row, as everything here: who holds the ID of the row. A removed item still names its retired ID, to have it again. */
  readonly #itemIds: (ItemId | undefined)[];
  #table: ItemTable;
  /** rows x levels, and space for more. */
  #codes: CodeArray;
  /** What the model said, of "reassign". */
  #raw: CodeArray | undefined;
  /** Rows in the order of their IDs, equal ones by item ID. */
  #order: Uint32Array;
  /** Rows whose ID is nobody's, and given to nobody. */
  readonly #retired: Set<number>;
  /** Rows that are not used. */
  readonly #free: number[] = [];
  readonly #journal: IndexChange[];
  readonly #driftLimit: number | undefined;
  #drift: readonly [items: number, outside: number];
  #trie: IdTrie | undefined;
  /** The call that changes it, while one does. */
  #changing: string | undefined;

  private constructor(contents: IndexContents, model: IdModel | undefined, table = ItemTable.of(contents.itemIds, "")) {
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
    this.#itemIds = contents.itemIds as (ItemId | undefined)[];
    this.#table = table;
    this.#codes = contents.codes;
    this.#raw = contents.raw;
    this.#order = Uint32Array.from(contents.itemIds.keys());
    this.#retired = new Set(contents.retired);
    this.#journal = [...contents.journal];
    this.#driftLimit = contents.driftLimit;
    this.#drift = contents.drift;
  }

  /**
   * An index of n items.
   *
   * @param itemIds n different strings or whole numbers
   * @param ids their raw IDs, as `encode` gives them
   * @throws InvalidInputError when there are not as many item IDs as IDs, one occurs twice, more items share an ID than there are
   * suffixes, there are fewer IDs than items to reassign, or the model is not the one that made the IDs.
   */
  static build(itemIds: ArrayLike<ItemId>, ids: SemanticIds, options?: IndexOptions): SemanticIdIndex {
    const where = "SemanticIdIndex.build";
    return atOnce(SemanticIdIndex.#build(where, itemIds, ids, options), () => answersLater(where));
  }

  /** As `build`, with a model that may be in a worker. @throws as `build` */
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
    checkOptionNames(options, where, ["collisions", "capacity", "model", "items"]);
    const read = new OptionReader(options, where);
    const collisions = read.choice("collisions", COLLISIONS, "share");
    const capacity = read.integer("capacity", 256, 1, 2 ** 32);
    const { model, items } = options;
    const batch = checkBatch(itemIds, ids, ids?.codebookSizes, where);
    const fingerprint = batch.ids.fingerprint ?? model?.fingerprint;
    if (model) checkModel(model, fingerprint, batch.ids.codebookSizes, where);
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
    return this.#order.length - this.#retired.size;
  }

  /** The state of the empty prefix. */
  get root(): number {
    return 0;
  }

  /** What happened since the index was built, the oldest first. Empty in a compact index. */
  get journal(): readonly IndexChange[] {
    return [...this.#journal];
  }

  /** Over all vectors that were given with new items since the index was built; undefined when it was built without model and items. */
  get drift(): IdDrift | undefined {
    return this.#driftLimit === undefined ? undefined : describeDrift(...this.#drift);
  }

  /** The published ID of an item; undefined when it is not in the index. */
  get(itemId: ItemId): number[] | undefined {
    const row = this.#row(itemId);
    return row < 0 ? undefined : this.#idAt(this.#codes, row, this.levels);
  }

  /** The raw ID of an item, as the model gave it; undefined when it is not in the index, or the index is compact and does not know. */
  getRaw(itemId: ItemId): number[] | undefined {
    const row = this.#row(itemId);
    if (row < 0 || (this.collisions === "reassign" && !this.#raw)) return undefined;
    return this.#idAt(this.#raw ?? this.#codes, row, this.#rawSizes.length);
  }

  /**
   * The items whose ID is this, or begins so, in the order of their IDs, then of their item IDs; none for an ID that is not used.
   * @throws InvalidInputError for codes that no ID could have.
   */
  items(codesOrPrefix: IdPrefix): ItemId[] {
    const state = this.#find(codesOrPrefix);
    if (state < 0) return [];
    return Array.from(this.#tree().rows(state), (row) => this.#itemIds[row]!);
  }

  /**
   * The other items whose ID begins with the same `depth` codes.
   * @param depth Default: all codes but the last.
   * @throws InvalidInputError for an item that is not in the index.
   */
  siblings(itemId: ItemId, depth = this.levels - 1): ItemId[] {
    const id = this.get(itemId);
    if (!id) throw new InvalidInputError(`siblings: item ${show(itemId)} is not in the index`);
    if (!Number.isInteger(depth) || depth < 0 || depth > this.levels) {
      throw new InvalidInputError(
        `siblings: depth must be a whole number from 0 to ${this.levels}, received ${show(depth)}`,
      );
    }
    return this.items(id.slice(0, depth)).filter((other) => other !== itemId);
  }

  /** Whether some item's ID is this, or begins so. False for anything else, whatever it is. */
  isValid(codesOrPrefix: IdPrefix): boolean {
    return this.size > 0 && this.#lookUp(codesOrPrefix) >= 0;
  }

  /** Whether this is the whole ID of some item: only the end of the sequence may follow. */
  isLeaf(codesOrPrefix: IdPrefix): boolean {
    const state = this.#lookUp(codesOrPrefix);
    return state >= 0 && this.#tree().depth(state) === this.levels;
  }

  /**
   * The codes that may follow, ascending: a copy. Empty after a whole ID.
   * @throws UnknownPrefixError when no item's ID begins so.
   */
  allowedNext(prefix: IdPrefix): CodeArray {
    return this.#tree().next(this.#known(prefix));
  }

  /**
   * Writes what may follow into `mask`: K + 1 entries at a level of K codes, the last of which stands for the end of the sequence. In a
   * Uint8Array 1 is allowed and 0 is not; in a Float32Array, to be added to logits, 0 is and -Infinity is not. After a whole ID only
   * the last entry is allowed, and the mask may have any length. Returns `mask`.
   * @param mask Default: a new Uint8Array.
   * @throws UnknownPrefixError when no item's ID begins so; InvalidInputError for a mask of another length.
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
      throw new InvalidInputError(
        `mask: expected a Uint8Array or Float32Array of ${counted(length, "entry")} (the codes of level ${depth + 1} and the end of the sequence), received ${show(out)}${ArrayBuffer.isView(out) ? ` of ${out.length}` : ""}`,
      );
    }
    const allowed = form === "Uint8Array" ? 1 : 0;
    out.fill(form === "Uint8Array" ? 0 : Number.NEGATIVE_INFINITY);
    if (isLeaf) out[out.length - 1] = allowed;
    else trie.mark(state, out, allowed);
    return out as Mask;
  }

  /** The state of a prefix. @throws UnknownPrefixError when no item's ID begins so. */
  state(prefix: IdPrefix): number {
    return this.#known(prefix);
  }

  /** The state after one more code. @throws UnknownPrefixError when the code may not follow. */
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
   * The whole ID of some item that is nearest to codes which need not be valid, nor complete. The longest prefix in common counts first.
   * Below it, if the index has its model, level by level the code whose vector is nearest to what the given codes still have to say;
   * without, the most codes in common, of equal ones the lowest ID.
   * @throws InvalidInputError for codes that no ID could have, or when the index is empty.
   */
  nearestValid(codes: ArrayLike<number>): number[] {
    if (this.size === 0) throw new InvalidInputError("nearestValid: the index is empty");
    checkCodes(codes, this.codebookSizes);
    const books = atOnce(this.#books(), () => answersLater("nearestValid"));
    return nearestId(this.#tree(), codes, books, this.#rawSizes);
  }

  /**
   * Gives new items their IDs. Items that are there already with the same raw ID stay as they are; items that were removed and come back
   * with the same raw ID get their old ID back. All or nothing: when it throws, nothing has changed.
   *
   * With "suffix" a new item gets the smallest suffix that no item with its raw ID holds or held; its raw ID when that is free, with
   * "reassign", else the nearest free one.
   *
   * @param ids raw IDs, as `encode` gives them
   * @param options `items`: their vectors, one row an ID; needed with "reassign", and for the drift figure. `replace`: see `replace`.
   * @throws InvalidInputError for an item that is there with another raw ID, for IDs of another model, and as `build`.
   */
  add(
    itemIds: ArrayLike<ItemId>,
    ids: SemanticIds | readonly (readonly number[])[],
    options: { items?: Items; replace?: boolean } = {},
  ): IndexUpdate {
    checkOptionNames(options, "add", ["items", "replace"]);
    return this.#now("add", itemIds, ids, options.items, options.replace === true);
  }

  /** As `add` or, with `replace: true`, as `replace`, with a model that may be in a worker. The index cannot be changed meanwhile. @throws as `add` */
  async addAsync(
    itemIds: ArrayLike<ItemId>,
    ids: SemanticIds | readonly (readonly number[])[],
    options: { items?: Items; replace?: boolean } = {},
  ): Promise<IndexUpdate> {
    checkOptionNames(options, "addAsync", ["items", "replace"]);
    return asAnswersCome(this.#update("addAsync", itemIds, ids, options.items, options.replace === true));
  }

  /**
   * As `add`, but items that are there with another raw ID get a new ID: the one case in which an item's ID changes. The old one is
   * retired.
   */
  replace(
    itemIds: ArrayLike<ItemId>,
    ids: SemanticIds | readonly (readonly number[])[],
    options: { items?: Items } = {},
  ): IndexUpdate {
    checkOptionNames(options, "replace", ["items"]);
    return this.#now("replace", itemIds, ids, options.items, true);
  }

  /**
   * Takes items out. Their IDs are retired: with "suffix" and "reassign" no other item ever gets them, unless `reuse` is true.
   * @throws InvalidInputError for an item that is not in the index; nothing has changed then.
   */
  remove(itemIds: ArrayLike<ItemId>, options: { reuse?: boolean } = {}): void {
    checkOptionNames(options, "remove", ["reuse"]);
    this.#requireWhole("remove");
    const list = checkItemIds(itemIds, "remove");
    ItemTable.of(list, "remove");
    const rows = list.map((itemId, i) => {
      const row = this.#row(itemId);
      if (row >= 0) return row;
      throw new InvalidInputError(`remove: itemIds, row ${i}: item ${show(itemId)} is not in the index`);
    });
    if (rows.length === 0) return;
    const before = this.#idsOf(rows);
    if (options.reuse || this.collisions === "share") this.#freeRows(rows);
    else for (const row of rows) this.#retired.add(row);
    this.#changed({ kind: "remove", items: rows.length, itemIds: list, before });
  }

  /**
   * The index as a file: checksummed, the same index gives the same bytes. `compact: true` leaves out what only changes need (raw IDs,
   * retired IDs, journal), for clients that look up.
   */
  save(options: { compact?: boolean } = {}): Uint8Array {
    checkOptionNames(options, "save", ["compact"]);
    return writeIndexFile(this.#contents(options.compact === true));
  }

  /**
   * An index from its file.
   * @param options `model`: the model of its IDs, needed to `add` with "reassign" and for drift figures.
   * @throws ModelFormatError for bytes that are truncated, damaged, foreign or of a newer format; InvalidInputError for another model.
   */
  static load(bytes: Uint8Array | ArrayBuffer, options: { model?: IdModel } = {}): SemanticIdIndex {
    const where = "SemanticIdIndex.load";
    checkOptionNames(options, where, ["model"]);
    if (!ArrayBuffer.isView(bytes) && Object.prototype.toString.call(bytes) !== "[object ArrayBuffer]") {
      throw new InvalidInputError(`${where}: expected the bytes of an index file, received ${show(bytes)}`);
    }
    const view = viewBytes(bytes, where);
    return SemanticIdIndex.#from(readIndexFile(view), options.model, where);
  }

  /** All of the index as plain data: what `JSON.stringify` writes. */
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
      throw new ModelFormatError("this is no index: the text is not JSON", { cause });
    }
    return SemanticIdIndex.#from(fromIndexJson(value), options.model, where);
  }

  static #from(contents: IndexContents, model: IdModel | undefined, where: string): SemanticIdIndex {
    if (model) checkModel(model, contents.fingerprint, contents.codebookSizes, where);
    return new SemanticIdIndex(contents, model);
  }

  #contents(compact: boolean): IndexContents {
    const isWhole = !compact && !this.compact;
    const order = isWhole ? this.#order : this.#live();
    const raw = isWhole && this.#raw ? pickIds(this.#raw, this.levels, order) : undefined;
    return {
      collisions: this.collisions,
      capacity: this.capacity,
      codebookSizes: this.#rawSizes,
      ...(areInferred(this.#rawSizes) ? { hasInferredSizes: true as const } : {}),
      ...(this.fingerprint === undefined ? {} : { fingerprint: this.fingerprint }),
      compact: !isWhole,
      itemIds: Array.from(order, (row) => this.#itemIds[row]),
      codes: pickIds(this.#codes, this.levels, order),
      ...(raw ? { raw } : {}),
      retired: isWhole ? [...order.keys()].filter((i) => this.#retired.has(order[i]!)) : [],
      ...(this.#driftLimit === undefined ? {} : { driftLimit: this.#driftLimit }),
      drift: this.#drift,
      journal: isWhole ? this.#journal : [],
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
    items: Items | undefined,
    replace: boolean,
  ): Asking<IndexUpdate> {
    const batch = checkBatch(itemIds, ids, this.#rawSizes, where);
    requireSame(batch.ids.fingerprint, this.fingerprint, `${where}: the IDs were made by model`);
    const model = items ? this.#usableModel(where) : this.#model;
    if (items) checkItemRows(model!, items, batch.ids, where);
    ItemTable.of(batch.itemIds, where);

    // What becomes of each row of the batch.
    const fresh: number[] = [];
    const added: number[] = [];
    const back: number[] = [];
    const moved: number[] = [];
    batch.itemIds.forEach((itemId, i) => {
      const row = this.#table.row(itemId);
      const isLive = row >= 0 && !this.#retired.has(row);
      const rawLevels = this.#rawSizes.length;
      const raw = this.#raw ?? this.#codes;
      const stride = this.#raw ? rawLevels : this.levels;
      const isSame = row >= 0 && compareCodes(raw, row * stride, batch.ids.codes, i * rawLevels, rawLevels) === 0;
      if (isSame) {
        if (!isLive) back.push(row);
        return;
      }
      if (isLive && !replace) {
        throw new InvalidInputError(
          `${where}: item ${show(itemId)} has the raw ID [${this.getRaw(itemId)}] already, and row ${i} gives it [${batch.ids.at(i)}]: a published ID does not move unless you call replace`,
        );
      }
      (isLive ? moved : added).push(fresh.length);
      fresh.push(i);
    });
    const unchanged = batch.itemIds.length - back.length - fresh.length;

    const held = { codes: this.#codes, levels: this.levels, order: this.#order };
    const newcomers = {
      itemIds: fresh.map((i) => batch.itemIds[i]!),
      ids: new SemanticIds(pickIds(batch.ids.codes, this.#rawSizes.length, fresh), this.#rawSizes),
    };
    const published = yield* publish(
      { collisions: this.collisions, capacity: this.capacity, codebookSizes: this.#rawSizes },
      newcomers,
      { ids: batch.ids, rows: fresh },
      held,
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
    const oldRows = moved.map((i) => this.#table.row(newcomers.itemIds[i]!));
    const before = this.#idsOf(oldRows);
    for (const row of back) this.#retired.delete(row);
    if (this.collisions === "share") this.#freeRows(oldRows);
    const rows = this.#place(newcomers, published);
    if (back.length + added.length > 0) {
      const all = [...back, ...added.map((i) => rows[i]!)];
      const after = this.#idsOf(all);
      this.#changed({ kind: "add", items: all.length, itemIds: all.map((row) => this.#itemIds[row]!), after });
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

  /** Puts newcomers into rows, which are returned. An ID that one of them has or had before is nobody's from then on. */
  #place({ itemIds, ids }: Batch, published: SortedIds): number[] {
    const rows = itemIds.map((itemId) => {
      const row = this.#free.pop() ?? this.#itemIds.length;
      this.#itemIds[row] = itemId;
      const earlier = this.#table.set(itemId, row);
      if (earlier >= 0) {
        this.#itemIds[earlier] = undefined;
        this.#retired.add(earlier);
      }
      return row;
    });
    const put = (target: CodeArray, source: CodeArray, levels: number) => {
      const large = withRoom(target, this.#itemIds.length * levels);
      rows.forEach((row, i) => {
        large.set(source.subarray(i * levels, (i + 1) * levels), row * levels);
      });
      return large;
    };
    this.#codes = put(this.#codes, published.codes, this.levels);
    if (this.#raw) this.#raw = put(this.#raw, ids.codes, this.levels);
    const added = published.order.map((i) => rows[i]!);
    const codes = this.#codes;
    this.#order = mergeOrders(
      this.#order,
      added,
      (a, b) =>
        compareCodes(codes, a * this.levels, codes, b * this.levels, this.levels) ||
        (this.collisions === "share" ? compareItemIds(this.#itemIds[a]!, this.#itemIds[b]!) : 0),
    );
    return rows;
  }

  /** Forgets rows and their IDs. */
  #freeRows(rows: readonly number[]): void {
    if (rows.length === 0) return;
    const freed = new Set(rows);
    this.#order = this.#order.filter((row) => !freed.has(row));
    for (const row of rows) {
      this.#table.delete(this.#itemIds[row]!);
      this.#itemIds[row] = undefined;
      this.#free.push(row);
    }
  }

  #changed(change: IndexChange): void {
    this.#journal.push(Object.freeze(change));
    this.#trie = undefined;
  }

  /** The row of an item that is there; -1 for one that is not, or was removed. */
  #row(itemId: ItemId): number {
    if (typeof itemId !== "string" && typeof itemId !== "number") return -1;
    const row = this.#table.row(itemId);
    return row >= 0 && this.#retired.has(row) ? -1 : row;
  }

  #idAt(codes: CodeArray, row: number, count: number): number[] {
    const levels = codes === this.#raw ? this.#rawSizes.length : this.levels;
    return Array.from(codes.subarray(row * levels, row * levels + count));
  }

  #idsOf(rows: readonly number[]): SemanticIds {
    return new SemanticIds(pickIds(this.#codes, this.levels, rows), this.codebookSizes);
  }

  /** Rows with an ID that an item holds, in order. */
  #live(): Uint32Array {
    return this.#retired.size === 0 ? this.#order : this.#order.filter((row) => !this.#retired.has(row));
  }

  #tree(): IdTrie {
    this.#trie ??= new IdTrie({ codes: this.#codes, levels: this.levels, order: this.#live() });
    return this.#trie;
  }

  /** The state of a prefix; -1 when it has none. */
  #lookUp(prefix: IdPrefix): number {
    const trie = this.#tree();
    if (typeof prefix === "number") return Number.isInteger(prefix) && prefix >= 0 && prefix < trie.size ? prefix : -1;
    if (!isList(prefix) || !(prefix.length <= this.levels)) return -1;
    for (let i = 0; i < prefix.length; i++) if (!Number.isInteger(prefix[i])) return -1;
    return trie.find(prefix);
  }

  /** The state of a prefix; -1 when its codes are possible, but not used. */
  #find(prefix: IdPrefix): number {
    const state = this.#lookUp(prefix);
    if (state >= 0) return state;
    if (typeof prefix === "number") {
      throw new InvalidInputError(
        `${show(prefix)} is no state of this index as it is now; states come from root, state and step, and hold until the index changes`,
      );
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
      `no item's ID begins with [${codes.join(", ")}]: allowedNext tells what may follow a prefix, nearestValid the nearest ID`,
    );
  }

  #requireWhole(where: string): void {
    if (this.#changing) {
      throw new BusyError(`${where}: ${this.#changing} is changing this index: await it first`);
    }
    if (this.compact) {
      throw new InvalidInputError(
        `${where}: this index was saved with compact: true and only looks up; change the whole one, and save it anew`,
      );
    }
  }

  #usableModel(where: string): IdModel {
    const model = requireModel(this.#model, where);
    requireSame(model.fingerprint, this.fingerprint, `${where}: the index's model has changed, it is now`);
    return model;
  }

  *#books(): Asking<readonly Float32Array[] | undefined> {
    if (!this.#model) return undefined;
    const { fingerprint } = this.#usableModel("nearestValid");
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
  items: Items | undefined,
  replace: boolean,
];

/** Items and their raw IDs. */
interface Batch {
  itemIds: readonly ItemId[];
  ids: SemanticIds;
}

/** Where the vectors of some of a batch's rows stand: all rows of `ids`, of which `rows` are meant. */
interface Origin {
  ids: SemanticIds;
  rows: readonly number[];
}

function checkBatch(
  itemIds: ArrayLike<ItemId>,
  ids: SemanticIds | readonly (readonly number[])[],
  codebookSizes: readonly number[],
  where: string,
): Batch {
  const list = checkItemIds(itemIds, where);
  const given = Array.isArray(ids) ? undefined : (ids as SemanticIds | undefined);
  if (!Array.isArray(codebookSizes) || (!given && !Array.isArray(ids))) {
    throw new InvalidInputError(`${where}: ids must be SemanticIds, as encode gives them, received ${show(ids)}`);
  }
  if (given && String(given.codebookSizes) !== String(codebookSizes)) {
    throw new InvalidInputError(
      `${where}: the IDs have the codebook sizes [${given.codebookSizes?.join(", ")}], the index has [${codebookSizes.join(", ")}]`,
    );
  }
  const { fingerprint } = given ?? {};
  const checked = SemanticIds.from(ids, { codebookSizes, ...(fingerprint === undefined ? {} : { fingerprint }) });
  if (checked.length !== list.length) {
    throw new InvalidInputError(
      `${where}: ${thereAre(list.length, "item ID")}, but ${counted(checked.length, "semantic ID")}: give one of each for every item`,
    );
  }
  return { itemIds: list, ids: checked };
}

/** The published IDs of a batch, by its rows. */
function* publish(
  { collisions, capacity, codebookSizes }: Pick<IndexContents, "collisions" | "capacity" | "codebookSizes">,
  { itemIds, ids }: Batch,
  origin: Origin | undefined,
  held: SortedIds,
  model: IdModel | undefined,
  items: Items | undefined,
  where: string,
): Asking<SortedIds> {
  const fresh = sortIds(ids.codes, codebookSizes, itemIds);
  if (collisions === "share" || itemIds.length === 0) return fresh;
  if (collisions === "suffix") {
    const codes = giveSuffixes(fresh, held, codebookSizes, capacity);
    return { codes, levels: held.levels, order: fresh.order };
  }
  if (!model || !items) {
    throw new InvalidInputError(
      `${where}: "reassign" needs ${model ? "items, the vectors of the rows" : "model and items"}, to find the nearest free IDs`,
    );
  }
  const codes = yield* reassign(
    fresh,
    held,
    codebookSizes,
    () => model.codebooks({ space: "latent" }),
    (rows, use) =>
      forEachVector(model, items, origin?.ids ?? ids, origin ? rows.map((row) => origin.rows[row]!) : rows, use),
  );
  return sortIds(codes, codebookSizes, itemIds);
}

/** What the IDs of a batch, or of a sample of it, leave over of the vectors. */
function* sampleLeftOvers(
  model: IdModel,
  items: Items,
  { itemIds, ids }: Batch,
  origin?: Origin,
): Asking<Float64Array> {
  const rows = sampleRows(itemIds);
  const leftOvers = new Float64Array(rows.length);
  const places = origin ? rows.map((row) => origin.rows[row]!) : rows;
  yield* forEachVector(model, items, origin?.ids ?? ids, places, (place, _, leftOver) => {
    leftOvers[place] = leftOver;
  });
  return leftOvers;
}

function pickIds(codes: CodeArray, levels: number, rows: ArrayLike<number>): CodeArray {
  const picked = new (codes.constructor as new (length: number) => CodeArray)(rows.length * levels);
  for (let i = 0; i < rows.length; i++) {
    for (let l = 0; l < levels; l++) picked[i * levels + l] = codes[rows[i]! * levels + l]!;
  }
  return picked;
}

/** The array, or a larger copy: a quarter more than it had, so that single additions do not copy it each time. */
function withRoom(array: CodeArray, length: number): CodeArray {
  if (length <= array.length) return array;
  const Larger = array.constructor as new (length: number) => CodeArray;
  const larger = new Larger(Math.max(length, Math.ceil(1.25 * array.length)));
  larger.set(array);
  return larger;
}

/** @throws InvalidInputError for what is no ID or prefix at these levels. */
function checkCodes(codes: ArrayLike<number>, sizes: readonly number[]): void {
  requireList(codes, "codes", "an array of codes");
  if (codes.length > sizes.length) {
    throw new InvalidInputError(`${thereAre(codes.length, "code")}, but an ID has ${sizes.length}`);
  }
  for (let level = 0; level < codes.length; level++) {
    const code = codes[level]!;
    if (!Number.isInteger(code) || code < 0 || code >= sizes[level]!) {
      throw new InvalidInputError(
        `level ${level}: code ${show(code)} is not a whole number from 0 to ${sizes[level]! - 1}`,
      );
    }
  }
}

/** Of a model in a worker. */
const answersLater = (where: string) =>
  new InvalidInputError(
    `${where}: the model is in a worker, and answers later: build or change the index with buildAsync or addAsync`,
  );

function requireModel(model: IdModel | undefined, where: string): IdModel {
  if (model) return model;
  throw new InvalidInputError(`${where}: items serve only beside their model: build or load the index with { model }`);
}

function checkModel(model: IdModel, fingerprint: string | undefined, sizes: readonly number[], where: string): void {
  if (typeof model.getSemanticIds !== "function" || typeof model.fingerprint !== "string") {
    throw new InvalidInputError(`${where}: model must be an RQVAE, or one in a worker, received ${show(model)}`);
  }
  requireSame(model.fingerprint, fingerprint, `${where}: the given model is`);
  if (String(model.config.codebookSizes) !== String(sizes)) {
    throw new InvalidInputError(
      `${where}: the model has the codebook sizes [${model.config.codebookSizes.join(", ")}], the IDs have [${sizes.join(", ")}]`,
    );
  }
}

/** Fingerprints, where both are known. */
function requireSame(given: string | undefined, own: string | undefined, what: string): void {
  if (given === undefined || own === undefined || given === own) return;
  throw new InvalidInputError(
    `${what} ${given}, but the IDs of the index are of model ${own}: codes of different models mean different things`,
  );
}
