import { hook, make } from "../base/dom.ts";
import { term } from "../base/term.ts";
import type { ReportSummary } from "../lab/types.ts";
import "./report-view.css";

const WORDS = { good: "Fine", note: "Note", problem: "To do" } as const;
const percent = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

const panel = hook("report", HTMLDivElement);

export function showReportPending(): void {
  const skeleton = make("div", "skeleton");
  skeleton.setAttribute("aria-hidden", "true");
  for (let i = 0; i < 6; i++) skeleton.append(make("i"));
  panel.replaceChildren(make("p", "hint", "Measuring the IDs and a simple baseline…"), skeleton);
}

export function showReportError(message: string): void {
  panel.replaceChildren(make("p", "hint", `The IDs could not be measured: ${message}`));
}

/** The report in words, next to residual k-means and random IDs. */
export function showReport({ sharing, findings, compared }: ReportSummary): void {
  const list = make("ul", "checks");
  for (const { kind, text } of findings) {
    list.append(make("li", `finding ${kind}`, make("b", "", WORDS[kind]), make("span", "", capital(text))));
  }
  const head = make("tr", "", make("th", "", ""));
  const column = (...children: (Node | string)[]) => {
    const cell = make("th", "", ...children);
    cell.scope = "col";
    head.append(cell);
  };
  column("These IDs");
  column(term("kmeans", "Residual k-means"));
  column("At random");
  const body = make("tbody");
  for (const { name, values } of compared) {
    const title = make("th", "", name);
    title.scope = "row";
    const row = make("tr", "", title);
    values.forEach((value, i) => {
      const cell = make("td", i === 0 ? "own" : "");
      if (value === undefined) cell.append("–");
      else {
        const bar = make("i");
        bar.style.inlineSize = `${100 * Math.min(1, Math.max(0, value))}%`;
        cell.append(make("span", "", percent.format(value)), make("span", "bar", bar));
      }
      row.append(cell);
    });
    body.append(row);
  }
  const table = make("table", "compare", make("thead", "", head), body);
  const scroller = make("section", "head-scroller", table);
  scroller.tabIndex = 0;
  scroller.setAttribute("aria-label", "Compared with other ways to make IDs");
  panel.replaceChildren(make("p", "report-lead", sharing), list, scroller);
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
