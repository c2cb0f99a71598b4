/**
 * Decides which column of a table is what, for tables of every format. A reader describes its columns, gets the decision as data, and
 * returns it with the items.
 */

import { describeValue } from "../base/describe-value.ts";
import { type InvalidInputError, invalid } from "../base/errors.ts";
import { clippedName } from "../base/file-values.ts";
import { requireThat } from "../base/option-reader.ts";
import { option, worded } from "../base/wording.ts";

/** What the columns (fields, arrays) of a file were taken for, by their names. */
export interface TableColumns {
  /** Those that hold the embedding: one column of lists, or one column per dimension, in the order of the dimensions. */
  vector: string[];
  /** The one that holds the items' own IDs. */
  itemId?: string;
  /** The one that holds the titles. Without it, the titles are the item IDs, or the row numbers. */
  title?: string;
  /** Those that became labels. */
  labels: string[];
  /** Those that were not used. */
  ignored: string[];
}

/** Says what columns are, where names and values do not show it. */
export interface ColumnOptions {
  /**
   * What holds the embedding: the column or JSON field with lists (inner fields by dots: "output.vector"), the prefix of numbered columns
   * ("emb_" for emb_0, emb_1, ...), several columns, or the array of an npz or safetensors file. Columns of a csv table can be given by
   * 0-based number. Default: found by name, shape and values, see `TableColumns`.
   */
  embedding?: string | number | readonly (string | number)[];
  /** The column, field or array that holds the items' own IDs, by name or 0-based number. Default: found by its name. */
  itemId?: string | number;
}

/** A cell's content, as far as the decision needs it. */
export type Cell =
  | { kind: "missing" | "other" }
  /** `text` as written, so that "007" is not 7. */
  | { kind: "number"; text: string; value: number }
  | { kind: "text"; text: string }
  /** `problem` says why it cannot be read, or "". `isBare`: without brackets, so that it may also be a title. */
  | {
      kind: "list";
      length: number;
      isInteger: boolean;
      isBare: boolean;
      isBase64?: true;
      problem: string;
      text?: string;
    };

export const MISSING: Cell = { kind: "missing" };
export const OTHER: Cell = { kind: "other" };

/** A column, seen through its first rows. */
export interface Column {
  /** Undefined in a table without names. */
  name: string | undefined;
  cells: readonly Cell[];
  /** The type in the header of an atomic file. */
  declared?: "token" | "token_seq" | "float" | "float_seq";
}

/** The decision, by column numbers. */
export interface Decision {
  vector: number[];
  /** Whether the one column of the vector holds lists. */
  isList: boolean;
  itemId?: number;
  title?: number;
  labels: number[];
  ignored: number[];
}

type Kind = "number" | "list" | "unreadable" | "text" | "empty" | "other";

/** The kind of values in a column: that of most of its cells that are not missing. */
export function kindOf({ cells, declared }: Column): Kind {
  if (declared) return declared === "float" ? "number" : declared === "float_seq" ? "list" : "text";
  const counts = { number: 0, list: 0, unreadable: 0, text: 0, other: 0 };
  for (const cell of cells) {
    if (cell.kind === "list") counts[cell.problem === "" ? "list" : "unreadable"]++;
    else if (cell.kind !== "missing") counts[cell.kind]++;
  }
  const evident = counts.number + counts.list + counts.unreadable + counts.text + counts.other;
  if (evident === 0) return "empty";
  if (2 * counts.number >= evident) return "number";
  if (2 * counts.list > evident) return "list";
  if (2 * (counts.list + counts.unreadable) > evident) return "unreadable";
  return 2 * counts.other > evident ? "other" : "text";
}

/** "metadata.itemId" -> "item_id": the last part of a name, in small letters with underscores. */
function plainName(name: string): string {
  const last = name.slice(name.lastIndexOf(".") + 1);
  return last
    .trim()
    .replace(/:(id|int|long|float|double|string|boolean|label)(\[\])?(\(.*\))?$/i, "") // as Neo4j types them
    .replace(/([a-z\d])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[\s-]+/g, "_");
}

/** How deep in a JSON object a field lies. */
const depthOf = (name: string) => name.split(".").length - 1;

/** Names that suggest an embedding, which decide between several candidates. */
const saysEmbedding = (name: string) => /embed|vector|(^|_)(embs?|vecs?)(_|\d|$)/.test(plainName(name));
/** Names that can only mean an embedding; `embedding_model` can mean something else. */
const meansEmbedding = (name: string) =>
  /(embed|embedding|vector|vec|emb|feature)s?$|^(values|dense|x)$/.test(plainName(name));
/** Names of lists that are properties of an item: a place, a box, half of a sparse vector. */
const saysOtherList = (name: string) =>
  /coord|bbox|(^|_)(box|boxes|loc|location|geo|lat|lon|lng|point|polygon|centroid|sparse|indices|price|prices|rating|ratings|tag|tags|genre|genres|categor(y|ies)|tokens?|input_ids|attention_mask|dims?|shape|dimensions)(_|$)/.test(
    plainName(name),
  ) || /(^|[._])sparse/i.test(name);

