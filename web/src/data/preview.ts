import type { ItemCheck } from "rqvae/report";
import { hook, make } from "../base/dom.ts";
import { formatBytes, formatCount, formatNumber, formatPercent, formatShare, plural } from "../base/words.ts";
import { type DataSet, describeNaming, titleOf } from "./data-set.ts";
import { aboutWords } from "./words-note.ts";
import "./preview.css";

/** Rows count as unit length if none is off by more. */
const UNIT = 0.01;
/** Lengths that differ by less than this factor count as similar. */
const ALIKE = 10;

const panel = hook("preview", HTMLDivElement);
let status = make("p");

/** Says that a file is being read. */
export function showReading(name: string): void {
  status = make("p", "preview-empty", `Reading ${name}…`);
  const skeleton = make("div", "skeleton");
  skeleton.setAttribute("aria-hidden", "true");
  for (let i = 0; i < 4; i++) skeleton.append(make("i"));
  panel.replaceChildren(status, skeleton);
}

/** Says how much of the word vectors was fetched. */
export function showFetching(progress: number): void {
  status.textContent =
    progress < 1
      ? `Fetching the word vectors, 5.6 MB, once: ${formatPercent(progress)}`
      : "Making vectors from the words…";
}

/** Titles are there, and no items yet. */
export function showTitles(name: string, onUse: () => void): void {
  const button = make("button", "button small", "Make vectors from their words");
  button.type = "button";
  button.dataset.testid = "use-titles";
  button.addEventListener("click", onUse);
  panel.replaceChildren(make("p", "", `${name} is kept. Now choose the embeddings, or use the titles alone: `, button));
}

export function showNothing(): void {
  panel.replaceChildren(make("p", "preview-empty", "No data yet. Choose a sample, drop a file or paste a list."));
}

/** What was read: its shape, its number type, what is odd about it, and the first rows. */
export function showDataSet(data: DataSet, onLeaveOut: () => void): void {
  const fact = (value: string, name: string) => make("span", "fact", make("b", "", value), ` ${name}`);
  panel.replaceChildren(
    make("p", "preview-name", data.name),
    make(
      "p",
      "facts",
      fact(formatCount(data.rows), data.noun[data.rows === 1 ? 0 : 1]),
      fact(formatCount(data.dim), data.dim === 1 ? "number each" : "numbers each"),
      fact(formatBytes(data.file.bytes), `of ${data.file.format}`),
    ),
    makeChecks(data, onLeaveOut),
    makeNext(),
    makeTable(data),
  );
}

/** Says that histories are there, which only the report of a result will be about. */
export function showHistories(name: string): void {
  panel.querySelector(".histories-note")?.remove();
  const text = `${name} says what people chose. The report will be about it once the items have IDs.`;
  panel
    .querySelector(".checks")
    ?.append(make("li", "finding good histories-note", make("b", "", "Fine"), make("span", "", text)));
}

/** What to do next: the form is a screen further down, and its settings are good as they are. */
function makeNext(): HTMLElement {
  const train = make("button", "button primary", "Train with good settings");
  train.type = "submit";
  train.setAttribute("form", "options");
  train.dataset.testid = "preview-train";
  return make("p", "preview-next", train, make("span", "hint", "or change the settings below first."));
}

