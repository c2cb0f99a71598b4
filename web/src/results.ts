import { CatalogueIndex } from "./catalogue-index.ts";
import { codeChip, tokensOf } from "./code-chips.ts";
import { CodeTree } from "./code-tree.ts";
import type { DataSet } from "./data-set.ts";
import { hook, scrollTo } from "./dom.ts";
import { download } from "./download.ts";
import { nameFamilies } from "./family-names.ts";
import { fileTask } from "./files.ts";
import { showError } from "./page-error.ts";
import { ResultTable } from "./result-table.ts";
import { filterRows, type RowFilter } from "./row-filter.ts";
import { Spotlight } from "./spotlight.ts";
import type { TrainedModel } from "./training-run.ts";
import { formatCount, formatShare, plural } from "./words.ts";

/** The third step of the page: what every item's ID is, which are alike, and the files to take away. */
export class Results {
  readonly section = document.querySelector<HTMLElement>("#results")!;
  private readonly summary = hook("summary", HTMLParagraphElement);
  private readonly search = hook("table-search", HTMLInputElement);
  private readonly sharedOnly = hook("shared-only", HTMLInputElement);
  private readonly count = hook("table-count", HTMLSpanElement);
  private readonly clearFilter = hook("clear-filter", HTMLButtonElement);
  private readonly scroller = hook("result-table", HTMLElement);
  private readonly tree = new CodeTree((prefix) => this.pickPrefix(prefix));
  private readonly spotlight = new Spotlight((prefix) => this.pickPrefix(prefix));
  private readonly table = new ResultTable(
    (item) => this.pickItem(item),
    (sort) => this.setFilter({ sort }),
  );
  private filter: RowFilter = { prefix: [], query: "", sharedOnly: false, sort: "item" };
  private data: DataSet | undefined;
  private model: TrainedModel | undefined;
  private index: CatalogueIndex | undefined;
  private showing = new AbortController();
  private filtering = new AbortController();

  constructor() {
    this.search.addEventListener("input", () => this.setFilter({ query: this.search.value }));
    this.sharedOnly.addEventListener("change", () => this.setFilter({ sharedOnly: this.sharedOnly.checked }));
    this.clearFilter.addEventListener("click", () => {
      this.setFilter({ prefix: [] });
      this.search.focus();
    });
    hook("download-model", HTMLButtonElement).addEventListener("click", () => {
      if (this.model) download(this.model.file, "model.safetensors");
    });
    hook("download-ids", HTMLButtonElement).addEventListener("click", () => void this.downloadIds().catch(showError));
  }

  hide(): void {
    this.showing.abort();
    this.filtering.abort();
    this.section.hidden = true;
  }

  /** Shows the last results again, when the run that was to replace them could not start. */
  restore(): void {
    this.section.hidden = this.index === undefined;
  }

  /** Another data set: what is there belongs to none of its items. */
  forget(): void {
    this.hide();
    this.index = undefined;
    this.model = undefined;
  }

  async show(data: DataSet, model: TrainedModel): Promise<void> {
    this.showing.abort();
    this.showing = new AbortController();
    const { signal } = this.showing;
    this.data = data;
    this.model = model;
    const index = await CatalogueIndex.build(model.ids, signal);
    this.index = index;
    const names = await nameFamilies(data, index, signal);
    this.summarize(data, index);
    this.section.hidden = false;
    this.filter = { prefix: [], query: "", sharedOnly: false, sort: "item" };
    this.search.value = "";
    this.sharedOnly.checked = false;
    this.table.setCatalogue(data, index);
    this.spotlight.start(data, index);
    this.setFilter({});
    await this.tree.show(data, index, names, signal);
  }

  /** The same IDs with other titles. */
  async relabel(data: DataSet): Promise<void> {
    if (this.model && this.data?.items === data.items && !this.section.hidden) await this.show(data, this.model);
  }

  private summarize(data: DataSet, index: CatalogueIndex): void {
    const n = index.ids.length;
    let own = 0;
    for (const sharing of index.sharing) if (sharing === 1) own++;
    const shared = n - own;
    this.summary.textContent =
      `${formatShare(own / n)} of the ${plural(n, ...data.noun)} have an ID of their own` +
      (shared > 0 ? `; ${formatCount(shared)} share theirs with others whose numbers are nearly the same. ` : ". ") +
      "The network only ever saw the numbers, never a title.";
  }

  private setFilter(change: Partial<RowFilter>): void {
    const { data, index } = this;
    if (!data || !index) return;
    this.filter = { ...this.filter, ...change };
    this.filtering.abort();
    this.filtering = new AbortController();
    const { signal } = this.filtering;
    const { filter } = this;
    filterRows(data, index, filter, signal).then(
      (rows) => {
        if (signal.aborted) return;
        this.table.setRows(rows, filter.sort);
        this.count.textContent =
          rows.length === index.order.length
            ? `All ${plural(rows.length, ...data.noun)}`
            : rows.length === 0
              ? "Nothing found"
              : `${formatCount(rows.length)} of ${plural(index.order.length, ...data.noun)}`;
      },
      (error) => signal.aborted || showError(error),
    );
    this.tree.highlight(filter.prefix);
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

  /** Filters the table by a code; the same code again shows everything. */
  private pickPrefix(prefix: readonly number[]): void {
    const same =
      prefix.length === this.filter.prefix.length && prefix.every((code, i) => code === this.filter.prefix[i]);
    this.search.value = "";
    this.setFilter({ prefix: same ? [] : prefix, query: "", sort: same ? "item" : "id" });
    const { top, bottom } = this.scroller.getBoundingClientRect();
    if (!same && (top > innerHeight - 160 || bottom < 160)) scrollTo(this.scroller.parentElement!);
  }

  private pickItem(item: number): void {
    this.spotlight.show(item);
    scrollTo(this.spotlight.element, "nearest");
  }

  private async downloadIds(): Promise<void> {
    if (!this.model || !this.data) return;
    const { codes, codebookSizes, fingerprint } = this.model.ids;
    const blob = await fileTask("writeIds", {
      codes,
      codebookSizes,
      ...(fingerprint === undefined ? {} : { fingerprint }),
      labels: this.data.labels,
    });
    download(blob, "ids.csv");
  }
}
