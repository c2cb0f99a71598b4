import { SemanticIds } from "rqvae";
import { hook, make, scrollTo } from "../base/dom.ts";
import { isMissing, whyMissing } from "../base/missing-part.ts";
import { ownIds } from "../base/own-ids.ts";
import { showError } from "../base/page-error.ts";
import { nextTask } from "../base/slices.ts";
import { makeTabs } from "../base/tabs.ts";
import { term } from "../base/term.ts";
import { formatCount } from "../base/words.ts";
import type { DataSet } from "../data/data-set.ts";
import { type Lab, LabGone } from "../lab/lab.ts";
import type { ReportSummary, RunResult } from "../lab/types.ts";
import { BehaviourView } from "./behaviour-view.ts";
import { CatalogueIndex } from "./catalogue-index.ts";
import { CodeNames } from "./code-names.ts";
import type { CodePanel, Subject } from "./code-panel.ts";
import { Exploration, isSamePrefix, type Place } from "./exploration.ts";
import type { HowItWorks } from "./how-it-works.ts";
import { IdLookup } from "./id-lookup.ts";
import { ItemCard } from "./item-card.ts";
import { LatentMapView } from "./latent-map.ts";
import type { PlaceIds } from "./place-link.ts";
import { showReport, showReportError, showReportPending } from "./report-view.ts";
import { ResultTable } from "./result-table.ts";
import { bestFirst, countEverywhere, filterRows } from "./row-filter.ts";
import { RowStatus } from "./row-status.ts";
import { SelectionChip } from "./selection-chip.ts";
import { TreeView } from "./tree-view.ts";
import { TryIt } from "./try-it.ts";
import "./results.css";

export type Trained = Extract<RunResult, { ids: unknown }>;

const HINTS: Record<string, string> = {
  "tab-tree": "Nobody told the network about these groups. Press one to open it.",
  "tab-how": "How the codes of one item come about. Pick any other item to see its own.",
  "tab-map": "Each dot is an item. Press one, a name, or draw around an area.",
};

/** The card follows a search when the visitor has stopped typing. */
const TYPING_MS = 300;

/** The fourth step of the page: every item's ID, which items are similar, and how good the IDs are. */
export class Results {
  readonly section = document.querySelector<HTMLElement>("#results")!;
  private readonly lab: Lab;
  private readonly summary = hook("summary", HTMLParagraphElement);
  private readonly hint = hook("view-hint", HTMLParagraphElement);
  private readonly search = hook("table-search", HTMLInputElement);
  private readonly sharedOnly = hook("shared-only", HTMLInputElement);
  private readonly status = new RowStatus({
    leave: () => {
      this.walk([]);
      this.search.focus();
    },
    searchAll: () => {
      this.exploration.go({ prefix: [], selection: undefined });
      this.search.focus();
    },
  });
  /** What codes are called; every view asks it. */
  readonly names = new CodeNames();
  private readonly tree = new TreeView(this.names, {
    walk: (prefix) => this.walk(prefix),
    pick: (item) => this.pick(item),
  });
  /** These two are loaded when somebody first wants to see them. */
  private codePanel: CodePanel | undefined;
  private how: HowItWorks | undefined;
  private readonly map: LatentMapView;
  private readonly lookup: IdLookup;
  private readonly card: ItemCard;
  private readonly behaviour: BehaviourView;
  private readonly tryIt: TryIt;
  private readonly table = new ResultTable(
    (item) => this.pick(item),
    (sort) => this.exploration.go({ sort }),
  );
  readonly exploration = new Exploration();
  /** The place changes by itself and not by the visitor, so that Back need not undo it. */
  /** For those who show its figures elsewhere. */
  onReport: (report: ReportSummary) => void = () => {};
  private readonly selectionChip = new SelectionChip(hook("clear-filter", HTMLButtonElement), () =>
    this.exploration.go({ selection: undefined }),
  );
  private data: DataSet | undefined;
  private trained: Trained | undefined;
  private index: CatalogueIndex | undefined;
  private showing = new AbortController();
  private filtering = new AbortController();

