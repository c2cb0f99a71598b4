import { codeChip, familyHue, tokensOf } from "../base/code-chips.ts";
import { make } from "../base/dom.ts";
import { splitGlyph } from "../base/glyph.ts";
import { formatCount, plural } from "../base/words.ts";
import { titleOf } from "../data/data-set.ts";
import type { CatalogueIndex, CodeGroup } from "../explore/catalogue-index.ts";
import { nameGroups } from "../explore/group-names.ts";
import type { Naming } from "../lab/types.ts";

/** Branches or items listed at a time, and glyphs shown of each branch. */
const LISTED = 40;
const GLYPHS = 8;

/** One of two trees; it shows how many of the items that the other one picked out are in each of its branches. */
export class LinkedTree {
  readonly element: HTMLElement;
  readonly name: string;
  /** Called with the items of the branch that the visitor went to, as rows of the first result; undefined for all. */
  onWalk: (items: Uint32Array | undefined) => void = () => {};
  private readonly index: CatalogueIndex;
  private readonly naming: Pick<Naming, "labels">;
  private readonly noun: [string, string];
  /** The row here of each item of the first result; undefined where they are the same. */
  private readonly rowOf: Int32Array | undefined;
  private readonly itemOf: Int32Array | undefined;
  private readonly crumbs = make("nav", "crumbs");
  private readonly note = make("p", "hint");
  private readonly list = make("ul", "branches");
  private readonly more = make("button", "button small more");
  private prefix: readonly number[] = [];
  private names = new Map<string, string>();
  private marked: Uint8Array | undefined;
  private markedCount = 0;
  private listed = LISTED;
  private opening = new AbortController();

  constructor(
    name: string,
    naming: Naming,
    index: CatalogueIndex,
    rowOf: Int32Array | undefined,
    noun: [one: string, many: string],
  ) {
    this.name = name;
    this.naming = naming;
    this.index = index;
    this.noun = noun;
    this.rowOf = rowOf;
    if (rowOf) {
      const itemOf = new Int32Array(index.order.length).fill(-1);
      rowOf.forEach((row, item) => {
        if (row >= 0) itemOf[row] = item;
      });
      this.itemOf = itemOf;
      const { labels } = naming;
      if (labels) this.naming = { labels: { titles: Array.from(itemOf, (item) => labels.titles[item] ?? "") } };
    }
    this.crumbs.setAttribute("aria-label", `Branch of ${name}`);
    this.more.type = "button";
    this.more.addEventListener("click", () => {
      this.listed += LISTED;
      this.draw();
    });
    const scroller = make("div", "versus-scroller", this.list, this.more);
    this.element = make("section", "panel versus-tree", make("h4", "", name), this.crumbs, this.note, scroller);
    this.element.setAttribute("aria-label", `Tree of ${name}`);
  }

  /** Shows a branch, without telling anybody. */
  async open(prefix: readonly number[], signal: AbortSignal): Promise<void> {
    const { index } = this;
    this.prefix = prefix;
    this.listed = LISTED;
    const branches = index.childrenOf(index.group(prefix));
    if (this.isTitled) {
      const names = await nameGroups(this.naming, index, branches, signal);
      branches.forEach((branch, i) => {
        this.names.set(branch.prefix.join(), names[i]!.words.join(", "));
      });
    }
    this.draw();
  }

  /** Picks out items that are in a branch of the other tree; undefined for none. */
  highlight(items: Uint32Array | undefined, from: string): void {
    this.marked = undefined;
    this.markedCount = 0;
    if (items) {
      this.marked = new Uint8Array(this.index.order.length);
      for (const item of items) {
        const row = this.rowOf ? this.rowOf[item]! : item;
        if (row < 0) continue;
        this.marked[row] = 1;
        this.markedCount++;
      }
    }
    this.note.textContent = items
      ? `Where the ${plural(this.markedCount, ...this.noun)} of that branch of “${from}” are`
      : "";
    if (items && this.prefix.length > 0) void this.walk([], false);
    else this.draw();
  }

  private async walk(prefix: readonly number[], isVisitors = true): Promise<void> {
    this.opening.abort();
    this.opening = new AbortController();
    const hadFocus = this.element.contains(document.activeElement);
    try {
      await this.open(prefix, this.opening.signal);
    } catch {
      return; // the visitor has gone on
    }
    if (!isVisitors) return;
    if (hadFocus) this.crumbs.querySelector<HTMLElement>("[aria-current]")?.focus({ preventScroll: true });
    const { start, end } = this.index.group(prefix);
    const rows = this.index.order.slice(start, end);
    // Some may be in this result only.
    const items = this.itemOf ? rows.filter((row) => this.itemOf![row]! >= 0).map((row) => this.itemOf![row]!) : rows;
    this.onWalk(prefix.length === 0 ? undefined : items.sort());
  }

