/** How a table of text is laid out: what separates its cells, whether it has a header, and which column holds what. */

import { InvalidInputError } from "../errors.ts";
import { describeValue, titleField } from "./bytes.ts";
import type { CsvOptions } from "./csv.ts";
import { isAllNumbers, isNumber, missing, number, parseList } from "./csv-cells.ts";
import { CsvParser, type CsvRecord } from "./csv-parser.ts";
import { isItemIdName } from "./row-collector.ts";

const keyName = /^(#|row|key|item|sku|index|unnamed: 0|(.*[ _-])?id)?$/;

export interface Layout {
  width: number;
  /** Columns of the embedding; none when one column holds it. */
  dimensions: number[];
  /** The column whose cells hold the embedding. */
  listColumn?: number;
  /** Columns of titles (first) and labels. */
  textColumns: number[];
  /** Of the text columns, that of the items' IDs. */
  idColumn?: number;
  names?: string[];
}

/** Whether the first line says how many vectors of which dimension follow, each behind its word: word2vec's and fastText's form. */
export function isCountLine([first, second]: readonly CsvRecord[]): boolean {
  const [, dim] = first?.cells ?? [];
  return (
    first?.cells.length === 2 &&
    first.cells.every((cell) => /^\d+$/.test(cell)) &&
    Number(dim) > 1 &&
    second?.cells.length === Number(dim) + 1
  );
}

/** Which columns are what, and whether the first row is a header, from the first rows of the file. */
export function findLayout(sample: CsvRecord[], decimalComma: boolean, options: CsvOptions): Layout {
  const first = sample[0]!.cells;
  const body = sample.slice(1).map((record) => record.cells);
  const width = first.length;
  const columns = first.map((_, column) => column);
  const types = atomicTypes(first);

  // Judged without the first row, which may be a header; empty cells and NaN are no evidence.
  const judged = options.header === false || body.length === 0 ? [first, ...body] : body;
  const isText = columns.map((column) => {
    if (types) return types[column] !== "float";
    const evident = judged.map((cells) => cells[column] ?? "").filter((cell) => !missing.test(cell.trim()));
    const numbers = evident.filter((cell) => isNumber(cell, decimalComma)).length;
    return evident.length > 0 && numbers * 2 < evident.length;
  });
  const numeric = columns.filter((column) => !isText[column]);
  const isNamed = [...(options.labelColumns ?? []), options.listColumn].some((column) => typeof column === "string");
  const listed = findListColumn(first, judged, columns, numeric.length, types, options);
  const isListHeader = typeof listed === "number" && body.length > 0 && parseList(first[listed]!) === undefined;
  const hasHeader =
    options.header ??
    (isNamed ||
      isListHeader ||
      types !== undefined ||
      (body.length > 0 && isHeader(first, body, numeric, decimalComma)));
  const names = hasHeader
    ? uniqueNames(types ? first.map((cell) => cell.slice(0, cell.lastIndexOf(":"))) : first)
    : undefined;
  const listColumn =
    options.listColumn === undefined ? listed : findColumn(options.listColumn, width, names, "listColumn is");

  let textColumns: number[];
  if (options.labelColumns) {
    textColumns = options.labelColumns.map((column) => findColumn(column, width, names, "labelColumns lists"));
  } else {
    const isKey = hasHeader && width > 1 && isKeyName(first[0]!);
    textColumns = columns.filter(
      (column) => column !== listColumn && (listColumn !== undefined || isText[column] || (column === 0 && isKey)),
    );
    const title = names ? titleField(textColumns.map((column) => names[column]!)) : 0;
    textColumns = [...textColumns.splice(title, 1), ...textColumns];
  }
  const dimensions = listColumn === undefined ? columns.filter((column) => !textColumns.includes(column)) : [];
  if (hasHeader && body.length === 0) throw new InvalidInputError("the text has a header but no rows of data");
  if (dimensions.length === 0 && listColumn === undefined) {
    throw new InvalidInputError(
      `no column holds numbers: embeddings are expected, one row an item, but the text begins with ${describeValue(first.join(" "))}`,
    );
  }
  const idColumn = names && columns.find((column) => textColumns.includes(column) && isItemIdName(names[column]!));
  return {
    width,
    dimensions,
    ...(listColumn !== undefined && { listColumn }),
    textColumns,
    ...(idColumn !== undefined && { idColumn }),
    ...(names && { names }),
  };
}

/** The types in the header of an atomic file, `name:type` in every cell; undefined for other files. */
function atomicTypes(first: string[]): string[] | undefined {
  const types = first.map((cell) => /^[^:]+:(token|token_seq|float|float_seq)$/.exec(cell.trim())?.[1]);
  return types.every((type) => type !== undefined) ? types : undefined;
}

/**
 * The column that holds the embedding as a list: by its type, or because its cells are lists. Lists of tags beside columns of numbers are
 * none: there the list must have a name that says what it is, or more numbers than there are such columns.
 */
function findListColumn(
  first: string[],
  rows: string[][],
  columns: number[],
  numericColumns: number,
  types: string[] | undefined,
  options: CsvOptions,
): number | undefined {
  if (options.listColumn !== undefined) return undefined; // found by its name, once there are names
  const isLabel = (column: number) =>
    options.labelColumns?.some((label) => label === column || label === first[column]?.trim()) === true;
  const candidates = columns
    .filter((column) => !isLabel(column))
    .map((column) => {
      const cells = rows.map((cells) => cells[column] ?? "").filter((cell) => !missing.test(cell.trim()));
      const lists = cells
        .map(parseList)
        .filter((list) => list && (list.isBracketed ? number.test(list.parts[0]!) : isAllNumbers(list.parts)));
      const dim = lists[0]?.parts.length ?? 0;
      const isList = lists.length * 2 > cells.length && (types ? types[column] === "float_seq" : dim > 1);
      const isBracketed = lists[0]?.isBracketed === true;
      const isSure = types !== undefined || (isBracketed && embeddingName.test(first[column] ?? ""));
      return { column, dim, isList, isBracketed, isSure };
    })
    // "12 34" may be a title; as embedding it counts when there is no other.
    .filter(
      ({ dim, isList, isBracketed, isSure }) =>
        isList && (isSure || ((isBracketed || columns.length > 1) && dim > numericColumns)),
    );
  if (candidates.length === 0) return undefined;
  return candidates.reduce((a, b) => (b.dim > a.dim ? b : a)).column;
}

/** What people call a column of embeddings. */
const embeddingName = /embed|vector|feature|latent/i;

function isKeyName(name: string): boolean {
  const words = name.trim().replace(/([a-z])(?=I[dD]$)/, "$1_"); // itemId -> item_Id
  return keyName.test(words.toLowerCase());
}

function isHeader(first: string[], body: string[][], numeric: number[], decimalComma: boolean): boolean {
  if (numeric.length === 0) return false;
  const isName = (column: number) => {
    const cell = first[column]!.trim();
    return cell === "" ? column === 0 : !missing.test(cell) && !isNumber(cell, decimalComma);
  };
  if (numeric.every(isName)) return true;
  // pandas numbers unnamed columns; the data shows that these are not numbers like the others.
  const numbered = numeric.filter((column) => !(column === 0 && isName(0)));
  const isFraction = (cell: string | undefined) =>
    cell !== undefined && /[.,e]/i.test(cell) && isNumber(cell, decimalComma);
  return (
    numbered.length > 1 &&
    numbered.every((column, i) => first[column]!.trim() === String(i)) &&
    body.some((cells) => numbered.some((column) => isFraction(cells[column])))
  );
}

function findColumn(column: string | number, width: number, names: string[] | undefined, said: string): number {
  const index = typeof column === "number" ? column : (names?.indexOf(column) ?? -1);
  if (Number.isInteger(index) && index >= 0 && index < width) return index;
  const known = names ? `${names.slice(0, 8).map(describeValue).join(", ")}${width > 8 ? ", …" : ""}` : "without names";
  throw new InvalidInputError(
    `${said} ${describeValue(column)}, but the ${width} columns, numbered from 0, are ${known}`,
  );
}

/** Names of all columns, each once: an empty one becomes "column_3", a second "x" becomes "x_2". */
function uniqueNames(cells: readonly string[]): string[] {
  const taken = new Set<string>();
  return cells.map((cell, column) => {
    const wanted = cell.trim() || `column_${column}`;
    let name = wanted;
    for (let k = 2; taken.has(name); k++) name = `${wanted}_${k}`;
    taken.add(name);
    return name;
  });
}

/** What splits the text into most numbers; of equals, what leaves fewer lists in cells, then what there is more of. */
export function findDelimiter(text: string): string {
  const head = text.slice(0, 4096);
  const candidates = ["\t", ";", ","].map((delimiter) => ({
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

/**
 * Numbers in the first rows, when they are split at this delimiter: of a row those that stand alone or those of its longest list, since
 * an embedding is one or the other ("1,5;2,5" at commas is no row of 1, a list, and 5). None when the quotes then make no sense.
 */
function countNumbers(text: string, delimiter: string): { numbers: number; lists: number } {
  const parser = new CsvParser(delimiter);
  let records: CsvRecord[] = [];
  try {
    records = parser.push(text).slice(0, 10);
    if (records.length < 10) records.push(...parser.finish());
  } catch {
    // The reader says what is wrong; the text may also just be cut inside quotes.
  }
  const found = { numbers: 0, lists: 0 };
  for (const { cells } of records) {
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

/** Numbers of a cell that is a list; one without brackets must be asked for: it may be a row that is split at spaces. */
function numbersOfList(cell: string, withoutBrackets: boolean): number {
  const list = parseList(cell);
  if (list === undefined || !(list.isBracketed || withoutBrackets)) return 0;
  return isAllNumbers(list.parts) ? list.parts.length : 0;
}
