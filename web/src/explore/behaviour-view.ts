import { make } from "../base/dom.ts";
import { inPlainWords, PageError, showError } from "../base/page-error.ts";
import { formatShare } from "../base/words.ts";
import { type Lab, LabGone } from "../lab/lab.ts";
import type { BehaviourSummary } from "../lab/types.ts";
import { appendReportSection } from "./report-view.ts";

const TITLE = "What people choose together";

/** The part of the report about histories: a way to bring some and, once they are there, what they say. */
export class BehaviourView {
  private readonly lab: Lab;
  private readonly input = make("input");
  private readonly status = make("p", "hint");
  /** After other histories: the report is another one. */
  private readonly changed: () => Promise<void>;

  constructor(lab: Lab, changed: () => Promise<void>) {
    this.lab = lab;
    this.changed = changed;
    this.input.type = "file";
    this.input.accept = ".inter,.csv,.tsv,.txt,.json,.jsonl,.gz";
    this.input.dataset.testid = "histories-input";
    this.status.setAttribute("aria-live", "polite");
    this.input.addEventListener("change", () => {
      const file = this.input.files?.[0];
      if (file) void this.read(file);
    });
  }

  /** Reads a file of histories and asks for the report about them. False if it cannot be used. */
  async read(file: File): Promise<boolean> {
    this.status.textContent = `Reading ${file.name}…`;
    try {
      await this.lab.call("histories", { file });
      await this.changed();
      return true;
    } catch (error) {
      if (error instanceof LabGone) return false;
      const why = `${file.name} was not used: ${inPlainWords(error)}`;
      this.status.textContent = why;
      // Before there is a report, nobody sees its status.
      if (this.status.getClientRects().length === 0) showError(new PageError(why));
      return false;
    } finally {
      this.input.value = "";
    }
  }

  show(behaviour: BehaviourSummary | undefined): void {
    const field = make(
      "label",
      "file-field",
      make("span", "file-label", behaviour ? "Other histories" : "Histories"),
      make("span", "hint", "RecBole .inter, csv (user, item, time), a line of items per user, JSON lines"),
      this.input,
    );
    if (!behaviour) {
      this.status.textContent = "";
      const why = "Do items chosen together share their first codes? Bring what people chose, and see.";
      appendReportSection(TITLE, make("p", "hint", why), field, this.status);
      return;
    }
    this.status.textContent = behaviour.text;
    appendReportSection(TITLE, make("p", "", ...saysOf(behaviour)), tableOf(behaviour), this.status, field);
  }
}

function saysOf({ agreement, window }: BehaviourSummary): (Node | string)[] {
  const [first] = agreement;
  if (!first) return ["Nobody chose two different items, so there is nothing to compare."];
  return [
    "Of two items that one person chose, at most ",
    `${window} choices apart, `,
    make("b", "", formatShare(first.own)),
    ` share the first code. Of two equally popular items, ${formatShare(first.popular)} do.`,
  ];
}

function tableOf({ agreement }: BehaviourSummary): HTMLElement {
  const head = make("tr", "", make("td", "", make("span", "visually-hidden", "What two items share")));
  for (const title of ["These IDs", "Residual k-means", "Equally popular", "Any two"]) {
    const cell = make("th", "", title);
    cell.scope = "col";
    head.append(cell);
  }
  const body = make("tbody");
  for (const { name, own, margin, kmeans, popular, random } of agreement) {
    const title = make("th", "", name);
    title.scope = "row";
    const cells = [
      make("td", "own", formatShare(own), make("small", "margin", `± ${formatShare(margin)}`)),
      ...[kmeans, popular, random].map((share) => make("td", "", share === undefined ? "–" : formatShare(share))),
    ];
    body.append(make("tr", "", title, ...cells));
  }
  const table = make("table", "compare", make("thead", "", head), body);
  const scroller = make("section", "head-scroller", table);
  scroller.tabIndex = 0;
  scroller.setAttribute("aria-label", TITLE);
  return scroller;
}
