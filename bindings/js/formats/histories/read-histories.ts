/** Histories from files: which layout a file has, and its choices. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { checkOptionNames, requireThat } from "../../base/option-reader.ts";
import { worded } from "../../base/wording.ts";
import { counted, thousands } from "../../base/words.ts";
import { requireUnique } from "../../items/join.ts";
import { type ByteSource, type FileSource, streamBytes } from "../io/byte-source.ts";
import { decoderFor, requireOptions, sniff } from "../io/bytes.ts";
import { inflate, inflatedLimit } from "../io/inflate.ts";
import { withFile } from "../items/read-items.ts";
import { headerDelimiter } from "../text/csv-layout.ts";
import { CsvParser, type CsvRecord } from "../text/csv-parser.ts";
import { isLongInteger, parseJson } from "../text/json-text.ts";
import { type Histories, HistoriesBuilder } from "./histories.ts";

/** Which catalogue the histories are about, and what the file does not say. */
export interface ReadHistoriesOptions {
  /** The item ID of each row of the catalogue, as the histories write it. */
  itemIds?: readonly string[];
  /** Number of rows, in place of `itemIds` if the histories call items by their row numbers. */
  rows?: number;
  /** The number of the first row. Only with `rows`. Default: 0. */
  firstRow?: 0 | 1;
  /** Names of columns. Default: recognised by the usual names, such as user_id, item_id and timestamp. */
  columns?: { user?: string; item?: string; time?: string };
  /**
   * In a file without a header and with one user per line, whether a line starts with the user. Default: yes if the first words are 0, 1,
   * 2, ... or 1, 2, 3, ..., or if no first word is an item and all differ; no if all of them are items. Anything else is refused.
   */
  startsWithUser?: boolean;
  /** Name of the bytes, a Blob or a stream, for messages. */
  fileName?: string;
}

const COUNT_FROM_1 = worded`if the histories count items from 1, ${{ api: "set firstRow: 1", cli: "use --first-row 1" }}`;
const NAME_ITEMS = worded`give the item IDs of the catalogue ${{ api: "as itemIds", cli: "with --item-ids" }}`;
/** Read to recognise the layout. */
const HEAD = 1 << 16;
/** Columns by the names that the field's data sets use, in lower case and without separators. */
const NAMES = {
  user: ["user", "userid", "uid", "reviewerid", "customerid", "customer", "visitorid", "session", "sessionid"],
  item: [
    "item",
    "itemid",
    "iid",
    "asin",
    "parentasin",
    "productid",
    "product",
    "movieid",
    "articleid",
    "sku",
    "bookid",
  ],
  items: ["items", "itemids", "history", "sequence", "itemidlist", "itemlist", "historyitemid", "interactions"],
  time: ["time", "timestamp", "ts", "date", "datetime", "unixreviewtime", "t"],
} as const;
const plainName = (name: string) =>
  name
    .replace(/:.*$/, "")
    .replace(/[\s_-]/g, "")
    .toLowerCase();

/**
 * Reads what users chose. A file may have one choice per line with a header (RecBole's `.inter`, csv, tsv: user, item, perhaps a time), or
 * one user per line (user, list of items, with or without a header). JSON lines of both kinds work too, and the JSON of LC-Rec
 * (`{ user: [items] }`). The content decides; gzip is inflated. The file is read in pieces.
 *
 * Items are joined with the catalogue by key: `itemIds`, or the row numbers of `rows`. Choices of items that it does not have are left out
 * and counted. With a time, a user's choices are put in its order; otherwise they keep the file's.
 *
 * @throws InvalidInputError that names file and line if the layout is unclear, a time cannot be read, or the catalogue has none of the items.
 */
export async function readHistories(file: FileSource, options: ReadHistoriesOptions): Promise<Histories> {
  requireOptions(options);
  checkOptionNames(options, "readHistories", ["itemIds", "rows", "firstRow", "columns", "startsWithUser", "fileName"]);
  const catalogue = openCatalogue(options);
  return withFile(file, options.fileName, async (bytes) => new HistoryReader(catalogue, options).read(bytes));
}

interface Catalogue {
  size: number;
  rowOf(itemId: string): number;
}

