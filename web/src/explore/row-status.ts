import { codeChip, tokensOf } from "../base/code-chips.ts";
import { hook } from "../base/dom.ts";
import { formatCount, plural } from "../base/words.ts";
import type { DataSet } from "../data/data-set.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import type { RowFilter } from "./row-filter.ts";

/** The line above the table: how many rows there are, of which branch, and a way to all that a search finds. */
export class RowStatus {
  private readonly count = hook("table-count", HTMLSpanElement);
  private readonly everywhere = hook("search-all", HTMLButtonElement);
  private readonly clear = hook("clear-filter", HTMLButtonElement);

  constructor(handlers: { leave(): void; searchAll(): void }) {
    this.clear.addEventListener("click", handlers.leave);
    this.everywhere.addEventListener("click", handlers.searchAll);
  }

  /** `inAll`: what the search finds in the whole catalogue, if a branch is open. */
  show(data: DataSet, index: CatalogueIndex, { prefix, query }: RowFilter, rows: number, inAll?: number): void {
    const all = index.order.length;
    const { start, end } = index.range(prefix);
    const isSearch = query.trim() !== "";
    this.count.textContent =
      inAll !== undefined && isSearch
        ? `${formatCount(rows)} here, ${formatCount(inAll)} in all ${plural(all, ...data.noun)}`
        : rows === all
          ? `All ${plural(rows, ...data.noun)}`
          : rows === 0 && isSearch
            ? "Nothing found"
            : `${formatCount(rows)} of ${plural(isSearch ? end - start : all, ...data.noun)}`;
    this.everywhere.hidden = inAll === undefined || !isSearch || inAll <= rows;
  }

  /** Names the branch that the rows are of, with a way out of it. */
  showBranch(index: CatalogueIndex, prefix: readonly number[]): void {
    this.clear.hidden = prefix.length === 0;
    if (prefix.length === 0) return;
    const tokens = tokensOf(index.ids, index.order[index.range(prefix).start]!);
    this.clear.replaceChildren(...prefix.map((_, level) => codeChip(prefix, tokens, level)), " ✕");
    this.clear.setAttribute("aria-label", `Stop showing only ${tokens.slice(0, prefix.length).join("")}`);
  }
}
