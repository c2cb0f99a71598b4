import { codeChip, idChips, tokensOf } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { splitGlyph } from "../base/glyph.ts";
import { term } from "../base/term.ts";
import { formatCount, formatNumber, formatPercent, plural } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { Companion, ItemDetails } from "../lab/types.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import type { CodeNames } from "./code-names.ts";
import { isSamePrefix } from "./exploration.ts";
import "./item-card.css";

/** Items named in a row before "and N more". */
const SHOWN = 8;
/** Squared distance to the runner-up, over that to the code, below which it was a close call. */
const CLOSE = 0.05;

/** One item: its ID, why it has it, and the items that share the whole of it, its first codes, or nothing. */
export class ItemCard {
  private readonly panel = hook("spotlight", HTMLElement);
  private readonly handlers: {
    walk(prefix: readonly number[]): void;
    pick(item: number): void;
    details(item: number): Promise<ItemDetails>;
    /** Items that people chose together with this one, if that is known. */
    companions(item: number): Promise<Companion[] | undefined>;
  };
  private data: DataSet | undefined;
  private index: CatalogueIndex | undefined;
  private item = -1;
  private branch: readonly number[] = [];
  /** The names of the branches that the item is in, and a word if the open branch is not one of them. */
  private readonly way = make("p", "card-way");
  private readonly names: CodeNames;

  constructor(names: CodeNames, handlers: ItemCard["handlers"]) {
    this.names = names;
    this.handlers = handlers;
    names.watch(() => this.showWay());
    this.panel.tabIndex = 0; // scrolled with the arrow keys
  }

  get element(): HTMLElement {
    return this.panel;
  }

  setCatalogue(data: DataSet, index: CatalogueIndex): void {
    this.data = data;
    this.index = index;
    this.item = -1;
    this.branch = [];
  }

  /** The branch that is open in the tree. */
  setBranch(prefix: readonly number[]): void {
    this.branch = prefix;
    this.showWay();
  }

  private showWay(): void {
    const { data, index, item, branch, way } = this;
    if (!data || !index || item < 0) return;
    const codes = index.ids.at(item);
    if (way.contains(document.activeElement)) this.panel.focus({ preventScroll: true });
    way.replaceChildren();
    for (let depth = 1; depth < codes.length; depth++) {
      const prefix = codes.slice(0, depth);
      const name = this.names.nameOf(prefix);
      if (name === "") continue;
      if (way.childNodes.length > 0) way.append(make("span", "crumb-sep", "›"));
      way.append(this.makeWalk("link", name, prefix));
    }
    if (branch.length === 0 || isSamePrefix(codes.slice(0, branch.length), branch)) return;
    way.append(
      make("span", "card-outside", `Not in the branch that is open. `),
      this.makeWalk("button small", "Open its branch", codes.slice(0, branch.length)),
    );
  }

  private makeWalk(className: string, text: string, prefix: readonly number[]): HTMLElement {
    const button = make("button", className, text);
    button.type = "button";
    button.addEventListener("click", () => this.handlers.walk(prefix));
    return button;
  }

  /** A good item to start with: a familiar one, or one with a handful of close relatives. */
  firstItem(): number {
    const { data, index } = this;
    if (!data || !index) return 0;
    const relatives = (item: number) => {
      const { start, end } = index.range(index.ids.at(item).slice(0, Math.max(1, index.ids.levels - 1)));
      return end - start;
    };
    const familiar = data.showFirst
      .map((title) => data.labels?.titles.indexOf(title) ?? -1)
      .find((item) => item >= 0 && relatives(item) >= 3);
    if (familiar !== undefined) return familiar;
    let best = 0;
    for (let k = 0; k < 200; k++) {
      const item = index.order[Math.floor((k * index.order.length) / 200)]!;
      if (Math.abs(relatives(item) - 7) < Math.abs(relatives(best) - 7)) best = item;
    }
    return best;
  }

  show(item: number): void {
    const { data, index } = this;
    if (!data || !index) return;
    this.item = item;
    const { ids, order } = index;
    const another = make("button", "button small", "Another one");
    another.type = "button";
    another.classList.add("spotlight-another");
    another.addEventListener("click", () => {
      this.handlers.pick(Math.floor(Math.random() * order.length));
      this.panel.querySelector<HTMLElement>(".spotlight-another")?.focus({ preventScroll: true });
    });
    const { glyph, words } = splitGlyph(titleOf(data, item));
    const picture = make("span", "emoji card-glyph", glyph ?? "");
    picture.setAttribute("aria-hidden", "true");
    const chosen = make("div", "companions");
    const why = make("div", "why", make("p", "hint", "Reading its codes…"));
    this.panel.replaceChildren(
      make(
        "div",
        "card-head",
        ...(glyph ? [picture] : []),
        make("div", "", make("h3", "card-title", words), idChips(ids, item), this.way),
        another,
      ),
      why,
      make("h4", "", "Similar items, by ID"),
      this.makeKin(data, index, item),
      chosen,
    );
    this.showWay();
    this.names.prepareWay(ids.at(item).slice(0, -1)).catch(() => {}); // the card does without names
    this.handlers.companions(item).then(
      (companions) => {
        if (this.item === item && companions) chosen.replaceChildren(...this.makeCompanions(data, companions));
      },
      () => {}, // the card does without
    );
    this.handlers.details(item).then(
      (details) => this.item === item && why.replaceChildren(...this.makeWhy(details)),
      (error: Error) => this.item === item && why.replaceChildren(make("p", "hint", error.message)),
    );
  }