  private get isTitled(): boolean {
    return this.naming.labels !== undefined;
  }

  private titleOf(row: number): string {
    return titleOf(this.naming, row);
  }

  private draw(): void {
    const { index, prefix, listed } = this;
    const group = index.group(prefix);
    this.drawCrumbs(group);
    const isLast = prefix.length >= index.ids.levels - 1;
    if (isLast) {
      const rows = [...index.order.subarray(group.start, group.end)];
      if (this.marked) rows.sort((a, b) => this.marked![b]! - this.marked![a]!);
      this.list.replaceChildren(...rows.slice(0, listed).map((row) => this.makeItem(row)));
      this.offerMore(rows.length);
      return;
    }
    const branches = index.childrenOf(group).map((branch) => ({ branch, found: this.countMarked(branch) }));
    if (this.marked) branches.sort((a, b) => b.found - a.found);
    this.list.replaceChildren(...branches.slice(0, listed).map(({ branch, found }) => this.makeBranch(branch, found)));
    this.offerMore(branches.length);
  }

  private offerMore(total: number): void {
    const rest = total - this.list.children.length;
    this.more.hidden = rest === 0;
    this.more.textContent = `Show more (${formatCount(rest)} left)`;
  }

  private countMarked({ start, end }: CodeGroup): number {
    if (!this.marked) return 0;
    let count = 0;
    for (let i = start; i < end; i++) count += this.marked[this.index.order[i]!]!;
    return count;
  }

  private drawCrumbs(group: CodeGroup): void {
    const { index, prefix } = this;
    const tokens = prefix.length > 0 ? tokensOf(index.ids, index.order[group.start]!) : [];
    const crumb = (depth: number, ...children: (Node | string)[]) => {
      const button = make("button", "crumb", ...children);
      button.type = "button";
      if (depth === prefix.length) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => void this.walk(prefix.slice(0, depth)));
      return button;
    };
    this.crumbs.replaceChildren(
      crumb(0, "All"),
      ...prefix.flatMap((_, level) => [
        make("span", "crumb-sep", "›"),
        crumb(level + 1, codeChip(prefix, tokens, level)),
      ]),
    );
  }

  private makeBranch(branch: CodeGroup, found: number): HTMLElement {
    const { index } = this;
    const size = branch.end - branch.start;
    const tokens = tokensOf(index.ids, index.order[branch.start]!);
    const examples: string[] = [];
    for (let i = branch.start; i < branch.end && examples.length < GLYPHS; i++) {
      examples.push(this.titleOf(index.order[i]!));
    }
    const glyphs = examples.map((title) => splitGlyph(title).glyph);
    const name = this.names.get(branch.prefix.join()) || splitGlyph(examples[0]!).words;
    const count = this.marked ? `${formatCount(found)} of them, ${formatCount(size)} in all` : formatCount(size);
    const button = make(
      "button",
      "branch",
      make(
        "span",
        "branch-head",
        codeChip(branch.prefix, tokens, branch.prefix.length - 1),
        make("span", "branch-name", name),
        make("span", "branch-size", count),
      ),
    );
    button.type = "button";
    button.style.setProperty("--hue", String(familyHue(branch.prefix)));
    if (glyphs.every((glyph) => glyph !== undefined)) {
      const row = make("span", "emoji branch-glyphs", glyphs.join("\u200B"));
      row.setAttribute("aria-hidden", "true");
      button.append(row);
    } else button.append(make("span", "branch-titles", examples.slice(0, 3).join(", ")));
    if (this.marked) {
      const bar = make("i");
      bar.style.inlineSize = `${(100 * found) / Math.max(1, this.markedCount)}%`;
      button.append(make("span", "bar versus-bar", bar));
      if (found === 0) button.classList.add("is-empty");
    }
    button.addEventListener("click", () => void this.walk(branch.prefix));
    return make("li", "", button);
  }

  private makeItem(row: number): HTMLElement {
    const isMarked = this.marked?.[row] === 1;
    const tokens = tokensOf(this.index.ids, row);
    const codes = this.index.ids.at(row);
    const mark = isMarked ? [make("span", "shared", "of them")] : [];
    return make(
      "li",
      "versus-item",
      codeChip(codes, tokens, codes.length - 1),
      make("span", "branch-name", this.titleOf(row)),
      ...mark,
    );
  }
}