/** Names of columns that identify the item, the surest first. */
const KEY_NAMES: readonly RegExp[] = [
  /^(custom_id|item_?u?ids?|id_?item|iid|item|item_?(no|nr|num|number|ref|code))$/,
  /^((product|article|movie|book|track|song|video|artist|doc|document|row|node|news|recipe|game|offer|listing|u|p)_?ids?|(product|article|part|model)_?(no|nr|num|number|ref|code)|id_(product|produit|producto|article)|asins?|skus?|barcode|plu|isbn(_?1[03])?|e?issn|ean(_?\d+)?|gtin(_?\d+)?|upc|mpn)$/,
  /^(\(?_?ids?\)?|uuid|guid|key|pk|artikel_?(nummer|nr)|référence|reference|código|codigo|артикул|商品id)$/,
  /^items$|((^|_)(id|asin|sku|isbn|ean|gtin|upc|uuid|key|code|no|nr|number|ref)|^id_[a-z]+)$/,
  /^(#|row|index_?|unnamed: ?0|unnamed:_0|__index_level_\d+__|row_?names?|)$/,
];
/** IDs of what an item belongs to. */
const NO_KEY =
  /^(sem|semantic|supplier|brand|user|customer|category|cat|seller|author|shop|store|vendor|group|zip|postal|country|region|language|city|type|class|label)_?(ids?|key|code|no|number|nr)$/;
const OTHERS_ID =
  /(^|\.)(user|author|seller|brand|supplier|customer|category|model|shop|store|vendor)s?\.[^.]*(id|key)$/i;
/** From this rank on a name is no proof: the values must be unique, as those of `category_id` are not. */
const WEAK_RANK = 3;
/** The rank of a column whose values alone show it. */
const BY_VALUES = KEY_NAMES.length;

/** How surely a name is that of the items' IDs, 0 being the surest; `Infinity` if it is not. */
function keyRank(name: string | undefined, column: number): number {
  if (name === undefined) return Number.POSITIVE_INFINITY;
  const plain = plainName(name);
  const rank = KEY_NAMES.findIndex((names) => names.test(plain));
  // A column without a name is a key only where data frames write their index.
  const isOfOther = NO_KEY.test(plain) || OTHERS_ID.test(name) || (rank === WEAK_RANK && isProperty(name));
  if (rank < 0 || (plain === "" && column > 0) || isOfOther) return Number.POSITIVE_INFINITY;
  return rank;
}

/** Whether a name is one that files use for the items' IDs: "id", "item_id", "asin" and the like; not "category_id". */
export const isItemIdName = (name: string): boolean => keyRank(name, 0) < WEAK_RANK;

/** Whether a name may be that of the items' IDs, if its values are unique: also "movie_id", or "code". */
export const mayBeItemIdName = (name: string): boolean => keyRank(name, 1) <= WEAK_RANK;

/** The column that holds the items' IDs, by its name alone; -1 if there is none. */
export function keyAmong(names: readonly string[]): number {
  const ranks = names.map((name) => keyRank(name, 1));
  const best = ranks.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  return best <= WEAK_RANK ? ranks.indexOf(best) : -1;
}

/** Names of properties; numbers with such a name are no embedding. */
const PROPERTY =
  /^(price|cost|stock|quantity|qty|ratings?|rank|stars?|year|month|day|date|time|timestamp|epoch|counts?|num|total|amount|sales|revenue|views|clicks|likes|shares|age|weight|height|width|length|size|score|votes?|popularity|discount|margin|tax|lat|lon|lng|latitude|longitude|duration|runtime|budget|population|inventory|reviews?|pages|volume|percent|percentage|calories|mileage|power|label|labels|cluster|norm|target|class|category|type|group|flag|epoch|relevance|preis|prix|precio|bestand|lager|jahr|annee|ano|anzahl|menge|gewicht)$/;

function isProperty(name: string | undefined): boolean {
  const words = plainName(name ?? "")
    .replace(/\d+$/, "")
    .split("_")
    .filter((word) => word !== "");
  return (
    words.some((word) => PROPERTY.test(word)) ||
    NO_KEY.test(plainName(name ?? "")) ||
    /^(is|has)_/.test(plainName(name ?? ""))
  );
}

const TITLES = [
  /^titles?$/,
  /^names?$/,
  /title|headline/,
  /(^|_)name$/,
  /^(caption|heading|word|text|product|movie|label|description)$/,
];

/** Whether a name is that of titles. */
export const isTitleName = (name: string): boolean => TITLES.slice(0, 4).some((titles) => titles.test(plainName(name)));

/** The column that holds titles, by its name; -1 if there is none. */
function titleAmong(names: readonly string[]): number {
  for (const titles of TITLES) {
    const found = names.findIndex((name) => titles.test(plainName(name)));
    if (found >= 0) return found;
  }
  return -1;
}

const hasBlanks = ({ cells }: Column) => cells.some((cell) => cell.kind === "text" && /\s/.test(cell.text));

/** Whether the values are words rather than keys. */
function areSentences({ cells }: Column): boolean {
  const texts = cells.flatMap((cell) => (cell.kind === "text" ? [cell.text] : []));
  return texts.length > 0 && 2 * texts.filter((text) => /\S\s+\S/.test(text)).length > texts.length;
}

const numbersIn = (column: Column) => column.cells.filter((cell) => cell.kind === "number");
const isDigits = (text: string) => /^\d+$/.test(text);
const hasLeadingZeros = (texts: readonly string[]) => texts.some((text) => /^0\d/.test(text));

/** The cells as text; undefined if some are not text. */
function textsOf(column: Column): string[] | undefined {
  const texts: string[] = [];
  for (const cell of column.cells) {
    if (cell.kind === "number" || cell.kind === "text") texts.push(cell.text);
    else return undefined;
  }
  return texts;
}

function isUnique(column: Column): boolean {
  const texts = textsOf(column);
  return texts !== undefined && new Set(texts).size === texts.length;
}

/** Whether all numbers are integers, which values of an embedding usually are not. */
const isWhole = (column: Column) => numbersIn(column).every(({ text }) => /^[-+]?\d+$/.test(text));

/** With at least this many rows, values alone are evidence. */
const ENOUGH_ROWS = 3;

/** Whether the values of a column of numbers show that they are keys: digits with leading zeros, or ascending integers. */
function areKeys(column: Column, place: number): boolean {
  const texts = textsOf(column);
  if (texts === undefined || !texts.every(isDigits)) return false;
  if (texts.length < ENOUGH_ROWS) return texts.length > 0 && texts.every((text) => /^0\d/.test(text));
  // In a table without names the first column is the usual place of keys, which then need not ascend.
  const isFirst = place === 0 && column.name === undefined;
  if (isFirst || hasLeadingZeros(texts)) return new Set(texts).size === texts.length;
  return texts.every((text, row) => row === 0 || Number(text) > Number(texts[row - 1]));
}

/** Numbered columns with a common prefix. */
export interface Family {
  prefix: string;
  /** The columns, by their numbers. */
  columns: number[];
}

/** "emb_007" -> ["emb_", 7] */
function numbered(name: string): [prefix: string, number: number] | undefined {
  const [, prefix, digits] = /^(.*?)(\d{1,7})[\])]?$/.exec(name.trim()) ?? [];
  return prefix === undefined ? undefined : [prefix, Number(digits)];
}

