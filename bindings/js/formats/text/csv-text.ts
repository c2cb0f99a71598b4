/** Texts as cells of the CSV that we write, so that a spreadsheet which opens it shows them and runs none of them. */

/** What a spreadsheet would run, whatever apostrophes it already has before it. A negative number is only a number. */
const FORMULA = /^'*(?!-\d+(\.\d+)?$)[=+\-@\t\r]/;

/** A cell as it is. A tab is quoted too, or a table of one row could pass for one that is separated by tabs. */
export function quoted(text: string): string {
  return /[",\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A cell with a text of the caller's: with an apostrophe before what begins like a formula. `readTextCell` takes it away again. */
export const writeTextCell = (text: string): string => quoted(FORMULA.test(text) ? `'${text}` : text);

/** The text that `writeTextCell` was given, from the cell without its quotes. */
export const readTextCell = (cell: string): string => (cell[0] === "'" && FORMULA.test(cell) ? cell.slice(1) : cell);
