import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { requireThat } from "../../base/option-reader.ts";
import { counted, thousands } from "../../base/words.ts";
import { isFloats } from "../../items/items.ts";
import { requireOptions } from "../io/bytes.ts";
import { parseCsv } from "../text/csv-parser.ts";
import { quoted } from "../text/csv-text.ts";
import {
  checkedItemIds,
  type IdTable,
  IdTableBuilder,
  type IdTableOptions,
  type IdTableSource,
  idsOfTable,
  inChunks,
} from "./id-table.ts";

/** The vectors of the codes: of each ID (n x L x latentDim, as `getSemanticIds` gives them), or of all codes (K x latentDim per level). */
export type CodeVectors = { embeddings: Float32Array } | { codebooks: readonly Float32Array[] };

/** What a `.semanticids` file holds. */
export interface HopwiseTable extends IdTable {
  /** n x L x latentDim, as `getSemanticIds` gives them; absent if the file has none. */
  embeddings?: Float32Array;
  latentDim?: number;
}

const HEADER = ["items", "semantic_ids", "semantic_ids_embs"] as const;

/**
 * IDs as the reference program (Hopwise's tutorial) writes them to `<dataset>.semanticids`, by pandas: the columns `items`, `semantic_ids`
 * ("[17, 203, 9]") and, if vectors are given, `semantic_ids_embs`, a nested list of latentDim x L, with the level last.
 *
 * @throws InvalidInputError for item IDs that are not one per row or not unique, or vectors that do not fit the IDs.
 */
export function hopwiseChunks(table: IdTableSource, vectors?: CodeVectors): Generator<string> {
  const ids = idsOfTable(table);
  const itemId = checkedItemIds(table);
  const coordinates = vectors && coordinateReader(table, vectors);
  return inChunks(lines());

  function* lines(): Generator<string> {
    yield `${(coordinates ? HEADER : HEADER.slice(0, 2)).join(",")}\n`;
    for (let row = 0; row < ids.length; row++) {
      const cells = [itemId(row), `[${ids.at(row).join(", ")}]`];
      if (coordinates) cells.push(coordinates(row));
      yield `${cells.map(quoted).join(",")}\n`;
    }
  }
}

/** Writes a row's vectors as a nested list of latentDim x L: element [j][l] is coordinate j of level l. */
function coordinateReader({ ids }: IdTableSource, vectors: CodeVectors): (row: number) => string {
  const { levels, codes } = ids;
  requireOptions(vectors, "vectors");
  const list = (dim: number, of: (level: number) => { vectors: ArrayLike<number>; start: number }) => {
    const sources = Array.from({ length: levels }, (_, level) => of(level));
    const rows = Array.from({ length: dim }, (_, j) => {
      return `[${sources.map(({ vectors, start }) => pythonFloat(vectors[start + j]!)).join(", ")}]`;
    });
    return `[${rows.join(", ")}]`;
  };
  if ("embeddings" in vectors) {
    const { embeddings } = vectors;
    requireThat(isFloats(embeddings), "embeddings", "a Float32Array", embeddings);
    const dim = embeddings.length / codes.length;
    if (ids.length > 0 && !(Number.isInteger(dim) && dim > 0)) {
      throw invalid(
        "COUNTS_DIFFER",
      )`${{ argument: "embeddings" }} has ${counted(embeddings.length, "entry")}, which is not a multiple of ${thousands(ids.length)} IDs x ${counted(levels, "level")}`;
    }
    return (row) => list(dim, (level) => ({ vectors: embeddings, start: (row * levels + level) * dim }));
  }
  const { codebooks } = vectors;
  requireThat(
    Array.isArray(codebooks) && codebooks.every(isFloats),
    "vectors",
    "{ embeddings } or { codebooks }, an array of Float32Arrays",
    vectors,
  );
  const dims = codebooks.map((codebook, level) => codebook.length / ids.codebookSizes[level]!);
  const [dim = 0] = dims;
  if (codebooks.length !== levels || !Number.isInteger(dim) || dims.some((other) => other !== dim)) {
    throw invalid()`codebooks must have one array per level, K x latentDim for K = ${ids.codebookSizes.join(", ")}, but have ${codebooks.map(({ length }) => length).join(", ")} entries`;
  }
  return (row) => list(dim, (level) => ({ vectors: codebooks[level]!, start: codes[row * levels + level]! * dim }));
}