/** All groups of at least two columns with the same prefix and different numbers that start at 0 or 1, or of many columns. */
export function familiesOf(names: readonly (string | undefined)[]): Family[] {
  const byPrefix = new Map<string, { number: number; column: number }[]>();
  for (const [column, name] of names.entries()) {
    const [prefix, number] = numbered(name ?? "") ?? [];
    if (prefix === undefined) continue;
    const alike = byPrefix.get(prefix) ?? [];
    alike.push({ number: number!, column });
    byPrefix.set(prefix, alike);
  }
  return [...byPrefix].flatMap(([prefix, members]) => {
    members.sort((a, b) => a.number - b.number);
    const [first] = members;
    const isDistinct = members.every(({ number }, i) => i === 0 || number !== members[i - 1]!.number);
    const isGapless = members.every(({ number }, i) => number === first!.number + i);
    // Data frames call the second "emb" emb.1; this package calls it emb_2.
    const base = first!.number <= 2 ? names.indexOf(prefix.slice(0, -1)) : -1;
    if (base >= 0 && first!.number === (prefix.endsWith(".") ? 1 : prefix.endsWith("_") ? 2 : -1)) {
      if (members.length > 1) members.unshift({ number: first!.number - 1, column: base });
    }
    // Bare numbers out of order are years or products; named ones may lack some dimensions.
    const isRow = prefix === "" ? first!.number <= 1 && isGapless : members.length > 2 || isGapless;
    return members.length > 1 && isDistinct && isRow ? [{ prefix, columns: members.map(({ column }) => column) }] : [];
  });
}

/** A name of a column for messages and for `TableColumns`. */
export const columnName = (name: string | undefined, column: number): string => name ?? `column_${column}`;

/**
 * Decides what the columns of a table are.
 *
 * - A single column of lists is the embedding; of several, the one whose name contains "embed", "vector" or "emb". Lists of integers, and
 *   lists with names such as "bbox", count only if their name says that they are an embedding.
 * - Otherwise it is the numbered columns ("e0", "e1", ...), even if others hold numbers; otherwise all columns of numbers that are not keys,
 *   unless their names say that they are properties of the items.
 * - A column of lists that cannot be read is never ignored in favour of other numbers.
 *
 * @throws InvalidInputError that names the candidates and the option `embedding`, if none or several could be meant.
 */
export function decideColumns(columns: readonly Column[], options: ColumnOptions = {}, where = "the table"): Decision {
  // "1984" may also be a title.
  const kinds = columns.map((column) =>
    kindOf(column) === "number" && /^(titles?|names?)$/.test(plainName(column.name ?? "")) ? "text" : kindOf(column),
  );
  const { vector, isList } = findVector(columns, kinds, options, where);
  const isDimension = new Set(vector);
  const rest = columns.map((_, column) => column).filter((column) => !isDimension.has(column));
  const itemId =
    options.itemId === undefined
      ? findKey(columns, kinds, rest, isList)
      : requireColumn(columns, options.itemId, "itemId", where);
  if (itemId !== undefined && isDimension.has(itemId)) {
    throw invalid()`${option("itemId")}: ${describeValue(columnName(columns[itemId]!.name, itemId))} is part of the embedding${{ hint: "leave it out of embedding", after: "; " }}`;
  }
  const others = rest.filter((column) => column !== itemId);
  const isNamed = columns.some(({ name }) => name !== undefined);
  // A column that is empty in the first rows may hold titles or labels in later ones.
  const texts = others.filter((column) => kinds[column] === "text" || (isNamed && kinds[column] === "empty"));
  const title = isNamed ? titleOf(columns, texts, itemId !== undefined) : texts[0];
  // In a table with one column per dimension, other numbers are more likely leftovers than labels.
  const isText = new Set(texts);
  const isLabel = (column: number) =>
    isText.has(column) ||
    (kinds[column] === "number" && (isList || keyRank(columns[column]!.name, column) < BY_VALUES));
  return {
    vector,
    isList,
    ...(itemId !== undefined && { itemId }),
    ...(title !== undefined && { title }),
    labels: others.filter((column) => column !== title && isLabel(column)),
    ignored: others.filter((column) => column !== title && !isLabel(column)),
  };
}