function makeChecks(data: DataSet, onLeaveOut: () => void): HTMLElement {
  const { checks, rows, dim, labels, file, leftOut, twins, joined } = data;
  const list = make("ul", "checks");
  const add = (kind: "good" | "note" | "problem", ...children: (Node | string)[]) => {
    const word = { good: "Fine", note: "Note", problem: "To do" }[kind];
    list.append(make("li", `finding ${kind}`, make("b", "", word), make("span", "", ...children)));
  };
  const leaveOutButton = (text: string) => {
    const button = make("button", "button small", text);
    button.type = "button";
    button.dataset.testid = "leave-out";
    button.addEventListener("click", onLeaveOut);
    return button;
  };
  if (data.words) for (const [kind, text] of aboutWords(data.words)) add(kind, text);
  if (file.columns !== "") add("good", `How the columns are read: ${file.columns}`);
  if (leftOut.rows > 0) {
    add(
      "note",
      `${plural(leftOut.rows, "row")} ${leftOut.rows === 1 ? "was" : "were"} left out. The first one: ${leftOut.reason}.`,
    );
  }
  if (checks.badRows > 0) {
    const leaveOut = leaveOutButton(`Leave ${checks.badRows === 1 ? "it" : "them"} out`);
    const which = checks.firstBadRows.map(formatCount).join(", ");
    add(
      "problem",
      `${plural(checks.badRows, "row")} ${checks.badRows === 1 ? "holds" : "hold"} values that are not numbers (${checks.badRows === 1 ? "row" : "rows"} ${which}${checks.badRows > checks.firstBadRows.length ? ", …" : ""}). `,
      ...(checks.badRows < rows ? [leaveOut] : []),
    );
  }
  if (checks.zeroRows > 0 && !data.words) {
    const sharing = checks.zeroRows > 1 ? "contain only zeros: these items will share an ID" : "contains only zeros";
    add("note", `${plural(checks.zeroRows, "row")} ${sharing}.`);
  }
  const good = rows - checks.badRows;
  if (good > 1 && checks.repeatedRows === good - 1) {
    add("problem", "All rows are the same, so any model gives all items the same ID. How were the numbers made?");
  } else if (checks.repeatedRows > 0) {
    add(
      "note",
      `${plural(checks.repeatedRows, "row")} ${checks.repeatedRows === 1 ? "is an exact copy" : "are exact copies"} of an earlier row. Such items share an ID with any model.`,
    );
  }
  if (checks.constantColumns > 0) {
    add(
      "note",
      `${plural(checks.constantColumns, "column")} ${checks.constantColumns === 1 ? "has" : "have"} the same value in every row. That does no harm.`,
    );
  }
  if (checks.dominant) {
    const { column, share } = checks.dominant;
    add(
      "problem",
      `Column ${formatCount(column)} carries ${formatShare(share)} of the variance, so the IDs will depend on it and little else. Leave it out if it is an ID or a property such as a price; otherwise choose Expert, Input scaling, perDimension.`,
    );
  }
  if (rows < 100)
    add(
      "note",
      `${plural(rows, data.noun[0], data.noun[1])} ${rows === 1 ? "is" : "are"} few to learn from. A few hundred are better.`,
    );
  if (file.isReadAsNeeded)
    add("good", "This file is large, so its rows are read as needed. Do not change it until you are done.");
  if (rows * dim > 2e8)
    add("note", "This is a lot of data. Training takes minutes; use a computer rather than a phone.");
  if (!data.words) add(...aboutNorms(checks));
  if (twins && checks.badRows === 0) {
    add(
      "problem",
      `${describeNaming(data)} `,
      leaveOutButton(twins.itemId === "" ? "Leave such rows out" : "Leave repeated items out"),
    );
  } else add(data.hasOwnIds ? "good" : "note", describeNaming(data));
  if (joined !== "") add("note", joined);
  if (!labels) {
    add(
      "note",
      "There are no titles, so items are shown by number. Add a titles file to make the results easier to read.",
    );
  }
  return list;
}

function aboutNorms({ norms }: ItemCheck): ["good" | "note", string] {
  const { least, mean, most } = norms;
  if (most === 0) return ["note", "All values are zero."];
  if (Math.abs(least - 1) < UNIT && Math.abs(most - 1) < UNIT) return ["good", "Every row has length 1."];
  const range = `Row lengths range from ${formatNumber(least)} to ${formatNumber(most)} (${formatNumber(mean)} on average).`;
  return most > ALIKE * Math.max(least, mean / ALIKE)
    ? ["note", `${range} Long rows will count most. If only their direction matters, choose Expert, Input scaling, l2.`]
    : ["good", `${range} They are not normalised; the model scales them itself.`];
}

function makeTable(data: DataSet): HTMLElement {
  const table = make("table", "head-table");
  const columns = data.head[0]?.length ?? 0;
  const header = make("tr", "", make("th", "", data.labels ? "Title" : "Item"));
  const labelNames = Object.keys(data.labels?.labels ?? {}).slice(0, 1);
  for (const name of labelNames) header.append(make("th", "", name));
  for (let j = 0; j < columns; j++) header.append(make("th", "number", String(j)));
  if (data.dim > columns) header.append(make("th", "", "…"));
  for (const cell of header.children) (cell as HTMLTableCellElement).scope = "col";
  const body = make("tbody");
  data.head.forEach((values, i) => {
    const row = make("tr", "", make("td", "head-title", titleOf(data, i)));
    for (const name of labelNames) row.append(make("td", "", String(data.labels!.labels![name]![i])));
    for (const value of values) {
      row.append(make("td", Number.isFinite(value) ? "number" : "number bad", formatNumber(value)));
    }
    if (data.dim > columns) row.append(make("td", "", "…"));
    body.append(row);
  });
  const rest = data.rows - data.head.length;
  if (rest > 0) {
    const cell = make("td", "head-rest", `and ${formatCount(rest)} more`);
    cell.colSpan = header.children.length;
    body.append(make("tr", "", cell));
  }
  table.append(make("thead", "", header), body);
  const scroller = make("section", "head-scroller", table);
  scroller.tabIndex = 0;
  scroller.setAttribute("aria-label", "First rows");
  return scroller;
}
