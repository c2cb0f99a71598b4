/** The layout of a table of text: what separates its cells, whether it has a header, and which column holds what. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { requireThat } from "../../base/option-reader.ts";
import { counted, thousands } from "../../base/words.ts";
import {
  type Column,
  columnName,
  type Decision,
  decideColumns,
  isItemIdName,
  kindOf,
  namedColumns,
  type TableColumns,
} from "../../items/columns.ts";
import type { ItemFileOptions } from "../io/opened-file.ts";
import { isAllNumbers, isNumber, missing, parseList, textCell } from "./csv-cells.ts";
import { CsvParser, type CsvRecord, type Quoting, unquoted } from "./csv-parser.ts";
import { EMPTY, LIST, NUMBER, SKIPPED, TEXT } from "./csv-row.ts";

export interface Layout {
  width: number;
  /** What each column holds, in the numbers of `QuickRows`. */
  kinds: number[];
  /** Columns of the embedding, in the order of its dimensions; none if one column holds it. */
  dimensions: number[];
  /** The column whose cells hold the embedding. */
  listColumn?: number;
  titleColumn?: number;
  labelColumns: number[];
  /** The column of the items' IDs. */
  idColumn?: number;
  names?: string[];
  /** The same by name. */
  columns: TableColumns;
  /** Whether the first cell is a word that may contain spaces. */
  isWords: boolean;
  /**
   * Whether texts that start like formulas have an apostrophe before them (`readTextCell`); not in files that spreadsheets do not write.
   */
  isEscaped: boolean;
  /** Whether cells are padded with spaces. */
  isPadded: boolean;
  /** What the first line of a file of word vectors says. */
  expected?: { rows: number; dim: number };
}

/**
 * Whether the first line gives the number and dimension of the vectors that follow, each after its word, as word2vec and fastText write it.
 */
function countLine(first: CsvRecord, rest: readonly CsvRecord[]): { rows: number; dim: number } | undefined {
  const widths = new Set(rest.map(({ cells }) => cells.length));
  const { cells } = first;
  if (cells.length !== 2 || rest.length === 0 || !cells.every((cell) => /^\d+$/.test(cell))) return undefined;
  const [rows, dim] = cells.map(Number) as [number, number];
  const begin = rest[0]!.cells;
  if (commonWidth(rest) === dim + 1 && (dim > 1 || !isNumber(begin[0]!, true))) return { rows, dim };
  if (widths.size > 1 || begin.length <= 3) return undefined;
  throw invalid(
    "ROW_LENGTH",
  )`line ${first.line} says that ${thousands(rows)} vectors of ${thousands(dim)} numbers follow, but line ${rest[0]!.line} has ${thousands(begin.length - 1)} numbers after the word${{ hint: `correct or remove line ${first.line}` }}`;
}