function openCatalogue({ itemIds, rows, firstRow = 0 }: ReadHistoriesOptions): Catalogue {
  if (itemIds !== undefined) {
    requireThat(Array.isArray(itemIds), "itemIds", "an array of strings", itemIds);
    requireThat(rows === undefined || rows === itemIds.length, "rows", "left out when itemIds are given", rows);
    requireUnique(itemIds, "itemIds");
    const known = new Map(itemIds.map((itemId, row) => [itemId, row]));
    return { size: itemIds.length, rowOf: (itemId) => known.get(itemId) ?? -1 };
  }
  requireThat(Number.isSafeInteger(rows) && rows! > 0, "rows", "the number of items, or give itemIds", rows);
  requireThat(firstRow === 0 || firstRow === 1, "firstRow", "0 or 1", firstRow);
  return {
    size: rows!,
    rowOf(itemId) {
      const row = /^\d{1,15}$/.test(itemId) ? Number(itemId) - firstRow : Number.NaN;
      if (row >= 0 && row < rows!) return row;
      // A number just beyond the end means that counting starts elsewhere, and then every other item is the wrong one.
      throw invalid(
        "COUNTS_DIFFER",
      )`item ${JSON.stringify(itemId)} is not among the row numbers ${firstRow} to ${rows! - 1 + firstRow}${{ hint: firstRow === 0 && row === rows ? COUNT_FROM_1 : NAME_ITEMS }}`;
    },
  };
}

/** Takes one row of a table. */
type TakeRow = (record: CsvRecord) => void;

class HistoryReader {
  readonly #catalogue: Catalogue;
  readonly #options: ReadHistoriesOptions;
  readonly #builder: HistoriesBuilder;

  constructor(catalogue: Catalogue, options: ReadHistoriesOptions) {
    this.#catalogue = catalogue;
    this.#options = options;
    this.#builder = new HistoriesBuilder(catalogue.size, catalogue.rowOf);
  }

  async read(bytes: ByteSource): Promise<Histories> {
    let pieces = streamBytes(bytes);
    const first = new Uint8Array(Math.min(16, bytes.size));
    await bytes.read(first, 0);
    const seen = sniff(first);
    if (seen.format === "gzip")
      pieces = inflate(streamBytes(bytes, { piece: 1 << 16 }), "gzip", inflatedLimit(bytes.size));
    else if (seen.foreign || seen.format !== undefined) {
      throw invalid(
        "FILE_FOREIGN",
      )`is ${seen.kind}, but histories are read from text${{ hint: "write csv with the columns user, item and time, or one line per user" }}`;
    }
    const texts = textOf(pieces);
    let head = "";
    let isWhole = false;
    while (head.length < HEAD && !isWhole) {
      const next = await texts.next();
      if (next.done) isWhole = true;
      else head += next.value;
    }
    if (head.trim() === "") throw invalid("EMPTY")`the file is empty`;
    if (/^\s*[[{]/.test(head)) return this.#readJson(head, texts);
    const { parser, take, layout } = this.#recognise(head, isWhole);
    for (const record of parser.push(head)) take(record);
    for await (const piece of texts) for (const record of parser.push(piece)) take(record);
    for (const record of parser.finish()) take(record);
    return this.#builder.finish(layout);
  }

  #recognise(head: string, isWhole: boolean): { parser: CsvParser; take: TakeRow; layout: string } {
    const [firstLine = ""] = head.trimStart().split(/\r?\n/, 1);
    const isAtomic = firstLine.split("\t").some((name) => /^[^:]+:(token|token_seq|float|float_seq)$/.test(name));
    const delimiter = isAtomic ? "\t" : headerDelimiter(firstLine);
    const names = new CsvParser(delimiter).push(`${firstLine}\n`)[0]?.cells.map((name) => name.trim()) ?? [];
    const { columns } = this.#options;
    const find = (what: keyof typeof NAMES, wanted?: string) => {
      if (wanted === undefined)
        return names.findIndex((name) => NAMES[what].some((known) => known === plainName(name)));
      const at = names.findIndex((name) => name === wanted || name.replace(/:.*$/, "") === wanted);
      if (at < 0) {
        throw invalid("COLUMN_MISSING")`has no column ${JSON.stringify(wanted)}; its columns are ${names.join(", ")}`;
      }
      return at;
    };
    const at = {
      user: find("user", columns?.user),
      item: find("item", columns?.item),
      items: columns?.item === undefined ? find("items") : -1,
      time: find("time", columns?.time),
    };
    if (at.user < 0 && at.item < 0 && at.items < 0 && columns === undefined && !isAtomic)
      return this.#lines(head, isWhole);
    if (at.user < 0 || (at.item < 0 && at.items < 0)) {
      throw invalid(
        "COLUMN_MISSING",
      )`has no column that is known to name the ${at.user < 0 ? "user" : "item"}; its columns are ${names.join(", ")}${{ hint: worded`${{ api: "name it with columns: { user, item, time }", cli: "rename it to user or item" }}` }}`;
    }
    let isHeader = true;
    const parser = new CsvParser(delimiter, delimiter === "\t" ? "line" : "rfc");
    const name = (column: number) => names[column]!.replace(/:.*$/, "");
    const skipHeader =
      (take: TakeRow): TakeRow =>
      (record) => {
        if (isHeader) {
          isHeader = false;
          return;
        }
        if (record.cells.length !== names.length) {
          throw invalid(
            "ROW_LENGTH",
          )`line ${record.line} has ${counted(record.cells.length, "column")}, but the header has ${names.length}`;
        }
        take(record);
      };
    if (at.items >= 0) {
      const take = skipHeader(({ cells, line }) => {
        const items = itemsOfCell(cells[at.items]!, isAtomic);
        // A sequence file names the next item in a column of its own.
        if (at.item >= 0) items.push(cells[at.item]!);
        this.#addHistory(cells[at.user]!, items, line);
      });
      const next = at.item >= 0 ? `, then ${name(at.item)}` : "";
      return { parser, take, layout: `one line per user (${name(at.user)}: ${name(at.items)}${next})` };
    }
    const take = skipHeader(({ cells, line }) => {
      const time = at.time < 0 ? undefined : timeOf(cells[at.time]!, line);
      this.#add(cells[at.user]!, cells[at.item]!, line, time);
    });
    const order = at.time < 0 ? "in the file's order, since there is no time" : `in the order of ${name(at.time)}`;
    return { parser, take, layout: `one line per choice (${name(at.user)}, ${name(at.item)}), ${order}` };
  }

  /** A line per user, without a header. */
  #lines(head: string, isWhole: boolean): { parser: CsvParser; take: TakeRow; layout: string } {
    const delimiter = head.includes("\t") ? "\t" : /^[^\n]*,/.test(head) ? "," : " ";
    const parser = () => new CsvParser(delimiter, "none");
    const sample = parser();
    const records = sample.push(head);
    if (isWhole) records.push(...sample.finish());
    const startsWithUser = this.#options.startsWithUser ?? this.#startsWithUser(records);
    let line = 0;
    const take: TakeRow = ({ cells, line: at }) => {
      const words = cells.map((word) => word.trim()).filter((word) => word !== "");
      line++;
      this.#addHistory(startsWithUser ? words[0]! : `line ${line}`, startsWithUser ? words.slice(1) : words, at);
    };
    return {
      parser: parser(),
      take,
      layout: `one line per user, ${startsWithUser ? "starting with the user" : "items only"}`,
    };
  }

