import type { CatalogueIndex } from "./catalogue-index.ts";
import { codeChip, idChips, tokensOf } from "./code-chips.ts";
import { type DataSet, titleOf } from "./data-set.ts";
import { hook, make } from "./dom.ts";
import { formatCount } from "./words.ts";

const SHOWN = 12;

/** One item, with those whose IDs share the whole beginning of its ID, a part of it, or nothing. */
export class Spotlight {
  private readonly panel = hook("spotlight", HTMLDivElement);
  private readonly onPrefix: (prefix: readonly number[]) => void;
  private data: DataSet | undefined;
  private index: CatalogueIndex | undefined;

  constructor(onPrefix: (prefix: readonly number[]) => void) {
    this.onPrefix = onPrefix;
  }

  get element(): HTMLElement {
    return this.panel;
  }

  /** Begins with an item that has a handful of close relatives. */
  start(data: DataSet, index: CatalogueIndex): void {
    this.data = data;
    this.index = index;
    const groups = index.families.flatMap((family) => (family.children.length > 0 ? family.children : [family]));
    const handful = groups.reduce(
      (best, group) => (Math.abs(group.end - group.start - 7) < Math.abs(best.end - best.start - 7) ? group : best),
      groups[0]!,
    );
    const wanted = data.showFirst?.map((title) => data.labels?.titles.indexOf(title) ?? -1) ?? [];
    const familiar = wanted.find((item) => {
      if (item < 0) return false;
      const { start, end } = index.range(index.ids.at(item).slice(0, groups[0]!.prefix.length));
      return end - start >= 3;
    });
    this.show(familiar ?? index.order[handful.start]!);
  }

  show(item: number): void {
    const { data, index } = this;
    if (!data || !index) return;
    const { ids, order } = index;
    const codes = ids.at(item);
    const another = make("button", "button small", "Another one");
    another.type = "button";
    another.addEventListener("click", () => {
      this.show(Math.floor(Math.random() * order.length));
      this.panel.querySelector<HTMLElement>(".spotlight-another")?.focus();
    });
    another.classList.add("spotlight-another");
    const rows = make("dl", "kin");
    for (let depth = ids.levels; depth >= 0; depth--) {
      const range = index.range(codes.slice(0, depth));
      const closer = depth < ids.levels ? index.range(codes.slice(0, depth + 1)) : { start: 0, end: 0 };
      const self = depth === ids.levels ? 1 : 0;
      const count = range.end - range.start - (closer.end - closer.start) - self;
      if (depth === ids.levels && count === 0) continue;
      rows.append(this.makeRow(data, index, item, depth, this.sample(index, item, range, closer, count), count));
    }
    this.panel.replaceChildren(
      make("div", "spotlight-head", make("p", "spotlight-title", titleOf(data, item)), idChips(ids, item), another),
      rows,
    );
  }

  /** Evenly spaced items of a range but for the closer ones in its middle. */
  private sample(
    index: CatalogueIndex,
    item: number,
    range: { start: number; end: number },
    closer: { start: number; end: number },
    count: number,
  ): number[] {
    const places: number[] = [];
    const wanted = Math.min(count, SHOWN);
    const before = closer.end > closer.start ? closer.start - range.start : range.end - range.start;
    const total = range.end - range.start - (closer.end - closer.start);
    for (let i = 0; i < total && places.length < wanted; i++) {
      const offset = total <= SHOWN + 1 ? i : Math.floor(((i + 0.5) * total) / wanted);
      const place = offset < before ? range.start + offset : closer.end + offset - before;
      const found = index.order[place]!;
      if (found !== item) places.push(found);
    }
    return places;
  }

  private makeRow(
    data: DataSet,
    index: CatalogueIndex,
    item: number,
    depth: number,
    items: number[],
    count: number,
  ): HTMLElement {
    const { levels } = index.ids;
    const codes = index.ids.at(item);
    const tokens = tokensOf(index.ids, item);
    const kind =
      depth === levels
        ? "Shares the whole ID"
        : depth === 0
          ? "Begins differently"
          : depth === 1
            ? "Same first code"
            : `Same first ${["", "", "two", "three", "four", "five"][depth] ?? depth} codes`;
    const term = make("dt", "", make("span", "kin-kind", kind));
    if (depth > 0) {
      const chips = make(
        "button",
        "id id-button",
        ...tokens.slice(0, depth).map((_, level) => codeChip(codes, tokens, level)),
      );
      chips.type = "button";
      chips.title = "Show these in the table";
      chips.addEventListener("click", () => this.onPrefix(codes.slice(0, depth)));
      term.append(chips);
    }
    const list = make("dd");
    for (const other of items) {
      const chip = make("button", "kin-item", titleOf(data, other));
      chip.type = "button";
      chip.title = index.ids.toTokens(other);
      chip.addEventListener("click", () => this.show(other));
      list.append(chip);
    }
    if (count > items.length) list.append(make("span", "kin-rest", `and ${formatCount(count - items.length)} more`));
    if (count === 0) list.append(make("span", "kin-rest", "no other item"));
    return make("div", `kin-row depth-${depth === 0 ? "none" : "some"}`, term, list);
  }
}