  constructor(lab: Lab) {
    this.lab = lab;
    this.map = new LatentMapView(lab, this.names, {
      walk: (prefix) => this.walk(prefix),
      pick: (item) => this.pick(item),
      select: (selection) => this.exploration.go({ selection }),
    });
    this.behaviour = new BehaviourView(lab, () => this.showBehaviour());
    this.card = new ItemCard(this.names, {
      walk: (prefix) => this.walk(prefix),
      pick: (item) => this.pick(item),
      details: (item) => lab.call("explain", { item }),
      companions: (item) => lab.call("companions", { item }),
    });
    this.lookup = new IdLookup({
      walk: (prefix) => this.walk(prefix),
      pick: (item) => this.pick(item),
      search: (query) => this.exploration.go({ prefix: [], query }),
      lookup: (codes) => lab.call("lookup", { codes }),
    });
    this.tryIt = new TryIt({
      walk: (prefix) => this.walk(prefix),
      pick: (item) => this.pick(item),
      place: (item) => lab.call("placeNew", { item }),
      placed: (title, { nearest }) =>
        this.map.showNew(
          title,
          nearest.map(({ item }) => item),
          nearest.map(({ distance }) => distance),
        ),
    });
    this.search.addEventListener("input", () => this.exploration.go({ query: this.search.value }));
    this.sharedOnly.addEventListener("change", () => this.exploration.go({ sharedOnly: this.sharedOnly.checked }));
    this.exploration.watch((place, before) => this.follow(place, before));
    makeTabs(this.section.querySelector<HTMLElement>("[role=tablist]")!, (id) => {
      this.showHint(id);
      if (id === "tab-how")
        this.explainHow().catch(async (error: Error) => showError(isMissing(error) ? await whyMissing(error) : error));
      else this.how?.setVisible(false);
    });
    this.showHint("tab-tree");
  }

  private showHint(tab: string): void {
    this.hint.textContent = HINTS[tab] ?? "";
    this.map.setOpen(tab === "tab-map");
  }

  private async loadCodePanel(): Promise<CodePanel> {
    if (this.codePanel) return this.codePanel;
    const { CodePanel } = await import("./code-panel.ts");
    if (!this.codePanel) {
      this.codePanel = new CodePanel(this.names, {
        walk: (prefix) => this.walk(prefix),
        open: ({ level, code }) => this.openCode(level, code),
        pick: (item) => this.pick(item),
        ask: (subject) => this.lab.call("code", subject),
      });
      if (this.data && this.index) this.codePanel.setCatalogue(this.data, this.index);
    }
    return this.codePanel;
  }

