/** Points and commas in numbers: which of them stands before the decimals, and whether a number may be a thousand. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { POINT } from "../io/decimal.ts";
import { textOf } from "../io/utf8.ts";

/** "1.000" or "1,000", which some people read as a thousand; "0,125" is none. */
const THOUSAND = /^[-+]?[1-9]\d{0,2}[.,]\d{3}$/;
const ZERO = 0x30;

/** The first numbers with a mark. */
interface Seen {
  /** One that may be thousands. */
  unclear?: string;
  /** One that cannot be. */
  sure?: string;
}

/**
 * Notes how the numbers of a table whose cells are not separated by commas are written. Both marks in one table are fine ("0.5" and "0,5")
 * until one of them may separate thousands: "1.000" beside "0,5" is read as 1 by some programs and as 1000 by others.
 */
export class DecimalMarks {
  readonly #points: Seen = {};
  readonly #commas: Seen = {};
  readonly #delimiter: string;

  constructor(delimiter: string) {
    this.#delimiter = delimiter;
  }

  /** A number's cell. */
  look(cell: string): void {
    const text = cell.trim();
    const seen = text.includes(",") ? this.#commas : text.includes(".") ? this.#points : undefined;
    if (seen) seen[THOUSAND.test(text) ? "unclear" : "sure"] ??= text;
  }

  /** The same of a number in bytes. @param mark The place of its point or comma. */
  lookAt(bytes: Uint8Array, start: number, mark: number, end: number): void {
    const seen = bytes[mark] === POINT ? this.#points : this.#commas;
    const first = bytes[start]! > ZERO ? start : start + 1; // behind a sign
    const mayBe = end - mark === 4 && mark > first - 1 && mark - first <= 3 && bytes[first]! > ZERO;
    if (seen.sure !== undefined && (!mayBe || seen.unclear !== undefined)) return;
    this.look(textOf(bytes, start, end));
  }

  /** @throws InvalidInputError if a number may be read as another, a thousand times as large. */
  check(): void {
    for (const [own, other, name] of [
      [this.#points, this.#commas, "commas"],
      [this.#commas, this.#points, "points"],
    ] as const) {
      const beside = other.sure ?? other.unclear;
      if (own.unclear === undefined || beside === undefined) continue;
      throw invalid(
        "ITEM_NOT_NUMBER",
      )`${describeValue(own.unclear)} may mean ${meanings(own.unclear)}, since other numbers have decimal ${name}, as ${describeValue(beside)}${{ hint: "write numbers without separators of thousands" }}`;
    }
    // What spreadsheets write where commas stand before the decimals.
    const { unclear, sure } = this.#points;
    if (this.#delimiter === ";" && unclear !== undefined && sure === undefined) {
      throw invalid(
        "ITEM_NOT_NUMBER",
      )`${describeValue(unclear)} may mean ${meanings(unclear)}: every number with a point has three digits behind it${{ hint: `write ${plainly(unclear)} or ${meant(unclear)}.0` }}`;
    }
  }
}

const plainly = (text: string) => text.replace(/[.,]/, "");
const meant = (text: string) => String(Number(text.replace(",", ".")));
const meanings = (text: string) => `${meant(text)} or ${plainly(text)}`;