  /** For each code, its distance and that of the runner-up. */
  private makeWhy({ explanation, error }: ItemDetails): HTMLElement[] {
    const { levels, codes } = explanation;
    const tokens = levels.map(({ token }) => token);
    const header = make("tr");
    const head = (...children: (Node | string)[]) => {
      const cell = make("th", "", ...children);
      cell.scope = "col";
      header.append(cell);
    };
    head("Code");
    head("Distance");
    head("Runner-up");
    head(term("margin", "Choice"));
    const body = make("tbody");
    for (const { level, distance, runnerUp, margin } of levels) {
      const share = margin / Math.max(1e-12, distance * distance);
      const clear = !runnerUp
        ? "the only code"
        : margin < 0
          ? "not the nearest"
          : share < CLOSE
            ? "close call"
            : share < 0.5
              ? "clear"
              : "very clear";
      const row = make(
        "tr",
        "",
        make("td", "", codeChip(codes, tokens, level)),
        make("td", "number", formatNumber(distance)),
        make(
          "td",
          "number",
          runnerUp
            ? `${tokens[level]!.replace(/\d+/, String(runnerUp.code)).slice(1, -1)} at ${formatNumber(runnerUp.distance)}`
            : "–",
        ),
        make("td", "", clear),
      );
      body.append(row);
    }
    const table = make("table", "why-table", make("thead", "", header), body);
    const kept = error === undefined ? undefined : Math.max(0, 1 - error);
    return [
      table,
      ...(kept === undefined
        ? []
        : [
            make(
              "p",
              "kept",
              make("span", "", "The ID keeps "),
              make("b", "", formatPercent(kept)),
              make("span", "", " of what sets this item apart"),
              make("span", "hint", ` (error ${formatNumber(error!)}; without an ID it would be about 1)`),
            ),
          ]),
    ];
  }

  private makeCompanions(data: DataSet, companions: readonly Companion[]): HTMLElement[] {
    const title = make("h4", "", "People who chose this also chose");
    if (companions.length === 0) return [title, make("p", "hint", "Nobody in the histories chose it with another.")];
    const list = make("ul", "companion-list");
    for (const { item, people } of companions) {
      const button = make("button", "kin-item", titleOf(data, item));
      button.type = "button";
      button.title = `chosen with it by ${plural(people, "person", "people")}`;
      button.addEventListener("click", () => this.handlers.pick(item));
      list.append(make("li", "", button));
    }
    return [title, list];
  }

  private makeKin(data: DataSet, index: CatalogueIndex, item: number): HTMLElement {
    const { ids } = index;
    const codes = ids.at(item);
    const rows = make("dl", "kin");
    for (let depth = ids.levels; depth >= 0; depth--) {
      const range = index.range(codes.slice(0, depth));
      const closer = depth < ids.levels ? index.range(codes.slice(0, depth + 1)) : { start: 0, end: 0 };
      const self = depth === ids.levels ? 1 : 0;
      const count = range.end - range.start - (closer.end - closer.start) - self;
      if (count === 0 && depth === ids.levels) continue;
      rows.append(this.makeRow(data, index, item, depth, sample(index, item, range, closer, count), count));
    }
    return rows;
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
          ? "Different first code"
          : depth === 1
            ? "Same first code"
            : `Same first ${["", "", "two", "three", "four", "five"][depth] ?? depth} codes`;
    const name = make("dt", "", make("span", "kin-kind", kind));
    if (depth > 0) {
      const chips = make(
        "button",
        "id id-button",
        ...tokens.slice(0, depth).map((_, level) => codeChip(codes, tokens, level)),
      );
      chips.type = "button";
      chips.title = "Show this branch";
      chips.addEventListener("click", () => this.handlers.walk(codes.slice(0, depth)));
      name.append(chips);
    }
    const list = make("dd");
    for (const other of items) {
      const chip = make("button", "kin-item", titleOf(data, other));
      chip.type = "button";
      chip.title = index.ids.toTokens(other);
      chip.addEventListener("click", () => this.handlers.pick(other));
      list.append(chip);
    }
    if (count > items.length) list.append(make("span", "kin-rest", `and ${formatCount(count - items.length)} more`));
    if (count === 0) list.append(make("span", "kin-rest", "no other item"));
    return make("div", depth === 0 ? "kin-row depth-none" : "kin-row", name, list);
  }
}

/** Evenly spaced items of a range, without the closer ones in its middle. */
function sample(
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
