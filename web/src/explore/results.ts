import { SemanticIds } from "rqvae";
import { codeChip, tokensOf } from "../base/code-chips.ts";
import { hook, make, scrollTo } from "../base/dom.ts";
import { showError } from "../base/page-error.ts";
import { nextTask } from "../base/slices.ts";
import { makeTabs } from "../base/tabs.ts";
import { term } from "../base/term.ts";
import { formatCount, formatShare, plural } from "../base/words.ts";
import type { DataSet } from "../data/data-set.ts";
import { type Lab, LabGone } from "../lab/lab.ts";
import type { RunResult } from "../lab/types.ts";
import { CatalogueIndex } from "./catalogue-index.ts";
import { Exploration, isSamePrefix, type Place } from "./exploration.ts";
import { IdLookup } from "./id-lookup.ts";
import { ItemCard } from "./item-card.ts";
import { LatentMapView } from "./latent-map.ts";
import { showReport, showReportError, showReportPending } from "./report-view.ts";
import { ResultTable } from "./result-table.ts";
import { filterRows } from "./row-filter.ts";
import { SelectionChip } from "./selection-chip.ts";
import { TreeView } from "./tree-view.ts";
import { TryIt } from "./try-it.ts";
import "./results.css";

export type Trained = Extract<RunResult, { ids: unknown }>;

const HINTS: Record<string, string> = {
  "tab-tree": "Nobody told the network about these groups. Press one to open it.",
  "tab-map": "Each dot is an item. Press one, a name, or draw around an area.",
};

/** The fourth step of the page: every item's ID, which items are similar, and how good the IDs are. */
export class Results {
  readonly section = document.querySelector<HTMLElement>("#results")!;
  private readonly lab: Lab;
  private readonly summary = hook("summary", HTMLParagraphElement);
  private readonly hint = hook("view-hint", HTMLParagraphElement);
  private readonly search = hook("table-search", HTMLInputElement);
  private readonly sharedOnly = hook("shared-only", HTMLInputElement);
  private readonly count = hook("table-count", HTMLSpanElement);
  private readonly clearFilter = hook("clear-filter", HTMLButtonElement);
  private readonly tree = new TreeView({ walk: (prefix) => this.walk(prefix), pick: (item) => this.pick(item) });
  private readonly map: LatentMapView;
  private readonly lookup: IdLookup;
  private readonly card: ItemCard;
  private readonly tryIt: TryIt;
  private readonly table = new ResultTable(
    (item) => this.pick(item),
    (sort) => this.exploration.go({ sort }),
  );
  readonly exploration = new Exploration();
  private readonly selectionChip = new SelectionChip(this.clearFilter, () =>
    this.exploration.go({ selection: undefined }),
  );
  private data: DataSet | undefined;
  private trained: Trained | undefined;
  private index: CatalogueIndex | undefined;
  private showing = new AbortController();
  private filtering = new AbortController();

  constructor(lab: Lab) {
    this.lab = lab;
    this.map = new LatentMapView(lab, {
      walk: (prefix) => this.walk(prefix),
      pick: (item) => this.pick(item),
      select: (selection) => this.exploration.go({ selection }),
    });
    this.card = new ItemCard({
      walk: (prefix) => this.walk(prefix),
      pick: (item) => this.pick(item),
      details: (item) => lab.call("explain", { item }),
    });
    this.lookup = new IdLookup({
      walk: (prefix) => this.walk(prefix),
      pick: (item) => this.pick(item),
      lookup: (codes) => lab.call("lookup", { codes }),
    });
    this.tryIt = new TryIt({
      walk: (prefix) => this.walk(prefix),
      pick: (item) => this.pick(item),
      place: (item) => lab.call("placeNew", { item }),
    });
    this.search.addEventListener("input", () => this.exploration.go({ query: this.search.value }));
    this.sharedOnly.addEventListener("change", () => this.exploration.go({ sharedOnly: this.sharedOnly.checked }));
    this.clearFilter.addEventListener("click", () => {
      this.walk([]);
      this.search.focus();
    });
    this.exploration.watch((place, before) => this.follow(place, before));
    makeTabs(this.section.querySelector<HTMLElement>("[role=tablist]")!, (id) => this.showHint(id));
    this.showHint("tab-tree");
  }

  private showHint(tab: string): void {
    this.hint.textContent = HINTS[tab] ?? "";
    this.map.setOpen(tab === "tab-map");
  }

  hide(): void {
    this.map.clear();
    this.showing.abort();
    this.filtering.abort();
    this.section.hidden = true;
  }

  /** Shows the last results again when the run that was to replace them gave none. */
  restore(): void {
    if (this.data && this.trained) this.show(this.data, this.trained).catch(showError);
  }

  /** For another data set: the current results are not about its items. */
  forget(): void {
    this.hide();
    this.index = undefined;
    this.trained = undefined;
  }