/** The columns of IDs and titles in a table without vectors. */
export function decideLabels(columns: readonly Column[]): { itemId?: number; title?: number } {
  const kinds = columns.map(kindOf);
  const all = columns.map((_, column) => column);
  const itemId = findKey(columns, kinds, all, true);
  const texts = all.filter((column) => column !== itemId && kinds[column] !== "empty");
  const named = titleAmong(texts.map((column) => columns[column]!.name ?? ""));
  const isWords = (column: number) =>
    columns[column]!.cells.some((cell) => cell.kind === "text" && !/^[\d.\s]*$/.test(cell.text));
  const title = named >= 0 ? texts[named] : texts.find(isWords);
  return { ...(itemId !== undefined && { itemId }), ...(title !== undefined && { title }) };
}

/** The decision in names. */
export function namedColumns(columns: readonly { name: string | undefined }[], decision: Decision): TableColumns {
  const nameOf = (column: number) => columnName(columns[column]!.name, column);
  return {
    vector: decision.vector.map(nameOf),
    ...(decision.itemId !== undefined && { itemId: nameOf(decision.itemId) }),
    ...(decision.title !== undefined && { title: nameOf(decision.title) }),
    labels: decision.labels.map(nameOf),
    ignored: decision.ignored.map(nameOf),
  };
}

/** `vectors: e0 … e7 · item IDs: asin · titles: name · ignored: price` */
export function describeColumns(columns: TableColumns): string {
  requireThat(typeof columns === "object" && columns !== null, "columns", "what a reader found", columns);
  for (const key of ["vector", "labels", "ignored"] as const) {
    const names: unknown = columns[key];
    const isSo = Array.isArray(names) && names.every((name) => typeof name === "string");
    requireThat(isSo, `columns.${key}`, "an array of names", names);
  }
  for (const key of ["itemId", "title"] as const) {
    const name: unknown = columns[key];
    requireThat(name === undefined || typeof name === "string", `columns.${key}`, "a name", name);
  }
  const { vector, itemId, title, labels, ignored } = columns;
  const isFamily = familiesOf(vector).some(({ columns }) => columns.length === vector.length);
  const few = (names: readonly string[], most = 6) =>
    names.length > most ? `${names.slice(0, most - 1).join(", ")}, … (${names.length})` : names.join(", ");
  const parts = [
    ["vectors", vector.length > 3 && isFamily ? `${vector[0]} … ${vector.at(-1)}` : few(vector, 12)],
    ["item IDs", itemId ?? ""],
    ["titles", title ?? ""],
    ["labels", few(labels)],
    ["ignored", few(ignored)],
  ];
  return parts
    .filter(([, names]) => names !== "")
    .map(([what, names]) => `${what}: ${names}`)
    .join(" · ");
}

function titleOf(columns: readonly Column[], texts: readonly number[], hasKey: boolean): number | undefined {
  const named = titleAmong(texts.map((column) => columns[column]!.name ?? ""));
  if (named >= 0) return texts[named];
  // A key is a better title than a brand.
  if (hasKey) return undefined;
  return texts.find((column) => {
    const values = textsOf(columns[column]!);
    if (kindOf(columns[column]!) === "empty") return false;
    return values === undefined || values.length < 2 || new Set(values).size > 1;
  });
}

/** The column of the items' IDs: by its name, then by its values. */
function findKey(
  columns: readonly Column[],
  kinds: readonly Kind[],
  rest: readonly number[],
  isList: boolean,
): number | undefined {
  const ranked = rest
    // An empty column of IDs is reported at its first row.
    .filter(
      (column) =>
        ["text", "number"].includes(kinds[column]!) ||
        (kinds[column] === "empty" && keyRank(columns[column]!.name, column) < WEAK_RANK),
    )
    .map((column) => {
      const { name, declared } = columns[column]!;
      let rank = keyRank(name, column);
      const isWeak = rank >= WEAK_RANK && rank < BY_VALUES;
      if (isWeak && !(isUnique(columns[column]!) && isWhole(columns[column]!))) rank = Number.POSITIVE_INFINITY;
      // "Red shoes" in a column "item" is a title; of two keys, the one that tells items apart is meant.
      if (rank < WEAK_RANK && (areSentences(columns[column]!) || !isUnique(columns[column]!))) rank += 0.5 + BY_VALUES;
      // Columns of type token are names.
      if (rank === Number.POSITIVE_INFINITY && declared === "token" && isUnique(columns[column]!)) rank = BY_VALUES;
      // At the start of a table without names, words without spaces are keys if they differ.
      if (name === undefined && column === 0 && kinds[column] === "text" && !isList) {
        const { length } = columns[column]!.cells;
        if (length >= ENOUGH_ROWS && isUnique(columns[column]!) && !hasBlanks(columns[column]!)) rank = BY_VALUES;
      }
      if (rank === Number.POSITIVE_INFINITY && !isList && !declared && kinds[column] === "number") {
        // Elsewhere the table may be sorted by ascending numbers.
        if (column === 0 && !isProperty(name) && areKeys(columns[column]!, column)) rank = BY_VALUES;
      }
      return { column, rank: rank + 10 * depthOf(name ?? "") };
    })
    .filter(({ rank }) => rank < Number.POSITIVE_INFINITY);
  const best = ranked.reduce<{ column: number; rank: number } | undefined>(
    (a, b) => (a !== undefined && a.rank <= b.rank ? a : b),
    undefined,
  );
  return best?.column;
}