  #startsWithUser(records: readonly CsvRecord[]): boolean {
    const first = records.map(({ cells }) => cells[0]!.trim());
    const isCounting = (from: number) => first.length > 1 && first.every((word, i) => word === String(i + from));
    if (isCounting(0) || isCounting(1)) return true;
    const isKnown = (word: string) => {
      try {
        return this.#catalogue.rowOf(word) >= 0;
      } catch {
        return false; // no row number
      }
    };
    const known = first.filter(isKnown).length;
    if (known === 0 && new Set(first).size === first.length) return true;
    if (known === first.length && new Set(first).size < first.length) return false;
    throw invalid(
      "COLUMN_UNCLEAR",
    )`a line may start with a user or with an item: of ${counted(first.length, "first word")}, such as ${describeValue(first[0])}, ${thousands(known)} are items${{ hint: worded`${{ api: "set startsWithUser to true or false", cli: "write a header, user and items" }}` }}`;
  }

  /** JSON lines, or one JSON value. */
  async #readJson(head: string, rest: AsyncIterable<string>): Promise<Histories> {
    const [firstLine = ""] = head.trimStart().split(/\r?\n/, 1);
    let first: unknown;
    try {
      first = parseJson(firstLine);
    } catch {
      first = undefined;
    }
    // A whole file may stand on one line.
    const isLines = first !== undefined && (isRecord(first) ? userOf(first) !== undefined : !isNested(first));
    if (!isLines) {
      let text = head;
      for await (const piece of rest) text += piece;
      return this.#readDocument(parseJson(text));
    }
    const parser = new CsvParser("\u0000", "none");
    const take: TakeRow = ({ cells: [text], line }) => this.#addJson(parseLine(text!, line), line);
    for (const record of parser.push(head)) take(record);
    for await (const piece of rest) for (const record of parser.push(piece)) take(record);
    for (const record of parser.finish()) take(record);
    return this.#builder.finish(
      isRecord(first) && itemsOf(first) === undefined ? "one JSON line per choice" : "one JSON line per user",
    );
  }

  #readDocument(value: unknown): Histories {
    if (Array.isArray(value)) {
      for (const [i, each] of value.entries()) this.#addJson(each, i + 1);
      return this.#builder.finish("a JSON list");
    }
    for (const [userId, items] of Object.entries(value as Record<string, unknown>)) {
      if (!Array.isArray(items)) {
        throw invalid(
          "FILE_CONTENT",
        )`user ${JSON.stringify(userId)} must have a list of items, got ${describeValue(items)}`;
      }
      this.#addHistory(userId, items.map(String), 1);
    }
    return this.#builder.finish("JSON, a list of items per user");
  }

  #addJson(value: unknown, line: number): void {
    if (Array.isArray(value)) {
      this.#addHistory(`line ${line}`, value.map(String), line);
      return;
    }
    const userId = isRecord(value) ? userOf(value) : undefined;
    const items = isRecord(value) ? itemsOf(value) : undefined;
    const item = isRecord(value) ? field(value, "item") : undefined;
    if (userId === undefined || (items === undefined && item === undefined)) {
      throw invalid(
        "FILE_CONTENT",
      )`line ${line} must be a list of items, or an object with a user and an item or a list of items, got ${describeValue(value)}`;
    }
    if (items) {
      this.#addHistory(userId, items.map(String), line);
      return;
    }
    const time = field(value as Record<string, unknown>, "time");
    this.#add(userId, String(item), line, time === undefined ? undefined : timeOf(String(time), line));
  }

  #addHistory(userId: string, items: readonly string[], line: number): void {
    if (this.#builder.has(userId)) {
      throw invalid(
        "FILE_CONTENT",
      )`line ${line}: user ${JSON.stringify(userId)} has had a line before${{ hint: "a line must hold a user's whole history, or one choice with the columns user, item and time" }}`;
    }
    items.forEach((itemId, i) => {
      this.#add(userId, itemId, line, i, false);
    });
  }

  #add(userId: string, itemId: string, line: number, time: number | undefined, isTime = time !== undefined): void {
    if (userId === "" || itemId === "")
      throw invalid("FILE_CONTENT")`line ${line}: the ${userId === "" ? "user" : "item"} is empty`;
    try {
      this.#builder.add(userId, itemId, time, isTime);
    } catch (error) {
      throw onLine(line, error);
    }
  }
}