/** Removes comment lines before the table, as NumPy's savetxt writes them; the last one may name the columns. */
function withoutComments(sample: CsvRecord[]): { rows: CsvRecord[]; hasNames: boolean } {
  const start = sample.findIndex(({ cells }) => !cells[0]!.startsWith("#"));
  const width = sample[start]?.cells.length;
  if (start <= 0 || width === undefined) return { rows: sample, hasNames: false };
  const [last] = sample.slice(start - 1, start) as [CsvRecord];
  // "#" may also be the name of the first column, and "#1" an item
  if (
    last.cells.length === width &&
    (last.cells[0]!.trim() === "#" || last.cells.slice(1).every((cell) => isNumber(cell, true)))
  ) {
    return { rows: sample, hasNames: false };
  }
  const names =
    last.cells[0]!.trim() === "#"
      ? last.cells.slice(1)
      : [last.cells[0]!.replace(/^#+\s*/, ""), ...last.cells.slice(1)];
  const hasNames = names.length === width && names.every((name) => !isNumber(name, true));
  const rows = sample.slice(start);
  return { rows: hasNames ? [{ ...last, cells: names }, ...rows] : rows, hasNames };
}

const isRule = ({ cells }: CsvRecord) =>
  cells.some((cell) => cell.includes("--")) && cells.every((cell) => /^\s*:?-*:?\s*$/.test(cell));

/** The width of the table: that of the rows after the first, which may lack a name or end with a delimiter. */
function fitFirstRow(rows: CsvRecord[]): { rows: CsvRecord[]; hasRowNames: boolean } {
  const [first, ...body] = rows as [CsvRecord, ...CsvRecord[]];
  const width = body[0]?.cells.length;
  const isEven = body.every(({ cells }) => cells.length === width);
  if (width === undefined || !isEven || first.cells.length === width) return { rows, hasRowNames: false };
  const { cells } = first;
  if (cells.length === width + 1 && cells.at(-1)!.trim() === "") {
    return { rows: [{ ...first, cells: cells.slice(0, -1) }, ...body], hasRowNames: false };
  }
  if (cells.length === width - 1) {
    if (body.every((row) => row.cells.at(-1)!.trim() === "")) {
      return { rows: [{ ...first, cells: [...cells, ""] }, ...body], hasRowNames: false };
    }
    // R omits the name of the column of row names.
    const isNames = cells.every((cell) => !isNumber(cell, true) && cell.trim() !== "");
    if (isNames && body.length > 1) return { rows: [{ ...first, cells: ["", ...cells] }, ...body], hasRowNames: true };
  }
  if (cells.length < width && body.length > 1) {
    throw invalid(
      "ROW_LENGTH",
    )`line ${first.line} has ${counted(cells.length, "cell")}, but the lines after it have ${thousands(width)}${{ hint: `remove line ${first.line} if it is not part of the table` }}`;
  }
  return { rows, hasRowNames: false };
}

/** Reports lines that are not rows of a table. */
function refuseOtherLines(rows: readonly CsvRecord[]): void {
  const share = (is: (record: CsvRecord) => boolean) => rows.filter(is).length / rows.length;
  const pair = /^\d+:[-+.\deE]+$/;
  if (share(({ cells }) => cells.filter((cell) => pair.test(cell)).length > 1) > 0.5) {
    throw invalid(
      "COLUMN_MISSING",
    )`line ${rows[0]!.line} is a sparse vector in libsvm's form, ${describeValue(rows[0]!.cells.join(" "))}${{ hint: "write every number of each vector, without indices" }}`;
  }
  const opens = (cell: string) => /[[({]/.test(cell) && !/[\])}]/.test(cell);
  const closes = (cell: string) => /[\])}]/.test(cell) && !/[[({]/.test(cell);
  if (share(({ cells }) => cells.length > 1 && cells.some(opens) && closes(cells.at(-1)!)) > 0.5) {
    throw invalid(
      "FILE_CONTENT",
    )`line ${rows[0]!.line} has a list in brackets that is not quoted, ${describeValue(rows[0]!.cells.join(","))}${{ hint: "quote the lists, or write the numbers without brackets" }}`;
  }
  const joined = /^[^:]+:\s*([-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?)?$/i;
  if (
    share(
      ({ cells }) =>
        cells.length > 1 && joined.test(cells[0]!) && isAllNumbers(cells.slice(1).map((cell) => cell.trim())),
    ) > 0.5
  ) {
    throw invalid(
      "FILE_CONTENT",
    )`line ${rows[0]!.line} starts with ${describeValue(rows[0]!.cells[0])}, an item ID and a colon${{ hint: "write the delimiter of the other cells instead of the colon" }}`;
  }
}

/** Data frames with two levels of columns write "emb,emb,emb" and, below it, "0,1,2". */
function refuseSecondHeader(header: readonly string[], [second]: readonly CsvRecord[]): void {
  if (!second || second.cells.length !== header.length) return;
  const counted = second.cells.flatMap((cell, column) =>
    /^\d+$/.test(cell.trim()) ? [{ column, value: Number(cell) }] : [],
  );
  const isRun = counted.length > 1 && counted.every(({ value }, i) => value === i);
  if (!isRun || new Set(counted.map(({ column }) => header[column])).size > 1) return;
  throw invalid(
    "FILE_CONTENT",
  )`the header takes two lines: line ${second.line} numbers the columns named ${describeValue(header[counted[0]!.column])}${{ hint: `Write one line of names, such as ${describeValue(`${header[counted[0]!.column]}_0`)}`, after: ". " }}`;
}

/** Which columns are what, and whether the first row is a header, from the first rows of the file. @returns also the rows of data. */
export function findLayout(
  records: CsvRecord[],
  delimiter: string,
  options: ItemFileOptions,
): { layout: Layout; rows: CsvRecord[]; header?: CsvRecord } {
  const uncommented = withoutComments(records);
  let { rows } = uncommented;
  const expected = delimiter === " " || delimiter === "\t" ? countLine(rows[0]!, rows.slice(1)) : undefined;
  if (expected) rows = rows.slice(1);
  else refuseOtherLines(rows);
  if (delimiter === "|" && rows[1] && isRule(rows[1])) rows = [rows[0]!, ...rows.slice(2)];
  const isWords = expected !== undefined || (delimiter === " " && areWords(rows));
  const fitted = isWords ? { rows, hasRowNames: false } : fitFirstRow(rows);
  rows = fitted.rows;

  const first = rows[0]!.cells;
  const width = isWords ? commonWidth(rows) : first.length;
  const types = isWords ? undefined : atomicTypes(first);
  const hasHeader = isWords
    ? false
    : (options.header ??
      (uncommented.hasNames ||
        fitted.hasRowNames ||
        types !== undefined ||
        namesColumns(options) ||
        isHeader(rows, delimiter)));
  if (hasHeader && rows.length === 1) throw invalid("EMPTY")`the text has a header but no rows of data`;
  const names = hasHeader
    ? uniqueNames(
        types ? first.map((cell) => cell.slice(0, cell.lastIndexOf(":"))) : first.map((cell) => unquoted(cell.trim())),
      )
    : undefined;
  const data = hasHeader ? rows.slice(1) : rows;
  if (hasHeader && !types) refuseSecondHeader(first, data);
  const columns = Array.from({ length: width }, (_, column): Column => {
    const declared = types?.[column] as Column["declared"];
    const cells = data
      .slice(0, judgedRows(width))
      .map((record) => textCell(cellsOf(record, width, isWords)[column] ?? "", delimiter));
    return { name: names?.[column], cells, ...(declared && { declared }) };
  });
  // Delimiters at the ends of lines make columns that do not exist.
  const isEdge = columns.map(
    (column, i) => kindOf(column) === "empty" && (hasHeader ? first[i]!.trim() === "" : false),
  );
  const decision = decide(columns, isEdge, { ...options, isWords });
  const { vector, isList, itemId, title, labels } = decision;
  const [isDimension, isLabel] = [new Set(vector), new Set(labels)];
  const kinds = columns.map((column, i) => {
    if (isEdge[i]) return EMPTY;
    if (isDimension.has(i)) return isList ? LIST : NUMBER;
    if (i === itemId || i === title || isLabel.has(i)) return TEXT;
    return kindOf(column) === "empty" ? EMPTY : SKIPPED;
  });
  return {
    rows: data,
    ...(hasHeader && { header: rows[0]! }),
    layout: {
      width,
      kinds,
      dimensions: isList ? [] : vector,
      ...(isList && { listColumn: vector[0]! }),
      ...(title !== undefined && { titleColumn: title }),
      ...(itemId !== undefined && { idColumn: itemId }),
      labelColumns: labels,
      ...(names && { names }),
      columns: namedColumns(columns, { ...decision, ignored: decision.ignored.filter((i) => !isEdge[i]) }),
      isWords,
      isEscaped: !isWords && !types,
      isPadded: delimiter === "|" && isEdge[0] === true,
      ...(expected && { expected }),
    },
  };
}

function decide(
  columns: readonly Column[],
  isEdge: readonly boolean[],
  options: ItemFileOptions & { isWords: boolean },
): Decision {
  const width = columns.length;
  const all = columns.map((_, column) => column);
  if (options.isWords && options.embedding === undefined) {
    return { vector: all.slice(1), isList: false, itemId: 0, labels: [], ignored: [] };
  }
  const { labelColumns } = options;
  requireThat(
    labelColumns === undefined || Array.isArray(labelColumns),
    "labelColumns",
    "an array of columns",
    labelColumns,
  );
  // Array.from, since map skips holes.
  const labels = Array.from(labelColumns ?? [], (column) => findColumn(column, columns, "labelColumns lists"));
  // Columns that the caller named as labels are excluded.
  const isLabel = new Set(labels);
  const asked = all.filter((column) => !isLabel.has(column) && !isEdge[column]);
  if (asked.length === 0)
    throw invalid("FILE_CONTENT")`labelColumns lists all ${width} columns: leave some for the embedding`;
  const place = (wanted: string | number) =>
    typeof wanted === "number" ? asked.indexOf(findColumn(wanted, columns, "the option names")) : wanted;
  const { embedding, itemId } = options;
  const itemIsLabel =
    itemId !== undefined && labels.some((column) => column === itemId || columns[column]!.name === itemId);
  const isListed = asked.some((column) => ["list", "unreadable"].includes(kindOf(columns[column]!)));
  const decision =
    options.labelColumns && options.embedding === undefined && !isListed
      ? { vector: asked.map((_, i) => i), isList: false, labels: [], ignored: [] }
      : decideColumns(
          asked.map((column) => columns[column]!),
          {
            ...(embedding !== undefined && {
              embedding: Array.isArray(embedding) ? embedding.map(place) : place(embedding as string | number),
            }),
            ...(itemId !== undefined && !itemIsLabel && { itemId: place(itemId) }),
          },
        );
  const inAll = (list: readonly number[]) => list.map((i) => asked[i]!);
  const [title = undefined, ...others] = labels;
  const idLabel = labels.find((column) =>
    itemIsLabel ? column === itemId || columns[column]!.name === itemId : isItemIdName(columns[column]!.name ?? ""),
  );
  const key = idLabel ?? (decision.itemId === undefined || options.labelColumns ? undefined : asked[decision.itemId]);
  const ownTitle = decision.title === undefined ? undefined : asked[decision.title];
  if (options.labelColumns) {
    // All other unnamed columns belong to the embedding, unless one of them holds it.
    const vector = decision.isList || embedding !== undefined ? inAll(decision.vector) : asked;
    const isDimension = new Set(vector);
    const ignored = asked.filter((column) => !isDimension.has(column));
    return {
      vector,
      isList: decision.isList,
      ...(key !== undefined && { itemId: key }),
      ...(title !== undefined && { title }),
      labels: others,
      ignored,
    };
  }
  return {
    vector: inAll(decision.vector),
    isList: decision.isList,
    ...(key !== undefined && { itemId: key }),
    ...(ownTitle !== undefined && { title: ownTitle }),
    labels: inAll(decision.labels),
    ignored: [...inAll(decision.ignored), ...all.filter((column) => isEdge[column])].sort((a, b) => a - b),
  };
}

const namesColumns = ({ labelColumns = [], embedding, itemId }: ItemFileOptions) =>
  [...labelColumns, ...(Array.isArray(embedding) ? embedding : [embedding]), itemId].some(
    (column) => typeof column === "string",
  );

/** The cells of a row of word vectors: spaces in the word do not separate cells. */
export function cellsOf({ cells }: CsvRecord, width: number, isWords: boolean): string[] {
  if (!isWords || cells.length <= width) return cells;
  const extra = cells.length - width;
  return [cells.slice(0, extra + 1).join(" "), ...cells.slice(extra + 1)];
}

/** Whether rows split at spaces are words with their vectors: first a word, which may contain spaces, then numbers. */
function areWords(rows: readonly CsvRecord[]): boolean {
  const width = commonWidth(rows);
  if (width < 3) return false;
  const isWord = (cell: string) => textCell(cell, " ").kind === "text";
  const [first] = rows as [CsvRecord];
  // A header is not one of them.
  if (first.cells.length > 1 && first.cells.slice(1).every(isWord)) return false;
  const words = rows.filter(({ cells }) => isWord(cells[0]!)).length;
  const tails = rows.filter(({ cells }) => cells.length >= width && isAllNumbers(cells.slice(1 - width))).length;
  return 2 * words > rows.length && 2 * tails > rows.length;
}

/** The most frequent number of cells. */
function commonWidth(rows: readonly CsvRecord[]): number {
  const counts = new Map<number, number>();
  for (const { cells } of rows) counts.set(cells.length, (counts.get(cells.length) ?? 0) + 1);
  return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
}

/** Number of rows by which columns are judged: fewer for wide tables, which have many cells. */
const judgedRows = (width: number) => Math.max(10, Math.min(100, Math.floor(20_000 / width)));

/** The types in the header of an atomic file, `name:type` in every cell; undefined for other files. */
function atomicTypes(first: string[]): string[] | undefined {
  const types = first.map((cell) => /^[^:]+:(token|token_seq|float|float_seq)$/.exec(cell.trim())?.[1]);
  return types.every((type) => type !== undefined) ? types : undefined;
}

/** Whether the first row names the columns: it has text above every column of numbers or lists. */
function isHeader(rows: readonly CsvRecord[], delimiter: string): boolean {
  const [first, ...body] = rows.slice(0, FEW_ROWS + 1).map(({ cells }) => cells);
  if (first === undefined || body.length === 0) return false;
  const kinds = first.map((_, column) =>
    kindOf({ name: undefined, cells: body.map((cells) => textCell(cells[column] ?? "", delimiter)) }),
  );
  const judged = first
    .map((_, column) => column)
    .filter((column) => ["number", "list", "unreadable"].includes(kinds[column]!));
  const isName = (column: number) => {
    const cell = first[column]!.trim();
    return cell === "" ? column === 0 : !missing.test(cell) && textCell(cell, delimiter).kind === "text";
  };
  if (judged.length === 0) {
    // Only its name tells an embedding that cannot be read.
    return first.some((cell) => /^(embeddings?|vectors?|emb)$/i.test(cell.trim()));
  }
  if (judged.every(isName)) return true;
  // Above texts, only the name tells.
  const isKnown = (column: number) => isItemIdName(first[column]!) || /^titles?$/i.test(first[column]!.trim());
  if (first.some((cell, column) => kinds[column] === "text" && cell.trim() !== "" && isKnown(column))) return true;
  // pandas numbers unnamed columns; the data shows that these are not numbers like the others.
  const numbered = judged.filter((column) => !isName(column));
  const numbers = numbered.map((column) => Number(first[column]!.trim() || Number.NaN));
  const isRun = numbers.length > 1 && numbers.every((value, i) => Number.isInteger(value) && value === numbers[0]! + i);
  const isFromStart = numbers[0] === 0 || numbers[0] === 1;
  // A row of data does not count up: not next to a name, and not from 0 or 1 through all columns.
  if (isRun && (numbered.length < judged.length || (isFromStart && numbers.length > 3))) return true;
  const isFraction = (cell: string | undefined) =>
    cell !== undefined && /[.,e]/i.test(cell) && isNumber(cell, delimiter !== ",");
  return (
    numbered.length > 1 &&
    numbered.every((column, i) => first[column]!.trim() === String(i)) &&
    body.some((cells) => numbered.some((column) => isFraction(cells[column])))
  );
}

function findColumn(wanted: string | number, columns: readonly Column[], said: string): number {
  const width = columns.length;
  const index = typeof wanted === "number" ? wanted : columns.findIndex(({ name }) => name === wanted);
  if (Number.isInteger(index) && index >= 0 && index < width) return index;
  const hasNames = columns.some(({ name }) => name !== undefined);
  const known = hasNames
    ? `${columns
        .slice(0, 8)
        .map(({ name }, i) => describeValue(columnName(name, i)))
        .join(", ")}${width > 8 ? ", …" : ""}`
    : "without names";
  throw invalid(
    "COLUMN_MISSING",
  )`${said} ${describeValue(wanted)}, but the ${width} columns, numbered from 0, are ${known}`;
}

/** Unique names of all columns: an empty one becomes "column_3", a second "x" becomes "x_2". */
function uniqueNames(cells: readonly string[]): string[] {
  const taken = new Set<string>();
  return cells.map((cell, column) => {
    // Data frames leave the name of their index empty.
    const wanted = cell.trim() || (column === 0 ? "" : `column_${column}`);
    let name = wanted;
    for (let k = 2; taken.has(name); k++) name = `${wanted}_${k}`;
    taken.add(name);
    return name;
  });
}

/** What separates the names of a header: the character that gives the most names, or the first if none splits it. */
export function headerDelimiter(line: string): string {
  return ["\t", ",", ";", "|"].reduce((best, next) =>
    line.split(next).length > line.split(best).length ? next : best,
  );
}

/**
 * The delimiter that splits the text into the most numbers; among equals, the one that leaves fewer lists in cells, then the most frequent
 * one.
 */
export function findDelimiter(text: string): string {
  const head = text.slice(0, 4096);
  const candidates = ["\t", ";", ",", "|"].map((delimiter) => ({
    delimiter,
    ...countNumbers(text, delimiter),
    occurrences: head.split(delimiter).length,
  }));
  const best = candidates.reduce((a, b) => {
    const more = b.numbers - a.numbers || a.lists - b.lists || b.occurrences - a.occurrences;
    return more > 0 ? b : a;
  });
  const spaces = countNumbers(text, " ");
  const isAtSpaces = best.numbers === 0 || (best.lists > 0 && spaces.lists === 0);
  return isAtSpaces && spaces.numbers > best.numbers ? " " : best.delimiter;
}

/** Number of rows inspected to choose delimiter and quoting. */
const FEW_ROWS = 10;

/** The first rows with this delimiter and quoting, up to a quoting mistake, which the reader will report. */
function firstRows(text: string, delimiter: string, quoting: Quoting): { records: CsvRecord[]; isBroken: boolean } {
  const parser = new CsvParser(delimiter, quoting);
  const records: CsvRecord[] = [];
  try {
    records.push(...parser.push(text).slice(0, FEW_ROWS));
    if (records.length < FEW_ROWS) records.push(...parser.finish());
  } catch {
    return { records, isBroken: true };
  }
  return { records, isBroken: false };
}

/** What quotes mean: in tables split at commas and semicolons they may hold line breaks; in others a title may start with a quote. */
export function findQuoting(text: string, delimiter: string): Quoting {
  if (delimiter === "," || delimiter === ";") return "rfc";
  const isEven = ({ records, isBroken }: ReturnType<typeof firstRows>) =>
    !isBroken && new Set(records.map(({ cells }) => cells.length)).size === 1;
  if (delimiter === " ") {
    // R quotes its row names; the words of word vectors may be quotes themselves.
    const rows = firstRows(text, delimiter, "none").records.slice(1);
    const quoted = rows.filter(
      ({ cells }) => /^"([^"].*)?$/.test(cells[0]!) && cells.some((cell) => cell.length > 1 && cell.endsWith('"')),
    );
    return rows.length > 0 && 2 * quoted.length > rows.length ? "rfc" : "none";
  }
  return !isEven(firstRows(text, delimiter, "line")) && isEven(firstRows(text, delimiter, "rfc")) ? "rfc" : "line";
}

/**
 * Number of numbers in the first rows if split at this delimiter: per row, those in cells of their own or those in its longest list, since
 * an embedding is one or the other ("1,5;2,5" split at commas is not a row of 1, a list, and 5).
 */
function countNumbers(text: string, delimiter: string): { numbers: number; lists: number } {
  const found = { numbers: 0, lists: 0 };
  const quoting = delimiter === "," || delimiter === ";" ? "rfc" : delimiter === " " ? "none" : "line";
  for (const { cells } of firstRows(text, delimiter, quoting).records) {
    let alone = 0;
    let longest = 0;
    for (const cell of cells) {
      if (isNumber(cell, delimiter !== ",")) {
        alone++;
        continue;
      }
      const numbers = numbersOfList(cell, cells.length > 1);
      if (numbers > 0) found.lists++;
      longest = Math.max(longest, numbers);
    }
    found.numbers += Math.max(alone, longest);
  }
  return found;
}

/**
 * Number of numbers in a cell that is a list. A list without brackets counts only on request, since it may be a row that is split at
 * spaces.
 */
function numbersOfList(cell: string, withoutBrackets: boolean): number {
  const list = parseList(cell);
  if (list === undefined || !(list.isBracketed || withoutBrackets)) return 0;
  return isAllNumbers(list.parts) ? list.parts.length : 0;
}
