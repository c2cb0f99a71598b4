import { hook, make } from "../base/dom.ts";
import { ownShare } from "../base/own-ids.ts";
import { formatCount, formatPercent, formatShare } from "../base/words.ts";
import type { Line, SeenRecord } from "../lab/types.ts";
import { Curve } from "./curve.ts";

const KEPT = "Differences between items kept";
const OWN = "Items with an ID of their own";
const KMEANS = { name: "Residual k-means", color: "--muted" };
/** The most rows of the table. */
const ROWS = 40;

interface Row {
  epoch: number;
  kept: number | null;
  heldOut: number | null;
  own: number | null;
}

/**
 * What can be compared over time, and with the simplest method: how much of what tells the items apart the IDs keep, of all items and
 * of those held out, and how many items have an ID of their own. Losses cannot, see `LossChart`.
 */
export class LearningChart {
  private readonly host = hook("learning-chart", HTMLDivElement);
  private readonly details = hook("figures", HTMLDetailsElement);
  private readonly kept = new Curve(
    KEPT,
    [
      { name: "all items", color: "--level-1" },
      { name: "held out", color: "--level-2" },
    ],
    formatPercent,
  );
  private readonly own = new Curve(OWN, [{ name: "these IDs", color: "--level-1" }], formatPercent);
  private rows: Row[] = [];
  private line: Line | undefined;
  private epochs = 1;

  constructor() {
    for (const curve of [this.kept, this.own]) curve.element.setAttribute("role", "img");
    this.host.replaceChildren(this.kept.element, this.own.element);
    this.details.querySelector<HTMLElement>(".head-scroller")!.tabIndex = 0; // scrolled with the arrow keys
    this.details.addEventListener("toggle", () => this.fillTable());
  }

  reset(epochs: number): void {
    this.epochs = epochs;
    this.line = undefined;
    for (const curve of [this.kept, this.own]) curve.setMark(undefined);
    this.restart();
  }

  /** Forgets the epochs, not what they are measured by. */
  restart(): void {
    this.rows = [];
    for (const curve of [this.kept, this.own]) curve.reset(this.epochs);
    this.describe();
  }

  showLine(line: Line | undefined): void {
    if (!line) return;
    this.line = line;
    this.kept.setMark({ ...KMEANS, value: line.kept });
    this.own.setMark({ ...KMEANS, value: line.own });
    this.describe();
    this.fillTable();
  }

  add({ epoch, kept, evaluated, validation, ids }: SeenRecord): void {
    this.addRow({
      epoch: epoch + 1,
      kept: kept ?? null,
      heldOut: evaluated && validation ? validation.explainedVariance : null,
      own: evaluated ? ownShare(ids) : null,
    });
  }

  /** The last figure, by which the report agrees with the chart. */
  addFinal(kept: number): void {
    const last = this.rows.at(-1);
    if (!last) return;
    if (last.kept === null) this.kept.add(last.epoch, kept, null);
    else this.kept.setLast(kept);
    last.kept = kept;
    this.describe();
  }

  /** Training is over: the table has the last epoch. */
  finish(): void {
    this.fillTable();
  }

  private addRow(row: Row): void {
    this.rows.push(row);
    if (row.kept !== null || row.heldOut !== null) this.kept.add(row.epoch, row.kept, row.heldOut);
    if (row.own !== null) this.own.add(row.epoch, row.own);
    this.describe();
  }

  private describe(): void {
    for (const curve of [this.kept, this.own]) curve.element.setAttribute("aria-label", curve.describe());
  }

  /** The measured epochs, thinned out evenly; k-means in the last row. */
  private fillTable(): void {
    if (!this.details.open) return;
    const measured = this.rows.filter(({ own }, i) => own !== null || i === this.rows.length - 1);
    const step = Math.max(1, Math.ceil(measured.length / ROWS));
    const shown = measured.filter((_, i) => (measured.length - 1 - i) % step === 0);
    const head = make("tr");
    for (const title of ["Epoch", "Kept of all items", "Kept of items held out", OWN]) {
      const cell = make("th", "", title);
      cell.scope = "col";
      head.append(cell);
    }
    const body = make("tbody");
    const add = (name: string, ...values: (number | null | undefined)[]) => {
      const title = make("th", "", name);
      title.scope = "row";
      body.append(
        make(
          "tr",
          "",
          title,
          ...values.map((value) => make("td", "", typeof value === "number" ? formatShare(value) : "–")),
        ),
      );
    };
    for (const { epoch, kept, heldOut, own } of shown) add(formatCount(epoch), kept, heldOut, own);
    if (this.line) add(KMEANS.name, this.line.kept, null, this.line.own);
    this.details.querySelector(".head-scroller")!.replaceChildren(make("table", "", make("thead", "", head), body));
  }
}