/** The error, with the line before it. */
function onLine(line: number, error: unknown): unknown {
  const { wording, code } = error as { wording?: readonly never[]; code?: never };
  return wording ? invalid(code)`line ${line}: ${wording}` : error;
}

function parseLine(text: string, line: number): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw onLine(line, error);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isNested = (value: unknown): boolean => Array.isArray(value) && value.some((each) => typeof each === "object");

function field(record: Record<string, unknown>, what: keyof typeof NAMES): unknown {
  const key = Object.keys(record).find((name) => NAMES[what].some((known) => known === plainName(name)));
  return key === undefined ? undefined : record[key];
}

function userOf(record: Record<string, unknown>): string | undefined {
  const user = field(record, "user");
  return typeof user === "string" || typeof user === "number" || isLongInteger(user) ? String(user) : undefined;
}

function itemsOf(record: Record<string, unknown>): unknown[] | undefined {
  const items = field(record, "items");
  return Array.isArray(items) ? items : undefined;
}

/** Items of a cell: "a b c" in atomic files; "[1, 2]", "['a', 'b']" or words in others. */
function itemsOfCell(cell: string, isAtomic: boolean): string[] {
  if (!isAtomic && /^\s*\[/.test(cell)) {
    const inside = cell.trim().replace(/^\[|\]$/g, "");
    return inside === "" ? [] : inside.split(/\s*,\s*/).map((word) => word.replace(/^(['"])(.*)\1$/, "$2"));
  }
  return cell.split(/[\s,;|]+/).filter((word) => word !== "");
}

const DATE = /^\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?$/;

/** Numbers as they are, dates in milliseconds, in UTC unless they name their zone: only the order counts, and no host may change it. */
function timeOf(cell: string, line: number): number {
  const text = cell.trim();
  const zone = DATE.exec(text);
  const isDay = text.length === 10;
  const time = zone
    ? Date.parse(isDay || zone[1] ? text.replace(" ", "T") : `${text.replace(" ", "T")}Z`)
    : /^[-+]?[\d.]+(e[-+]?\d+)?$/i.test(text)
      ? Number(text)
      : Number.NaN;
  if (Number.isFinite(time)) return time;
  throw invalid(
    "FILE_CONTENT",
  )`line ${line}: ${describeValue(cell)} is not a time${{ hint: "use a number of seconds, or a date such as 2026-01-31T12:00:00Z" }}`;
}

/** Decoded text, cut anywhere. */
async function* textOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  for await (const piece of pieces) {
    decoder ??= decoderFor(piece);
    yield decoder.decode(piece, { stream: true });
  }
  if (decoder) yield decoder.decode();
}