  private async explainHow(): Promise<void> {
    if (!this.how) {
      const { HowItWorks } = await import("./how-it-works.ts");
      this.how ??= new HowItWorks(this.names, {
        pick: (item) => this.exploration.go({ item }), // and stay here
        ask: (item) => this.lab.call("anatomy", { item }),
      });
      if (this.data && this.index) this.how.setCatalogue(this.data, this.index);
      this.how.show(this.exploration.place.item);
    }
    this.how.setVisible(true);
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

  /** Resolves early if something else is shown instead, such as the same IDs with other titles. */
  async show(data: DataSet, trained: Trained): Promise<void> {
    this.showing.abort();
    this.showing = new AbortController();
    const { signal } = this.showing;
    await this.fill(data, trained, signal).catch((error) => {
      if (!signal.aborted) throw error;
    });
  }

  private async fill(data: DataSet, trained: Trained, signal: AbortSignal): Promise<void> {
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
    this.names.setCatalogue(data, index);
    const views = [this.table, this.tree, this.card, this.lookup, this.tryIt, this.map];
    for (const view of views) view.setCatalogue(data, index);
    this.codePanel?.setCatalogue(data, index);
    this.how?.setCatalogue(data, index);
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
    this.measure(data, signal);
  }

  /** Results that take the worker a while are shown as they arrive. */
  private measure(data: DataSet, signal: AbortSignal): void {
    const failed = (error: Error) => {
      if (!signal.aborted && !(error instanceof LabGone)) showReportError(error.message);
    };
    this.map
      .prepared()
      .catch(failed)
      .then(() => (signal.aborted ? undefined : this.report(data, signal)))
      .catch(failed);
  }

  private async report(data: DataSet, signal: AbortSignal): Promise<void> {
    const report = await this.lab.call("report", undefined);
    if (signal.aborted) return;
    showReport(report, data, this.lab);
    this.behaviour.show(report.behaviour);
    this.onReport(report);
  }

  /** The report and the card once it is known what people chose. */
  private async showBehaviour(): Promise<void> {
    const { data, showing } = this;
    if (!data || !this.index) return;
    this.showItem(this.exploration.place.item);
    await this.report(data, showing.signal);
  }

  /** A file of what people chose. */
  readHistories = (file: File): Promise<boolean> => this.behaviour.read(file);

  /** The IDs that are shown, as addresses of places need them. */
  get ids(): PlaceIds | undefined {
    const { index } = this;
    if (!index) return undefined;
    const { length, levels, codebookSizes } = index.ids;
    return { length, levels, codebookSizes, has: (prefix) => index.group(prefix).end > index.group(prefix).start };
  }

  /** The same IDs with other titles. */
  async relabel(data: DataSet): Promise<void> {
    if (this.trained && !this.section.hidden) await this.show(data, this.trained);
  }

  private summarize(data: DataSet, index: CatalogueIndex): void {
    let shared = 0;
    for (const sharing of index.sharing) if (sharing > 1) shared++;
    const [share, says] = ownIds({ items: index.ids.length, itemsSharing: shared }, data.noun);
    this.summary.replaceChildren(
      make("b", "", share),
      says,
      ...(shared > 0
        ? [`; ${formatCount(shared)} `, term("collision", "share theirs"), " with similar ones. "]
        : [". "]),
      data.words
        ? "The network saw only numbers, which this page made from the words of the titles."
        : "The network saw only numbers, never a title.",
    );
  }

  /** Brings every view to the place that the visitor went to. */
  private follow(place: Place, before: Place): void {
    if (!this.index) return;
    if (this.search.value !== place.query) this.search.value = place.query;
    this.sharedOnly.checked = place.sharedOnly;
    const { prefix, query, sharedOnly, sort, selection } = place;
    const walked = !isSamePrefix(prefix, before.prefix);
    const filtered = query !== before.query || sharedOnly !== before.sharedOnly || selection !== before.selection;
    if (walked) this.card.setBranch(prefix);
    if (place.item !== before.item) this.showItem(place.item);
    if (walked || filtered || sort !== before.sort) this.showRows();
    if (walked || place.code !== before.code) this.showCode(place).catch(showError);
    if (!walked) return;
    this.tree.show(prefix).catch(showError);
  }

  /** Shows the page of the code that the visitor is at. An item from elsewhere makes room for one that is typical of it. */
  private async showCode(place: Place): Promise<void> {
    const { prefix, code, item } = place;
    const last = prefix.at(-1);
    const subject: Subject | undefined =
      last === undefined ? code : { level: prefix.length - 1, code: last, before: prefix.slice(0, -1) };
    const { index } = this;
    if (!subject && !this.codePanel) return;
    const panel = await this.loadCodePanel();
    if (this.exploration.place !== place) return; // the visitor went on meanwhile, which shows its own page
    const page = await panel.show(subject).catch((error: Error) => {
      if (!(error instanceof LabGone)) throw error;
    });
    if (!page || !subject || index !== this.index || !index || this.exploration.place.item !== item) return;
    const codes = index.ids.at(item);
    const has = codes[subject.level] === subject.code && isSamePrefix(codes.slice(0, prefix.length), prefix);
    if (!has && page.typical.length > 0) this.exploration.follow({ item: page.typical[0]! });
  }

  private showItem(item: number): void {
    this.card.show(item);
    this.map.select(item);
    this.table.mark(item);
    this.table.reveal();
    this.tree.mark(item);
    this.how?.show(item);
  }

  /** Goes to a code of a level: a first code is a branch, a later one has a page of its own. */
  openCode(level: number, code: number): void {
    if (!this.index || this.section.hidden) return;
    const isBranch = level === 0 && this.index.group([code]).end > this.index.group([code]).start;
    document.getElementById("tab-tree")?.click();
    if (isBranch) this.walk([code]);
    else this.exploration.go({ prefix: [], query: "", sort: "item", code: { level, code } });
    const panel = hook("code-panel", HTMLElement);
    panel.hidden = false; // what it shows may still have to be loaded
    scrollTo(panel, "center");
    panel.focus({ preventScroll: true });
  }

  /** The rows of the table that the place asks for. */
  private showRows(): void {
    const { data, index } = this;
    if (!data || !index) return;
    this.filtering.abort();
    this.filtering = new AbortController();
    const { signal } = this.filtering;
    const filter = this.exploration.place;
    const show = async () => {
      const rows = await filterRows(data, index, filter, signal);
      const isTrapped = filter.prefix.length > 0 && filter.query.trim() !== "";
      const inAll = isTrapped ? await countEverywhere(data, index, filter, signal) : undefined;
      if (signal.aborted) return;
      this.table.setRows(rows, filter.sort);
      this.map.light(rows, filter.prefix);
      this.status.show(data, index, filter, rows.length, inAll);
      if (filter.query.trim() !== "") this.followSearch(data, rows, filter.query, signal);
    };
    show().catch((error) => signal.aborted || showError(error));
    this.status.showBranch(index, filter.prefix);
    this.selectionChip.show(filter.selection);
  }

  /** The card shows what a search finds, unless it does so already. */
  private followSearch(data: DataSet, rows: Uint32Array, query: string, signal: AbortSignal): void {
    if (rows.length === 0 || rows.includes(this.exploration.place.item)) return;
    setTimeout(() => {
      if (!signal.aborted) this.exploration.follow({ item: bestFirst(data, rows, query)[0]! });
    }, TYPING_MS);
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