  async show(data: DataSet, trained: Trained): Promise<void> {
    this.showing.abort();
    this.showing = new AbortController();
    const { signal } = this.showing;
    this.data = data;
    this.trained = trained;
    const { codes, codebookSizes } = trained.ids;
    const ids = SemanticIds.from({ codes, levels: codebookSizes.length }, trained.ids);
    const index = await CatalogueIndex.build(ids, signal);
    this.index = index;
    this.summarize(data, index);
    this.section.hidden = false;
    this.search.value = "";
    this.sharedOnly.checked = false;
    const views = [this.table, this.tree, this.card, this.lookup, this.tryIt, this.map];
    for (const view of views) view.setCatalogue(data, index);
    this.exploration.restart(this.card.firstItem());
    showReportPending();
    // Each part in its own task: together they would block the page.
    for (const part of [() => this.showItem(this.exploration.place.item), () => this.showRows()]) {
      await nextTask();
      signal.throwIfAborted();
      part();
    }
    await nextTask();
    signal.throwIfAborted();
    await this.tree.show([]);
    this.measure(signal);
  }

  /** Results that take the worker a while are shown as they arrive. */
  private measure(signal: AbortSignal): void {
    const failed = (error: Error) => {
      if (!signal.aborted && !(error instanceof LabGone)) showReportError(error.message);
    };
    this.map
      .prepared()
      .catch(failed)
      .then(() => (signal.aborted ? undefined : this.lab.call("report", undefined)))
      .then((report) => report && !signal.aborted && showReport(report))
      .catch(failed);
  }

  /** The same IDs with other titles. */
  async relabel(data: DataSet): Promise<void> {
    if (this.trained && !this.section.hidden) await this.show(data, this.trained);
  }

  private summarize(data: DataSet, index: CatalogueIndex): void {
    const n = index.ids.length;
    let own = 0;
    for (const sharing of index.sharing) if (sharing === 1) own++;
    const shared = n - own;
    this.summary.replaceChildren(
      make("b", "", formatShare(own / n)),
      ` of the ${plural(n, ...data.noun)} have an ID of their own`,
      ...(shared > 0
        ? [
            `; ${formatCount(shared)} `,
            term("collision", "share theirs"),
            " with others whose numbers are nearly the same. ",
          ]
        : [". "]),
      "The network only ever saw the numbers, never a title.",
    );
  }

  /** Brings every view to the place that the visitor went to. */
  private follow(place: Place, before: Place): void {
    if (!this.index) return;
    if (this.search.value !== place.query) this.search.value = place.query;
    this.sharedOnly.checked = place.sharedOnly;
    if (place.item !== before.item) this.showItem(place.item);
    const { prefix, query, sharedOnly, sort, selection } = place;
    const walked = !isSamePrefix(prefix, before.prefix);
    const filtered = query !== before.query || sharedOnly !== before.sharedOnly || selection !== before.selection;
    if (walked || filtered || sort !== before.sort) this.showRows();
    if (!walked) return;
    this.tree.show(prefix).catch(showError);
  }

  private showItem(item: number): void {
    this.card.show(item);
    this.map.select(item);
  }

  /** The rows of the table that the place asks for. */
  private showRows(): void {
    const { data, index } = this;
    if (!data || !index) return;
    this.filtering.abort();
    this.filtering = new AbortController();
    const { signal } = this.filtering;
    const filter = this.exploration.place;
    filterRows(data, index, filter, signal).then(
      (rows) => {
        if (signal.aborted) return;
        this.table.setRows(rows, filter.sort);
        this.map.light(rows, filter.prefix);
        this.count.textContent =
          rows.length === index.order.length
            ? `All ${plural(rows.length, ...data.noun)}`
            : rows.length === 0
              ? "Nothing found"
              : `${formatCount(rows.length)} of ${plural(index.order.length, ...data.noun)}`;
      },
      (error) => signal.aborted || showError(error),
    );
    this.selectionChip.show(filter.selection);
    this.clearFilter.hidden = filter.prefix.length === 0;
    if (filter.prefix.length > 0) {
      const tokens = tokensOf(index.ids, index.order[index.range(filter.prefix).start]!);
      this.clearFilter.replaceChildren(
        ...filter.prefix.map((_, level) => codeChip(filter.prefix, tokens, level)),
        " ✕",
      );
      this.clearFilter.setAttribute(
        "aria-label",
        `Stop showing only ${tokens.slice(0, filter.prefix.length).join("")}`,
      );
    }
  }

  /** Goes to a branch of the tree: in the rings, on the map and in the table. */
  private walk(prefix: readonly number[]): void {
    this.exploration.go({ prefix, query: "", selection: undefined, sort: prefix.length === 0 ? "item" : "id" });
  }

  private pick(item: number): void {
    this.exploration.go({ item });
    const { top, bottom } = this.card.element.getBoundingClientRect();
    if (bottom < 80 || top > innerHeight - 80) scrollTo(this.card.element);
  }
}
