/** Texts as cells of the CSV that we write, such that spreadsheets show them and do not run them. */

/** What a spreadsheet would run, including texts that already have apostrophes before it. A negative number is only a number. */
const FORMULA = /^'*(?!-\d+(\.\d+)?$)[=+\-@\t\r]/;

/** A verbatim cell. Tabs are quoted too, since a table of one row could otherwise be taken for one separated by tabs. */
export function quoted(text: string): string {
  return /[",\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A cell with the caller's text: an apostrophe precedes what starts like a formula. `readTextCell` removes it again. */
export const writeTextCell = (text: string): string => quoted(FORMULA.test(text) ? `'${text}` : text);

/** The text given to `writeTextCell`, from the cell without its quotes. */
export const readTextCell = (cell: string): string => (cell[0] === "'" && FORMULA.test(cell) ? cell.slice(1) : cell);