function requireColumn(columns: readonly Column[], wanted: string | number, name: string, where: string): number {
  const found =
    typeof wanted === "number" ? wanted : columns.findIndex(({ name }, i) => columnName(name, i) === wanted);
  if (Number.isInteger(found) && found >= 0 && found < columns.length) return found;
  throw invalid(
    "COLUMN_MISSING",
  )`${{ option: name }}: ${where} has no column ${describeValue(wanted)}; ${listNames(columns)}`;
}

/** The columns' names, for messages. */
function listNames(columns: readonly { name: string | undefined }[]): string {
  if (columns.length === 0) return "it has no columns";
  const names = columns.slice(0, 12).map(({ name }, i) => describeValue(columnName(name, i)));
  return `its columns are ${names.join(", ")}${columns.length > names.length ? ", …" : ""}`;
}

interface Vector {
  vector: number[];
  isList: boolean;
}

function findVector(columns: readonly Column[], kinds: readonly Kind[], options: ColumnOptions, where: string): Vector {
  const { embedding } = options;
  if (embedding !== undefined) return chosenVector(columns, kinds, embedding, where);
  const asked =
    typeof options.itemId === "number"
      ? options.itemId
      : columns.findIndex(({ name }) => name !== undefined && name === options.itemId);
  const free = columns.map((_, column) => column).filter((column) => column !== asked);
  const nameOf = (column: number) => columns[column]!.name ?? "";
  const numbers = free.filter((column) => kinds[column] === "number");
  const families = familiesOf(columns.map(({ name }) => name))
    .map((family) => withoutKey(columns, kinds, family))
    .filter(
      ({ prefix, columns: members }) =>
        !isProperty(prefix) && 2 * members.filter((column) => kinds[column] === "number").length >= members.length,
    );
  const lists = free.filter(
    (column) =>
      kinds[column] === "list" && !isSparseHalf(columns, column) && isEmbeddingList(columns[column]!, numbers.length),
  );
  const codes = families.find((family) => areCodes(columns, family));
  if (codes && lists.length === 0 && families.length === 1) {
    const names = codes.columns.slice(0, 3).map((column) => describeValue(nameOf(column)));
    throw invalid(
      "COLUMN_MISSING",
    )`${where} holds semantic IDs, ${names.join(", ")}, not embeddings${{ hint: "give the file with the vectors instead" }}${{ hint: worded`if these are the embedding, name them: ${asEmbedding(codes.prefix)}`, after: "; " }}`;
  }
  const sparse = free.find((column) => kinds[column] === "list" && isSparseHalf(columns, column));
  const unreadable = free.filter((column) => mayBeUnreadable(columns[column]!, kinds[column]!));

  const candidates: { name: string; found: Vector }[] = [
    ...lists.map((column) => ({
      name: columnName(columns[column]!.name, column),
      found: { vector: [column], isList: true },
    })),
    ...chosenFamilies(columns, families).map(({ prefix, columns: members }) => ({
      name: prefix || columnName(columns[members[0]!]!.name, members[0]!),
      found: { vector: members, isList: false },
    })),
  ];
  if (candidates.length === 1) {
    const [{ name, found }] = candidates as [(typeof candidates)[0]];
    // A column with the name of an embedding is not ignored in favour of one without.
    const meant = unreadable.filter((column) => saysEmbedding(nameOf(column)) || meansEmbedding(nameOf(column)));
    if (meant.length === 0 || saysEmbedding(name)) return found;
    throw unreadableColumn(columns, meant[0]!, where);
  }
  if (candidates.length > 1) {
    for (const isMeant of [saysEmbedding, meansEmbedding]) {
      const named = candidates.filter(({ name }) => isMeant(name));
      if (named.length === 1) return named[0]!.found;
    }
    throw invalid(
      "COLUMN_UNCLEAR",
    )`${where} has several columns that may be the embedding, ${candidates.map(({ name }) => describeValue(name)).join(", ")}${{ hint: worded`choose one: ${asEmbedding(candidates[0]!.name ?? "")}`, after: "; " }}`;
  }
  if (sparse !== undefined) {
    throw invalid(
      "COLUMN_MISSING",
    )`${describeValue(nameOf(sparse))} of ${where} is half of a sparse vector${{ hint: "write all its numbers as a list" }}`;
  }
  if (unreadable.length > 0) throw unreadableColumn(columns, unreadable[0]!, where);
  const refusedLists = free.filter((column) => kinds[column] === "list");
  return { vector: looseNumbers(columns, kinds, numbers, refusedLists, where), isList: false };
}

/** Whether a list is the values of a sparse vector, whose indices are in another column. */
function isSparseHalf(columns: readonly Column[], column: number): boolean {
  const name = columns[column]!.name ?? "";
  return /values$/.test(name) && columns.some((other) => other.name === name.replace(/values$/, "indices"));
}

