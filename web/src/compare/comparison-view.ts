import { SemanticIds } from "rqvae";
import { idChips } from "../base/code-chips.ts";
import { make } from "../base/dom.ts";
import { formatCount, formatShare, plural } from "../base/words.ts";
import { titleOf } from "../data/data-set.ts";
import { CatalogueIndex } from "../explore/catalogue-index.ts";
import type { ComparedResults, ComparedSide } from "../lab/types.ts";
import { LinkedTree } from "./linked-tree.ts";

/** Moved items that are listed at a time. */
const LISTED = 30;

export interface ComparedNames {
  names: [before: string, after: string];
  noun: [one: string, many: string];
}

/** Two results side by side: in a sentence, in figures, as two trees, and the items that moved. */
export async function showComparison(
  compared: ComparedResults,
  { names, noun }: ComparedNames,
  signal: AbortSignal,
): Promise<HTMLElement> {
  const sides = compared.sides.map(({ ids }) =>
    SemanticIds.from({ codes: ids.codes, levels: ids.codebookSizes.length }, ids),
  ) as [SemanticIds, SemanticIds];
  const indexes = [await CatalogueIndex.build(sides[0], signal), await CatalogueIndex.build(sides[1], signal)] as const;
  const moved = new MovedItems(compared, sides, names);
  const trees = [0, 1].map(
    (side) => new LinkedTree(names[side]!, compared.naming, indexes[side]!, rowsOf(compared, side), noun),
  ) as [LinkedTree, LinkedTree];
  trees.forEach((tree, side) => {
    const other = trees[1 - side]!;
    tree.onWalk = (items) => {
      other.highlight(items, tree.name);
      tree.highlight(undefined, "");
      moved.show(items);
    };
  });
  for (const tree of trees) await tree.open([], signal);
  moved.show(undefined);
  const lead = make("p", "report-lead", describe(compared, noun));
  return make(
    "div",
    "versus-result",
    lead,
    makeFigures(compared, names),
    make("h3", "", "Where the items are"),
    make("p", "hint", "Press a branch on either side: the other side shows where its items are."),
    make("div", "versus-trees", trees[0].element, trees[1].element),
    make("h3", "", "Items that moved"),
    moved.element,
  );
}

/** The rows of the items on a side, in the order of the first result. */
function rowsOf({ rowAfter }: ComparedResults, side: number): Int32Array | undefined {
  return side === 1 ? rowAfter : undefined;
}

function describe(
  { items, levels, unchanged, aligned, moved, perDepth }: ComparedResults,
  noun: [string, string],
): string {
  const all = plural(items, ...noun);
  const [first] = perDepth;
  if (levels.before !== levels.after) {
    return `These IDs have ${levels.before} and ${levels.after} codes. ${formatShare(first!.alignedShare)} of ${all} are in the same group by their first code, whatever it is called.`;
  }
  if (unchanged === items) return `All ${all} have the same ID in both.`;
  const same = `${unchanged === 0 ? "None" : formatCount(unchanged)} of ${all} ${unchanged === 1 ? "has" : "have"} the same ID in both`;
  if (aligned <= unchanged) return `${same}; ${formatCount(moved.length)} have another.`;
  return `${same}. Codes are numbered by chance: under the numbering that suits best, ${formatCount(aligned)} would (${formatShare(aligned / items)}), and ${formatShare(first!.alignedShare)} would have the same first code.`;
}

function makeFigures({ sides, perDepth, items }: ComparedResults, names: [string, string]): HTMLElement {
  const head = make("tr", "", make("th", "", "Figure"), ...names.map((name) => make("th", "", name)));
  for (const cell of head.children) (cell as HTMLTableCellElement).scope = "col";
  const body = make("tbody");
  const row = (name: string, ...cells: string[]) => {
    const title = make("th", "", name);
    title.scope = "row";
    body.append(make("tr", "", title, ...cells.map((text) => make("td", "number", text))));
    return body.lastElementChild as HTMLTableRowElement;
  };
  const both = (name: string, of: (side: ComparedSide) => string) => row(name, of(sides[0]), of(sides[1]));
  const share = (value: number | undefined) => (value === undefined ? "–" : formatShare(value));
  both("Codes of each level", ({ ids }) => ids.codebookSizes.join(" · "));
  both(
    "Different IDs",
    ({ figures }) => `${formatCount(figures.distinct)} (${share(figures.distinct / figures.items)})`,
  );
  both("Differences between items that the ID keeps", ({ figures }) => share(figures.kept));
  both("Nearest items that share the first code", ({ figures }) => share(figures.nearShareFirst));
  for (const { depth, unchanged, aligned } of perDepth) {
    const codes = depth === 1 ? "Same first code" : `Same first ${depth} codes`;
    const text = `${share(unchanged / items)} as numbered, ${share(aligned / items)} renumbered`;
    row(`${codes} in both`, text).lastElementChild!.setAttribute("colspan", "2");
  }
  const table = make("table", "versus-table", make("thead", "", head), body);
  const scroller = make("section", "head-scroller panel", table);
  scroller.tabIndex = 0;
  scroller.setAttribute("aria-label", "Figures of both results");
  return scroller;
}

/** The items whose ID changed beyond the numbering of codes; of a branch, while one is open. */
class MovedItems {
  readonly element = make("div", "versus-moved");
  private readonly compared: ComparedResults;
  private readonly ids: [SemanticIds, SemanticIds];
  private readonly names: [string, string];

  constructor(compared: ComparedResults, ids: [SemanticIds, SemanticIds], names: [string, string]) {
    this.compared = compared;
    this.ids = ids;
    this.names = names;
  }

  show(among: Uint32Array | undefined): void {
    const chosen = among && new Set(among);
    const moved = chosen ? this.compared.moved.filter((item) => chosen.has(item)) : this.compared.moved;
    const where = chosen ? ` of the ${formatCount(chosen.size)} in this branch` : "";
    const body = make("tbody");
    const more = make("button", "button small more", "");
    more.type = "button";
    const list = () => {
      const from = body.children.length;
      for (const item of moved.subarray(from, from + LISTED)) body.append(this.makeRow(item));
      const rest = moved.length - body.children.length;
      more.hidden = rest === 0;
      more.textContent = `Show more (${formatCount(rest)} left)`;
    };
    more.addEventListener("click", list);
    list();
    const head = make("tr", "", ...["Item", ...this.names].map((name) => make("th", "", name)));
    for (const cell of head.children) (cell as HTMLTableCellElement).scope = "col";
    const table = make("table", "versus-table", make("thead", "", head), body);
    const scroller = make("section", "head-scroller panel", table);
    scroller.tabIndex = 0;
    scroller.setAttribute("aria-label", "Items that moved");
    this.element.replaceChildren(
      make("p", "hint", `${plural(moved.length, "item")}${where} moved, beyond the numbering of codes.`),
      ...(moved.length > 0 ? [scroller, more] : []),
    );
  }

  private makeRow(item: number): HTMLElement {
    const { naming, rowAfter } = this.compared;
    const after = rowAfter ? rowAfter[item]! : item;
    const title = make("th", "", titleOf(naming, item));
    title.scope = "row";
    return make(
      "tr",
      "",
      title,
      make("td", "", idChips(this.ids[0], item)),
      make("td", "", idChips(this.ids[1], after)),
    );
  }
}
