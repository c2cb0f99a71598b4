import { hook, make } from "../base/dom.ts";
import { ownIds } from "../base/own-ids.ts";
import { term } from "../base/term.ts";
import { formatCount, formatShare } from "../base/words.ts";
import type { DataSet } from "../data/data-set.ts";
import type { Lab } from "../lab/lab.ts";
import type { ReportSummary } from "../lab/types.ts";
import {
  addLevel,
  apply,
  type Change,
  fewerCodes,
  moreCodes,
  restartCodes,
  scaleColumns,
  trainLonger,
} from "../settings/remedies.ts";
import { inWords, type Remedy, type Said } from "./finding-words.ts";
import { UniqueIdsView } from "./unique-ids.ts";
import "./report-view.css";

const KINDS = { good: "Fine", note: "Note", problem: "To do" } as const;

const panel = hook("report", HTMLDivElement);
/** Sections of other parts of the page, below the report's own. */
const more = make("div", "report-more");

export function showReportPending(): void {
  const skeleton = make("div", "skeleton");
  skeleton.setAttribute("aria-hidden", "true");
  for (let i = 0; i < 6; i++) skeleton.append(make("i"));
  more.replaceChildren();
  panel.replaceChildren(make("p", "hint", "Measuring the IDs and a simple baseline…"), skeleton);
}

export function showReportError(message: string): void {
  panel.replaceChildren(make("p", "hint", `The IDs could not be measured: ${message}`));
}

/** The report in words, next to residual k-means and random IDs, with a button for whatever can be done. */
export function showReport(report: ReportSummary, data: DataSet, lab: Lab): void {
  const unique = new UniqueIdsView(lab, data, report.counts.codebookSizes, report.unique);
  const remedies = new Remedies(report, unique);
  panel.replaceChildren(...partsOf(report, data.noun, remedies), unique.element, more);
}

/**
 * Adds a section at the end of the report, which goes with the next report. One of the same title is replaced.
 * @returns its element
 */
export function appendReportSection(title: string, ...content: (Node | string)[]): HTMLElement {
  const section = make("section", "report-section", make("h4", "", title), ...content);
  section.setAttribute("aria-label", title);
  const old = [...more.children].find((child) => child.getAttribute("aria-label") === title);
  if (old) old.replaceWith(section);
  else more.append(section);
  return section;
}

/** Lead, findings and comparison. Without remedies it only tells. */
export function partsOf(report: ReportSummary, noun: DataSet["noun"], remedies?: Remedies): HTMLElement[] {
  const { counts, findings, compared, line } = report;
  const [share, says] = ownIds(counts, noun);
  const list = make("ul", "checks");
  for (const said of inWords(findings, { counts, line, noun })) {
    const words = make("span", "", said.text);
    list.append(make("li", `finding ${said.kind}`, make("b", "", KINDS[said.kind]), words));
    remedies?.offer(said, words);
  }
  return [
    make("p", "report-lead", make("b", "", share), `${says}.`),
    list,
    moreCounts(report, noun),
    ...(compared.length > 0 ? [comparison(compared)] : []),
  ];
}

/** Whatever else can be counted, for those who ask. */
function moreCounts({ counts }: ReportSummary, noun: DataSet["noun"]): HTMLElement {
  const { items, itemsSharing, distinctIds, largestGroup, duplicates } = counts;
  const rows: [string, number][] = [
    [`${noun[1]} in all`, items],
    [`${noun[1]} that share their ID`, itemsSharing],
    ...(duplicates
      ? ([
          ["of these, with one whose numbers differ", duplicates.itemsColliding],
          ["of these, with an exact copy", duplicates.itemsIdentical],
        ] as [string, number][])
      : []),
    [`${noun[1]} that hold the most shared ID`, largestGroup],
    ["different IDs", distinctIds],
    ...(duplicates ? ([["different vectors", duplicates.distinctVectors]] as [string, number][]) : []),
  ];
  const list = make("dl", "counts");
  for (const [what, count] of rows) {
    list.append(make("div", "", make("dt", "", capital(what)), make("dd", "", formatCount(count))));
  }
  const details = make("details", "more-counts", make("summary", "", "All the counts"), list);
  details.dataset.testid = "report-counts";
  return details;
}

function comparison(compared: ReportSummary["compared"]): HTMLElement {
  const columns = compared[0]!.values.filter((_, i) => compared.some(({ values }) => values[i] !== undefined)).length;
  const head = make("tr", "", make("td", "", make("span", "visually-hidden", "Figure")));
  const titles = ["These IDs", term("kmeans", "Residual k-means"), "At random"].slice(0, columns);
  for (const title of titles) {
    const cell = make("th", "", title);
    cell.scope = "col";
    head.append(cell);
  }
  const body = make("tbody");
  for (const { name, values } of compared) {
    const title = make("th", "", name);
    title.scope = "row";
    const row = make("tr", "", title);
    values.slice(0, columns).forEach((value, i) => {
      const cell = make("td", i === 0 ? "own" : "");
      if (value === undefined) cell.append("–");
      else {
        const bar = make("i");
        bar.style.inlineSize = `${100 * Math.min(1, Math.max(0, value))}%`;
        cell.append(make("span", "", formatShare(value)), make("span", "bar", bar));
      }
      row.append(cell);
    });
    body.append(row);
  }
  const table = make("table", "compare", make("thead", "", head), body);
  const scroller = make("section", "head-scroller", table);
  scroller.tabIndex = 0;
  scroller.setAttribute("aria-label", "Compared with other ways to make IDs");
  return scroller;
}

/** The buttons below findings. Each kind is offered once, where it is needed first. */
class Remedies {
  private readonly report: ReportSummary;
  private readonly unique: UniqueIdsView;
  private readonly offered = new Set<string>();

  constructor(report: ReportSummary, unique: UniqueIdsView) {
    this.report = report;
    this.unique = unique;
  }

  offer({ remedies, level }: Said, host: HTMLElement): void {
    const row = make("span", "button-row remedies");
    for (const remedy of remedies) {
      const key = remedy === "fewerCodes" ? `${remedy} ${level}` : remedy;
      if (this.offered.has(key)) continue;
      this.offered.add(key);
      const place = make("span", "remedy"); // keeps the order while advice is being computed
      row.append(place);
      void this.makeButton(remedy, level ?? 0).then((button) => (button ? place.replaceWith(button) : place.remove()));
    }
    if (row.childElementCount > 0) host.append(row);
  }

  private async makeButton(remedy: Remedy, level: number): Promise<HTMLButtonElement | undefined> {
    const change = remedy === "makeUnique" ? undefined : await this.changeFor(remedy, level);
    if (remedy !== "makeUnique" && !change) return undefined;
    const button = make("button", "button small", change?.label ?? "Make IDs unique");
    button.type = "button";
    button.dataset.testid = `remedy-${remedy}`;
    if (change) button.title = "Changes the settings and trains again";
    button.addEventListener("click", () => (change ? apply(change) : this.unique.ask()));
    return button;
  }

  private async changeFor(remedy: Exclude<Remedy, "makeUnique">, level: number): Promise<Change | undefined> {
    const { items, codebookSizes: sizes, perplexity } = this.report.counts;
    switch (remedy) {
      case "addLevel":
        return addLevel(sizes);
      case "moreCodes":
        return moreCodes(items, sizes);
      case "fewerCodes":
        return fewerCodes(sizes, level, perplexity[level]!);
      case "restartCodes":
        return restartCodes();
      case "trainLonger":
        return trainLonger();
      case "scaleColumns":
        return scaleColumns();
    }
  }
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