/** Whether a column may be an embedding that cannot be read, which must not be ignored. */
function mayBeUnreadable({ name = "", cells, declared }: Column, kind: Kind): boolean {
  if (kind === "unreadable") return !saysOtherList(name);
  if (declared || kind === "list") return false;
  // A string of bits only looks like a number.
  if (kind === "number")
    return cells.length > 1 && cells.every((cell) => cell.kind === "number" && /^[01]{8,}$/.test(cell.text));
  if (meansEmbedding(name) && !/^(x|values|dense|features?)$/.test(plainName(name))) return true;
  if (kind === "other" && saysEmbedding(name)) return true;
  if (kind !== "text") return false;
  if (!saysEmbedding(name))
    return (
      cells.some((cell) => cell.kind === "text") &&
      cells.every((cell) => cell.kind !== "text" || isVectorLike(cell.text))
    );
  // "text-embedding-3-small" names a model; a vector has more numbers.
  const texts = cells.flatMap((cell) => (cell.kind === "text" || cell.kind === "list" ? [cell] : []));
  const isLike = (cell: Cell) =>
    cell.kind === "list" || (cell.kind === "text" && (cell.text.match(/\d+/g) ?? []).length > 3);
  return 2 * texts.filter(isLike).length > texts.length;
}

/** Whether a text has the fractions of a vector and brackets around them. */
const isVectorLike = (text: string) => /[[({<]/.test(text) && (text.match(/\d*\.\d+/g) ?? []).length > 3;

/** Whether columns are the codes of semantic IDs, whose file is easily mistaken for that of the vectors. */
const areCodes = (columns: readonly Column[], { prefix, columns: members }: Family) =>
  /^(codes?|sid|tokens?|levels?)[_-]?$/i.test(prefix) && members.every((column) => isWhole(columns[column]!));

/** A table that was read without its header has the key among its columns V1 to V9. */
function withoutKey(columns: readonly Column[], kinds: readonly Kind[], family: Family): Family {
  const [first, ...others] = family.columns as [number, ...number[]];
  const areFractions = others.every((column) => kinds[column] === "number" && !isWhole(columns[column]!));
  const isKey =
    kinds[first] === "text" ||
    (isWhole(columns[first]!) && isUnique(columns[first]!) && columns[first]!.cells.length >= ENOUGH_ROWS);
  return others.length > 1 && areFractions && isKey ? { ...family, columns: others } : family;
}

/** Of several families, those whose names suggest an embedding, or else those that are not counts. */
function chosenFamilies(columns: readonly Column[], families: readonly Family[]): readonly Family[] {
  if (families.length < 2) return families;
  const said = families.filter(({ prefix }) => saysEmbedding(prefix));
  if (said.length === 1) return said;
  const fractions = families.filter(({ columns: members }) => !members.every((column) => isWhole(columns[column]!)));
  return fractions.length > 0 ? fractions : families;
}

/** Whether a column of lists may be the embedding, by its name and its numbers. */
function isEmbeddingList({ name, cells, declared }: Column, numbers: number): boolean {
  const lists = cells.filter((cell) => cell.kind === "list");
  if (declared) return true;
  const [first] = lists;
  if (first === undefined) return false;
  if (name !== undefined && meansEmbedding(name) && !/(^|[._])sparse/i.test(name)) return true;
  if (first.isBase64) return name !== undefined && saysEmbedding(name);
  if (first.length < 2 || (name !== undefined && saysOtherList(name))) return false;
  // "12 34" may be a title
  if (first.isBare && first.length <= numbers) return false;
  return name === undefined || !lists.every(({ isInteger }) => isInteger);
}

/** All columns of numbers in a table without lists and without numbered columns. */
function looseNumbers(
  columns: readonly Column[],
  kinds: readonly Kind[],
  numbers: readonly number[],
  lists: readonly number[],
  where: string,
): number[] {
  const nameOf = (column: number) => columnName(columns[column]!.name, column);
  const isKeyName = (column: number) => {
    const rank = keyRank(columns[column]!.name, column);
    return rank < WEAK_RANK || (rank < BY_VALUES && isWhole(columns[column]!));
  };
  let vector = numbers.filter((column) => !isKeyName(column));
  // Values are evidence only in contrast to others: in a table of integers, every column may ascend.
  const others = vector.filter((column) => !areKeys(columns[column]!, column));
  if (others.length > 0 && others.every((column) => !isWhole(columns[column]!))) vector = others;
  if (vector.length === 0) {
    const seen = [
      ...lists.map(
        (column) => `${describeValue(nameOf(column))} holds lists, which count as an embedding only if you name them`,
      ),
      ...numbers.map((column) => `${describeValue(nameOf(column))} is a key`),
    ];
    const sample = columns
      .flatMap(({ cells }) => cells.flatMap((cell) => (cell.kind === "text" ? [cell.text] : [])))
      .slice(0, 1);
    const found =
      seen.length > 0
        ? seen.slice(0, 3).join(", ")
        : sample.length > 0
          ? `it holds text such as ${describeValue(sample[0])}`
          : "";
    const remedy =
      lists.length > 0
        ? worded`${{ hint: worded`if it is the embedding, name it: ${asEmbedding(nameOf(lists[0]!))}`, after: "; " }}`
        : "";
    throw invalid(
      "COLUMN_MISSING",
    )`${where} has no embedding: give a list of numbers per item, or a column of numbers per dimension${found && `; ${found}`}${remedy}`;
  }
  const parent = (column: number) => nameOf(column).slice(0, Math.max(0, nameOf(column).lastIndexOf(".")));
  const part = vector.find((column) => parent(column) !== "" && meansEmbedding(parent(column)));
  if (part !== undefined) {
    throw invalid(
      "COLUMN_MISSING",
    )`${describeValue(parent(part))} of ${where} is an object of named numbers (${describeValue(nameOf(part))}), like a sparse vector${{ hint: "write all its numbers as a list" }}`;
  }
  const properties = vector.filter((column) => isProperty(columns[column]!.name));
  if (properties.length === vector.length && vector.length > 0) {
    throw invalid(
      "COLUMN_UNCLEAR",
    )`the columns ${listed(vector.map(nameOf))} look like properties of the items, not an embedding${{ hint: worded`if they are the embedding, name them: ${asEmbeddings(vector.map(nameOf))}`, after: "; " }}`;
  }
  if (properties.length > 0) {
    const others = vector.filter((column) => !isProperty(columns[column]!.name)).map(nameOf);
    throw invalid(
      "COLUMN_UNCLEAR",
    )`some of the columns ${listed(vector.map(nameOf))} look like properties of the items: ${listed(properties.map(nameOf))}${{ hint: worded`name the columns of the embedding: ${asEmbeddings(others)}`, after: "; " }}`;
  }
  const foreign = foreignColumn(columns, kinds, vector);
  if (foreign !== undefined) {
    const stray = strayCell(columns, vector, foreign);
    if (stray !== undefined) {
      throw invalid(
        "COLUMN_UNCLEAR",
      )`${{ row: stray.row }}, ${{ column: foreign }} (${describeValue(nameOf(foreign))}): ${describeValue(stray.text)} is far beyond the other values, which reach ${stray.others}${{ hint: "correct it or remove the row" }}${{ hint: worded`if it is right, name all columns of the embedding (${option("embedding")})`, after: "; " }}`;
    }
    const others = vector.filter((column) => column !== foreign).map(nameOf);
    throw invalid(
      "COLUMN_UNCLEAR",
    )`${{ column: foreign }} (${describeValue(nameOf(foreign))}) ${foreignReason(columns[foreign]!, kinds[foreign]!)}${{ hint: worded`name the columns of the embedding: ${asEmbeddings(others)}`, after: "; " }}`;
  }
  // A column without values may have been a dimension.
  const empty = columns.findIndex(
    ({ name }, column) => kinds[column] === "empty" && name !== undefined && !/^column_\d+$/.test(name),
  );
  if (empty >= 0) {
    throw invalid(
      "COLUMN_UNCLEAR",
    )`${{ column: empty }} (${describeValue(nameOf(empty))}) is empty in the first rows${{ hint: "remove it if it is not part of the embedding" }}${{ hint: worded`name the columns of the embedding: ${asEmbeddings(vector.map(nameOf))}`, after: ", or " }}`;
  }
  return vector;
}

/** Numbers as people write them, which are not parsed: "1,234.50", "5%", "€ 3". */
const looksNumeric = (text: string) =>
  /^[^\d\p{L}]*\d[\d.,'_\u00a0\u202f ()+efjxpl-]*[^\d\p{L}]*$/iu.test(text) && !/\d[-/. ]\d+[-/. ]\d/.test(text); // dates and phone numbers

const scaleOf = (column: Column) =>
  numbersIn(column).reduce((most, { value }) => Math.max(most, Math.abs(value) || 0), 0);

/** The median of the columns' scales. */
function medianScale(columns: readonly Column[], vector: readonly number[]): number {
  const scales = vector.map((column) => scaleOf(columns[column]!)).sort((a, b) => a - b);
  return scales[Math.floor((scales.length - 1) / 2)]!;
}

/** A column or a value this many times larger than the others is foreign. */
const FAR = 50;

/** The largest float32. Readers name the row of a larger value. */
const MAX_FLOAT32 = 3.4028234663852886e38;

/**
 * The value that makes a column differ in size from the others, if there are only a few such values: it is an error in that row, while a
 * column of IDs or of a property has such values in many rows.
 */
function strayCell(
  columns: readonly Column[],
  vector: readonly number[],
  column: number,
): { row: number; text: string; value: number; others: number } | undefined {
  const limit = FAR * medianScale(columns, vector);
  const { cells } = columns[column]!;
  const isFar = (cell: Cell) => cell.kind === "number" && Math.abs(cell.value) > limit;
  const rest = { ...columns[column]!, cells: cells.filter((cell) => !isFar(cell)) };
  const others = numbersIn(rest).length;
  const far = numbersIn(columns[column]!).length - others;
  const isOther = isWhole(rest) && vector.some((other) => other !== column && !isWhole(columns[other]!));
  if (far === 0 || others < 2 || (far > 1 && far > others / 9) || isOther) return undefined;
  const size = (cell: Cell) => (cell.kind === "number" ? Math.abs(cell.value) : -1);
  const row = cells.reduce((most, cell, i) => (size(cell) > size(cells[most]!) ? i : most), 0);
  const { text, value } = cells[row] as Cell & { kind: "number" };
  const scales = vector.map((other) => scaleOf(other === column ? rest : columns[other]!));
  const within = scales.filter((scale) => scale <= limit);
  return { row, text, value, others: Number(within.reduce((a, b) => Math.max(a, b), 0).toPrecision(3)) };
}

/** A column that makes it doubtful that the others are an embedding: it has another scale or unparsed numbers, or lies between them. */
function foreignColumn(
  columns: readonly Column[],
  kinds: readonly Kind[],
  vector: readonly number[],
): number | undefined {
  const unread = columns.findIndex(({ name, cells }, column) => {
    const texts = cells.flatMap((cell) =>
      cell.kind === "text" || (cell.kind === "list" && cell.isBare) ? [cell.text ?? ""] : [],
    );
    if (!["text", "list"].includes(kinds[column]!) || keyRank(name, column) < BY_VALUES || texts.length === 0)
      return false;
    return texts.every(looksNumeric) && !/^(titles?|names?)$/.test(plainName(name ?? ""));
  });
  if (unread >= 0) return unread;
  if (columns.every(({ name }) => name === undefined)) {
    const isDimension = new Set(vector);
    const between = columns.findIndex((_, i) => !isDimension.has(i) && vector[0]! < i && i < vector.at(-1)!);
    if (between >= 0 && kinds[between] !== "number") return between;
  }
  if (vector.length < 3 || columns[vector[0]!]!.name === undefined) return undefined;
  const scales = vector.map((column) => scaleOf(columns[column]!));
  const median = medianScale(columns, vector);
  const fractions = vector.filter((column) => !isWhole(columns[column]!));
  const largest = vector[scales.indexOf(scales.reduce((a, b) => Math.max(a, b)))]!;
  const isOdd = isWhole(columns[largest]!) && fractions.length === vector.length - 1;
  if (median === 0 || scaleOf(columns[largest]!) <= (isOdd ? 10 : FAR) * median) return undefined;
  const stray = strayCell(columns, vector, largest);
  return stray !== undefined && Math.abs(stray.value) > MAX_FLOAT32 ? undefined : largest;
}

function foreignReason(column: Column, kind: Kind): string {
  if (kind === "number") return `has values of a different size, up to ${scaleOf(column)}, like an ID or a property`;
  const cell = column.cells.find((cell) => cell.kind === "text" || cell.kind === "list");
  const text = cell?.kind === "text" || cell?.kind === "list" ? cell.text : undefined;
  return text === undefined
    ? "is between the columns of numbers but has none"
    : `holds ${describeValue(text)}, which is not a number`;
}

/** Names for a message. */
/** The first names, as the option takes them. */
/** The option that names the embedding, in messages. */
const asEmbedding = (name: string) => option("embedding", clippedName(name));
const asEmbeddings = (names: readonly string[]) => option("embedding", names.slice(0, 3).map(clippedName));

const listed = (names: readonly string[]) =>
  `${names.slice(0, 8).map(describeValue).join(", ")}${names.length > 8 ? ", …" : ""}`;

function oneColumn(columns: readonly Column[], kinds: readonly Kind[], column: number, where: string): Vector {
  if (kinds[column] === "number" || kinds[column] === "list")
    return { vector: [column], isList: kinds[column] === "list" };
  const name = describeValue(columnName(columns[column]!.name, column));
  throw invalid(
    "TYPE_UNSUPPORTED",
  )`${option("embedding")}: column ${name} of ${where} cannot be read as vectors: ${problemIn(columns[column]!)}`;
}

function unreadableColumn(columns: readonly Column[], column: number, where: string): InvalidInputError {
  const name = describeValue(columnName(columns[column]!.name, column));
  return invalid(
    "COLUMN_UNCLEAR",
  )`column ${name} of ${where} seems to be the embedding but cannot be read: ${problemIn(columns[column]!)}${{ hint: worded`if it is not, name the embedding: ${asEmbedding("...")}`, after: "; " }}`;
}

/** Why a column holds no vectors, by its first cell that is not one. */
function problemIn({ cells }: Column): string {
  const bad = cells.findIndex((cell) => cell.kind !== "missing" && !(cell.kind === "list" && cell.problem === ""));
  const cell = cells[bad];
  const problem =
    cell?.kind === "list"
      ? cell.problem
      : cell?.kind === "text"
        ? `${describeValue(cell.text)} is not a list of numbers`
        : cell === undefined
          ? "its first rows are empty"
          : "it does not hold lists of numbers";
  return `row ${Math.max(bad, 0)}: ${problem}`;
}

/** The columns that `embedding` names. */
function chosenVector(
  columns: readonly Column[],
  kinds: readonly Kind[],
  embedding: NonNullable<ColumnOptions["embedding"]>,
  where: string,
): Vector {
  if (typeof embedding === "string" || typeof embedding === "number") {
    const one =
      typeof embedding === "number" ? embedding : columns.findIndex(({ name }, i) => columnName(name, i) === embedding);
    if (one >= 0) return oneColumn(columns, kinds, requireColumn(columns, one, "embedding", where), where);
    const family = familiesOf(columns.map(({ name }) => name)).find(
      ({ prefix }) => prefix === embedding || prefix.replace(/[_. -]$/, "") === embedding,
    );
    if (family) return { vector: family.columns, isList: false };
    // As typed on a command line.
    const several = String(embedding).split(",");
    if (several.length > 1)
      return chosenVector(
        columns,
        kinds,
        several.map((name) => name.trim()),
        where,
      );
  }
  // Array.from, since map skips holes.
  const wanted = Array.from(
    Array.isArray(embedding) ? (embedding as readonly (string | number)[]) : [embedding as string],
  );
  if (wanted.length === 0) throw invalid()`${option("embedding")}: names no column`;
  const vector = wanted.map((name) => requireColumn(columns, name, "embedding", where));
  const twice = vector.find((column, i) => vector.indexOf(column) !== i);
  if (twice !== undefined) {
    throw invalid()`${option("embedding")}: names ${describeValue(columnName(columns[twice]!.name, twice))} twice`;
  }
  if (vector.length === 1) return oneColumn(columns, kinds, vector[0]!, where);
  const notNumbers = vector.find((column) => kinds[column] !== "number" && kinds[column] !== "empty");
  if (notNumbers !== undefined) {
    throw invalid()`${option("embedding")}: column ${describeValue(columnName(columns[notNumbers]!.name, notNumbers))} holds no numbers${{ hint: "name columns of numbers, or one column of lists", after: "; " }}`;
  }
  return { vector, isList: false };
}