/** A number as Python's `repr` writes it: the shortest decimal that reads back as it, 1.0 for integers, 1e-05, 1e+16. */
export function pythonFloat(x: number): string {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (Object.is(x, -0)) return "-0.0";
  // Both languages write the same digits, but switch to exponents at different sizes.
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent] = x.toExponential().split("e") as [string, string];
    return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  }
  const text = String(x);
  return text.includes(".") ? text : `${text}.0`;
}

/**
 * Reads a `.semanticids` file of the reference program or of `hopwiseChunks`, whole or in pieces.
 * @throws InvalidInputError that names a line whose IDs are not a list of whole numbers, or whose vectors differ in shape from the others.
 */
export function readHopwise(text: string | Iterable<string>, options: IdTableOptions = {}): HopwiseTable {
  const records = parseCsv(text);
  const header = (records.next().value as { cells: string[] } | undefined)?.cells ?? [];
  const [itemColumn, idColumn, vectorColumn] = HEADER.map((name) => header.indexOf(name)) as [number, number, number];
  if (itemColumn < 0 || idColumn < 0) {
    throw invalid("FILE_CONTENT")`the header must be ${HEADER.join()}, got ${describeValue(header.join())}`;
  }
  const table = new IdTableBuilder();
  const vectors: Float32Array[] = [];
  for (const { cells, line } of records) {
    const where = `line ${line}`;
    if (cells.length !== header.length) {
      throw invalid("ROW_LENGTH")`${where} has ${counted(cells.length, "column")}, but the header has ${header.length}`;
    }
    const codes = parseList(cells[idColumn]!, `${where}: semantic_ids`);
    table.add(cells[itemColumn]!, codes as number[], where);
    if (vectorColumn < 0) continue;
    const nested = parseList(cells[vectorColumn]!, `${where}: semantic_ids_embs`);
    vectors.push(levelFirst(nested, codes.length, vectors[0]?.length, `${where}: semantic_ids_embs`));
  }
  const { ids, itemIds } = table.finish(options);
  if (vectors.length === 0) return { ids, itemIds };
  const width = vectors[0]!.length;
  const embeddings = new Float32Array(vectors.length * width);
  vectors.forEach((vector, row) => {
    embeddings.set(vector, row * width);
  });
  return { ids, itemIds, embeddings, latentDim: width / ids.levels };
}

function parseList(text: string, where: string): unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Reported below.
  }
  if (Array.isArray(value)) return value;
  throw invalid("FILE_CONTENT")`${where} must be a list of finite numbers, got ${describeValue(text)}`;
}

/** latentDim x L -> L x latentDim. */
function levelFirst(nested: unknown[], levels: number, length: number | undefined, where: string): Float32Array {
  const dim = nested.length;
  if (dim === 0 || (length !== undefined && dim * levels !== length)) {
    throw invalid(
      "ROW_LENGTH",
    )`${where} has ${counted(dim, "row")}, but previous lines have ${length === undefined ? "none" : length / levels}`;
  }
  const vector = new Float32Array(dim * levels);
  nested.forEach((row, j) => {
    if (!Array.isArray(row) || row.length !== levels || !row.every((value) => typeof value === "number")) {
      throw invalid(
        "FILE_CONTENT",
      )`${where}: ${{ row: j }} must have one number per level (${levels}), got ${describeValue(row)}`;
    }
    row.forEach((value: number, level) => {
      vector[level * dim + j] = value;
    });
  });
  return vector;
}
