/** Whether the beginning of a file says that it holds semantic IDs, not vectors. Imports nothing, since the page asks it of every file. */

const HEAD = 4096;
/** A token of a code, as in LC-Rec's index. */
const TOKEN = String.raw`<[a-zA-Z]+_\d+>`;
const CODE_COLUMN = /^"?(code|codes|c|sid|level|codebook|semantic_id)[ _]?\d+"?$/i;
/** The most codes of an ID in a table without a header; more numbers in a row are a vector. */
const MOST_CODES = 8;
const LARGEST_CODE = 65_535;
/** The fewest rows of a table of nothing but whole numbers; a shorter one may be a few vectors that somebody tries. */
const FEWEST_ROWS = 20;

/** @param bytes The file, or at least its first 4,096 bytes. */
export function looksLikeIds(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, HEAD);
  if (head[0] === 0x93) return isIntegers(new TextDecoder("latin1").decode(head));
  if (head.includes(0)) return false;
  const text = new TextDecoder()
    .decode(head)
    .replace(/^\uFEFF/, "")
    .trimStart();
  if (text.startsWith("{")) {
    return (
      new RegExp(String.raw`^\{\s*"[^"]*"\s*:\s*\[\s*"${TOKEN}"`).test(text) ||
      /"codes"\s*:\s*\[\s*\d+\s*,/.test(text) ||
      new RegExp(String.raw`"tokens"\s*:\s*"${TOKEN}`).test(text)
    );
  }
  const isWhole = bytes.length < HEAD;
  const lines = text.split(/\r?\n/);
  if (!isWhole) lines.pop(); // cut off
  const rows = lines.filter((line) => line.trim() !== "");
  const [first = ""] = rows;
  if (/^items,semantic_ids\b|(^|\t|,)"?semantic_id:/.test(first)) return true;
  const delimiter = delimiterOf(first);
  if (first.split(delimiter).filter((cell) => CODE_COLUMN.test(cell.trim())).length >= 2) return true;
  if (rows.slice(0, 3).some((row) => new RegExp(`(${TOKEN}){2,}`).test(row))) return true;
  return areCodes(rows.map((row) => row.split(delimiter)));
}

/** The separator of a table's columns: the most frequent of the usual ones. */
export function delimiterOf(line: string): string {
  const count = (mark: string) => line.split(mark).length;
  return ["\t", ";", ","].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
}

/** A NumPy file of whole numbers, a few in each row. */
function isIntegers(header: string): boolean {
  const columns = /'shape':\s*\(\d+,\s*(\d+)\)/.exec(header)?.[1];
  return /'descr':\s*'[<>|][iu]\d'/.test(header) && columns !== undefined && Number(columns) <= MOST_CODES;
}

/** A table without a header in which every row has the same few whole numbers. */
function areCodes(rows: readonly string[][]): boolean {
  const width = rows[0]?.length ?? 0;
  if (width < 2 || width > MOST_CODES + 1) return false;
  const isNamed = !/^\s*\d+\s*$/.test(rows[0]![0]!);
  if (rows.length < (isNamed ? 2 : FEWEST_ROWS)) return false;
  return rows.every(
    (cells) =>
      cells.length === width &&
      cells.slice(1).every((cell) => /^\s*\d+\s*$/.test(cell) && Number(cell) <= LARGEST_CODE) &&
      (width > 2 || /^\s*\d+\s*$/.test(cells[0]!)),
  );
}
