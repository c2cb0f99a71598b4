import { codeChip, familyHue, tokensOf } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { splitGlyph } from "../base/glyph.ts";
import { nextTask } from "../base/slices.ts";
import { formatCount, formatPercent, plural } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { CatalogueIndex, CodeGroup } from "./catalogue-index.ts";
import { type GroupName, nameGroups } from "./group-names.ts";
import { treePictures } from "./picture-buttons.ts";
import { Sunburst } from "./sunburst.ts";
import "./tree-view.css";

/** Branches or items listed at a time; glyphs and titles shown for a branch. */
const LISTED = 40;
const GLYPHS = 18;
const TITLES = 3;

/** The code tree, one branch at a time: as rings, and as a list of what is in it. */
export class TreeView {
  private readonly list = hook("code-tree", HTMLUListElement);
  private readonly crumbs = hook("crumbs", HTMLElement);
  private readonly more = hook("more-branches", HTMLButtonElement);
  private readonly sunburst: Sunburst;
  private readonly handlers: { walk(prefix: readonly number[]): void; pick(item: number): void };
  private data: DataSet | undefined;
  private index: CatalogueIndex | undefined;
  private focus: CodeGroup | undefined;
  private naming = new AbortController();
  private names = new Map<string, GroupName>();
  private listed = 0;
  private branches: CodeGroup[] = [];

  constructor(handlers: TreeView["handlers"]) {
    this.handlers = handlers;
    this.sunburst = new Sunburst((group) => this.labelOf(group), {
      walk: handlers.walk,
      hover: (group) => this.describe(group),
    });
    hook("sunburst", HTMLDivElement).append(this.sunburst.element);
    this.crumbs.after(treePictures(this.sunburst));
    this.more.addEventListener("click", () => this.listMore());
  }

  setCatalogue(data: DataSet, index: CatalogueIndex): void {
    this.data = data;
    this.index = index;
    this.names = new Map();
  }

  /** Shows a branch; its parts get their names after that. */
  async show(prefix: readonly number[]): Promise<void> {
    const { data, index } = this;
    if (!data || !index) return;
    this.naming.abort();
    this.naming = new AbortController();
    const { signal } = this.naming;
    const focus = index.group(prefix);
    this.focus = focus;
    this.branches = index.childrenOf(focus);
    this.showCrumbs(prefix);
    this.describe(undefined);
    try {
      const names = await nameGroups(data, index, this.branches, signal);
      this.branches.forEach(({ prefix: own }, i) => {
        this.names.set(own.join(), names[i]!);
      });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    this.sunburst.show(index, focus);
    await nextTask(); // the rings alone are a frame's work
    if (signal.aborted) return;
    this.describe(undefined);
    this.list.replaceChildren();
    this.listed = 0;
    this.listMore();
    this.list.parentElement!.scrollTop = 0;
  }

  private listMore(): void {
    const { focus, index, branches } = this;
    if (!focus || !index) return;
    // The last code's branches are whole IDs, whose items say more.
    const whole = focus.prefix.length >= index.ids.levels - 1;
    const total = whole ? focus.end - focus.start : branches.length;
    const until = Math.min(total, this.listed + LISTED);
    for (; this.listed < until; this.listed++) {
      this.list.append(whole ? this.makeItem(focus.start + this.listed) : this.makeBranch(branches[this.listed]!));
    }
    this.more.hidden = until === total;
    this.more.textContent = `Show more of ${formatCount(total - until)}`;
  }

  private showCrumbs(prefix: readonly number[]): void {
    const { index } = this;
    const tokens = prefix.length > 0 ? tokensOf(index!.ids, index!.order[this.focus!.start]!) : [];
    const crumb = (depth: number, ...children: (Node | string)[]) => {
      const button = make("button", "crumb", ...children);
      button.type = "button";
      if (depth === prefix.length) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => this.handlers.walk(prefix.slice(0, depth)));
      return button;
    };
    this.crumbs.replaceChildren(crumb(0, "All"));
    prefix.forEach((_, level) => {
      this.crumbs.append(make("span", "crumb-sep", "›"), crumb(level + 1, codeChip(prefix, tokens, level)));
    });
  }

