import { idChips } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { formatCount, plural } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import type { Sort } from "./row-filter.ts";
import "./result-table.css";

/** Browsers cap an element's height (17 million pixels in Firefox): taller lists scroll in proportion. */
const MAX_HEIGHT = 8_000_000;
const OVERSCAN = 6;
const SORTS: Record<Sort, string> = {
  item: "Sort as in the file",
  id: "Sort by ID: similar items come together",
  title: "Sort by title",
  shared: "Sort by how many items share the ID",
};

/** Item, ID and title. Even with millions of rows, only those in view are in the page. */
export class ResultTable {
  private readonly scroller = hook("result-table", HTMLElement);
  private readonly table = make("div", "table");
  private readonly space = make("div", "table-space");
  private readonly body = make("div", "table-body");
  private readonly head = make("div", "table-row table-head");
  private readonly onPick: (item: number) => void;
  private readonly onSort: (sort: Sort) => void;
  private rows: Uint32Array = new Uint32Array();
  private shown = new Map<number, HTMLElement>();
  private rowHeight = 44;
  private data: DataSet | undefined;
  private index: CatalogueIndex | undefined;
  private item = -1;

  constructor(onPick: (item: number) => void, onSort: (sort: Sort) => void) {
    this.onPick = onPick;
    this.onSort = onSort;
    this.table.setAttribute("role", "table");
    this.table.setAttribute("aria-label", "Items and their IDs");
    this.head.setAttribute("role", "row");
    this.body.setAttribute("role", "rowgroup");
    this.space.append(this.body);
    this.table.append(this.head, this.space);
    this.scroller.replaceChildren(this.table);
    this.scroller.tabIndex = 0; // scrolled with the arrow keys
    this.scroller.addEventListener("scroll", () => this.render(), { passive: true });
    new ResizeObserver(() => this.measure()).observe(this.scroller);
  }

  setCatalogue(data: DataSet, index: CatalogueIndex): void {
    this.data = data;
    this.index = index;
    this.rows = new Uint32Array(); // those of the last catalogue may be beyond this one
    this.clear();
    // Wide enough for the longest ID. If that leaves no room for titles, the ID moves below its title.
    const { codebookSizes } = index.ids;
    const letters = codebookSizes.reduce((sum, size) => sum + `<a_${size - 1}>`.length, 0);
    const width = letters * 0.495 + codebookSizes.length * 0.9;
    this.table.style.setProperty("--id-width", `${width}rem`);
    this.table.classList.toggle("stacked", width > 16);
  }

  /** Shows these items in this order. */
  setRows(rows: Uint32Array, sort: Sort): void {
    this.rows = rows;
    this.renderHead(sort);
    this.table.setAttribute("aria-rowcount", String(rows.length + 1));
    this.clear();
    this.scroller.scrollTop = 0;
    this.measure();
  }

  /** Marks the row of the card's item. */
  mark(item: number): void {
    this.item = item;
    for (const [row, element] of this.shown) this.markRow(row, element);
  }

  /** Scrolls to the marked row, if it is among the rows and out of sight. */
  reveal(): void {
    const { item } = this;
    const row = this.rows.indexOf(item);
    if (row < 0) return;
    const { scroller, rowHeight } = this;
    const { view, ratio } = this.measureView();
    const top = row * rowHeight - scroller.scrollTop * ratio;
    if (top >= 0 && top + rowHeight <= view) return;
    scroller.scrollTop = Math.max(0, row * rowHeight - (view - rowHeight) / 2) / ratio;
  }

  private markRow(row: number, element: HTMLElement): void {
    if (this.rows[row] === this.item) element.setAttribute("aria-current", "true");
    else element.removeAttribute("aria-current");
  }

  private renderHead(sort: Sort): void {
    const column = (label: string, key: Sort) => {
      const cell = make("div", "table-cell");
      cell.setAttribute("role", "columnheader");
      cell.setAttribute("aria-sort", sort !== key ? "none" : key === "shared" ? "descending" : "ascending");
      const button = make("button", "sort", label);
      button.type = "button";
      button.title = SORTS[key];
      button.addEventListener("click", () => this.onSort(key));
      cell.append(button);
      return cell;
    };
    this.head.replaceChildren(
      column("Item", "item"),
      column("ID", "id"),
      column("Title", "title"),
      column("Shared by", "shared"),
    );
  }

  private clear(): void {
    this.shown.clear();
    this.body.replaceChildren();
  }

  private measure(): void {
    if (this.scroller.clientHeight === 0) return;
    const height = Number.parseFloat(getComputedStyle(this.space).getPropertyValue("--row-height"));
    if (height !== this.rowHeight) this.clear();
    this.rowHeight = height;
    this.space.style.blockSize = `${Math.min(this.rows.length * height, MAX_HEIGHT)}px`;
    this.render();
  }

  /** The height that rows have, and pixels of rows for each pixel of scrolling. */
  private measureView(): { view: number; ratio: number } {
    const view = Math.max(0, this.scroller.clientHeight - this.head.offsetHeight);
    const full = this.rows.length * this.rowHeight;
    const tall = Math.min(full, MAX_HEIGHT);
    return { view, ratio: tall > view ? (full - view) / (tall - view) : 1 };
  }

  private render(): void {
    const { rows, rowHeight, scroller } = this;
    const { view, ratio } = this.measureView();
    const top = scroller.scrollTop * ratio;
    const first = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN);
    const last = Math.min(rows.length, Math.ceil((top + view) / rowHeight) + OVERSCAN);
    for (const [row, element] of this.shown) {
      if (row < first || row >= last) {
        element.remove();
        this.shown.delete(row);
      }
    }
    for (let row = first; row < last; row++) {
      let element = this.shown.get(row);
      if (!element) {
        element = this.makeRow(row);
        this.shown.set(row, element);
        this.body.append(element);
      }
      element.style.transform = `translateY(${scroller.scrollTop + row * rowHeight - top}px)`;
    }
  }

  private makeRow(row: number): HTMLElement {
    const { data, index } = this;
    const item = this.rows[row]!;
    const element = make("div", "table-row");
    element.setAttribute("role", "row");
    element.setAttribute("aria-rowindex", String(row + 2));
    if (!data || !index) return element;
    const cell = (className: string, ...children: (Node | string)[]) => {
      const made = make("div", `table-cell ${className}`, ...children);
      made.setAttribute("role", "cell");
      return made;
    };
    const title = titleOf(data, item);
    const pick = make("button", "pick", title);
    pick.type = "button";
    pick.title = `${title}: show similar items`;
    pick.addEventListener("click", () => this.onPick(item));
    const sharing = index.sharing[item]!;
    const mark = make("span", "shared", make("span", "visually-hidden", "ID shared by "), `×${formatCount(sharing)}`);
    mark.title = `${plural(sharing, "item")} ${sharing === 1 ? "has" : "have"} this ID`;
    element.append(
      cell("item-number", formatCount(item)),
      cell("item-id", idChips(index.ids, item)),
      cell("item-title", pick),
      cell("item-shared", ...(sharing > 1 ? [mark] : [])),
    );
    if (sharing > 1) element.classList.add("is-shared");
    this.markRow(row, element);
    return element;
  }
}