  /** The middle of the rings: the group under the pointer, or the branch that is shown. */
  private describe(hovered: CodeGroup | undefined): void {
    const { index, focus, data } = this;
    const group = hovered ?? focus;
    if (!index || !group || !data) return;
    const tokens = tokensOf(index.ids, index.order[group.start]!);
    const chips = make("span", "id", ...group.prefix.map((_, level) => codeChip(group.prefix, tokens, level)));
    const count = plural(group.end - group.start, ...data.noun);
    const name = group.prefix.length === 0 ? "" : this.nameOf(group);
    this.sunburst.middle.replaceChildren(
      ...(group.prefix.length > 0 ? [chips] : []),
      make("b", "", name || (group.prefix.length === 0 ? count : "")),
      make(
        "span",
        "",
        group.prefix.length === 0 ? "press a branch" : hovered ? count : `${count} · press here to go back`,
      ),
    );
  }

  private nameOf(group: CodeGroup): string {
    const words = this.names.get(group.prefix.join())?.words;
    return words?.length ? words.join(", ") : this.titlesOf(group, 2);
  }

  private labelOf(group: CodeGroup): string {
    const { glyph } = splitGlyph(titleOf(this.data!, this.index!.order[group.start]!));
    return glyph ?? this.names.get(group.prefix.join())?.words[0] ?? this.titlesOf(group, 1);
  }

  private titlesOf({ start, end }: CodeGroup, most: number): string {
    const titles: string[] = [];
    for (let i = start; i < end && titles.length < most; i++) {
      const { words } = splitGlyph(titleOf(this.data!, this.index!.order[i]!));
      if (!titles.includes(words)) titles.push(words);
    }
    return titles.join(", ");
  }

  private makeBranch(group: CodeGroup): HTMLElement {
    const { index, data } = this;
    const tokens = tokensOf(index!.ids, index!.order[group.start]!);
    const name = this.names.get(group.prefix.join());
    const size = group.end - group.start;
    const level = group.prefix.length - 1;
    const button = make(
      "button",
      "branch",
      make(
        "span",
        "branch-head",
        codeChip(group.prefix, tokens, level),
        make("span", "branch-name", name?.words.join(", ") || this.titlesOf(group, 1)),
        make("span", "branch-size", formatCount(size)),
      ),
    );
    button.type = "button";
    button.style.setProperty("--hue", String(familyHue(group.prefix)));
    const glyphs: string[] = [];
    for (let i = group.start; i < group.end && glyphs.length < GLYPHS; i++) {
      const { glyph } = splitGlyph(titleOf(data!, index!.order[i]!));
      if (glyph === undefined) break;
      glyphs.push(glyph);
    }
    if (glyphs.length === Math.min(size, GLYPHS)) {
      const text = make("span", "emoji branch-glyphs", glyphs.join("\u200B") + (size > GLYPHS ? " …" : ""));
      text.setAttribute("aria-hidden", "true");
      button.append(text, make("span", "visually-hidden", this.titlesOf(group, TITLES)));
    } else button.append(make("span", "branch-titles", this.titlesOf(group, TITLES) + (size > TITLES ? ", …" : "")));
    if (name?.label && level === 0) {
      button.title = `${formatPercent(name.label.share)} ${name.label.value}`;
    }
    button.addEventListener("click", () => this.handlers.walk(group.prefix));
    return make("li", "", button);
  }

  private makeItem(place: number): HTMLElement {
    const { index, data } = this;
    const item = index!.order[place]!;
    const tokens = tokensOf(index!.ids, item);
    const codes = index!.ids.at(item);
    const sharing = index!.sharing[item]!;
    const button = make(
      "button",
      "branch branch-item",
      make(
        "span",
        "branch-head",
        codeChip(codes, tokens, codes.length - 1),
        make("span", "branch-name", titleOf(data!, item)),
        ...(sharing > 1 ? [make("span", "shared", `×${formatCount(sharing)}`)] : []),
      ),
    );
    button.type = "button";
    button.style.setProperty("--hue", String(familyHue(codes)));
    button.addEventListener("click", () => this.handlers.pick(item));
    return make("li", "", button);
  }
}
