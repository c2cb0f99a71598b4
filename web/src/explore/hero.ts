import { SemanticIds } from "rqvae";
import { codeChip, idChips, tokensOf } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { splitGlyph } from "../base/glyph.ts";
import { plural } from "../base/words.ts";
import { titleOf } from "../data/data-set.ts";
import { sampleOf } from "../data/samples.ts";
import { CatalogueIndex, type CodeGroup } from "./catalogue-index.ts";
import { CodeNames } from "./code-names.ts";
import heroTree from "./hero-tree.json?url";
import { Sunburst } from "./sunburst.ts";
import "./hero.css";

/** Few enough that each part of the small picture can be seen. */
const RINGS = 2;
const BRANCHES = 6;
const ITEMS = 4;
/** The first picture shows how their IDs begin with the same codes, and where they part. */
const EXAMPLES = ["🎸 guitar", "🎻 violin", "🎧️ headphone", "🚜 tractor"];

/** The codes of the emoji, as tools/hero-tree.mjs writes them. */
export interface HeroFile {
  fingerprint: string;
  codebookSizes: number[];
  codes: string;
}

export function readHero({ codes, codebookSizes }: HeroFile): SemanticIds {
  const bytes = Uint8Array.from(atob(codes), (letter) => letter.charCodeAt(0));
  return SemanticIds.from({ codes: Int32Array.from(bytes), levels: codebookSizes.length }, { codebookSizes });
}

/** Shows a finished result before anything runs. Without it, as on a poor connection, the page is as good for everything else. */
export async function showHero(): Promise<void> {
  const figure = hook("hero", HTMLElement);
  try {
    const [file, labels] = await Promise.all([heroTree, sampleOf("emoji")!.labelsUrl].map((url) => fetchJson(url)));
    const { titles } = labels as { titles: string[] };
    const ids = readHero(file as HeroFile);
    if (titles.length !== ids.length) throw new Error("The titles are of other items");
    const index = await CatalogueIndex.build(ids, new AbortController().signal);
    await new HeroTree(titles, index).walk([]);
  } catch {
    figure.hidden = true;
  }
}

async function fetchJson(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
}

/** A small tree to walk: rings, the largest branches, and some items with their IDs. */
class HeroTree {
  private readonly crumbs = hook("hero-crumbs", HTMLElement);
  private readonly branches = hook("hero-branches", HTMLUListElement);
  private readonly items = hook("hero-items", HTMLUListElement);
  private readonly names = new CodeNames();
  private readonly data: { labels: { titles: string[] } };
  private readonly index: CatalogueIndex;
  private readonly rings: Sunburst;
  private focus: CodeGroup;
  /** The items that are shown while the pointer is on none of the branches. */
  private own: number[] = [];

  constructor(titles: string[], index: CatalogueIndex) {
    this.data = { labels: { titles } };
    this.index = index;
    this.focus = index.root;
    this.names.setCatalogue(this.data, index);
    const handlers = {
      walk: (prefix: readonly number[]) => void this.walk(prefix),
      hover: (group: CodeGroup | undefined) => this.describe(group),
    };
    this.rings = new Sunburst((group) => this.labelOf(group), handlers, RINGS);
    hook("hero-rings", HTMLDivElement).append(this.rings.element);
  }

  async walk(to: readonly number[]): Promise<void> {
    const { index, names } = this;
    // A whole ID has no rings of its own: it is shown among its neighbours.
    const prefix = to.slice(0, index.ids.levels - 1);
    const active = document.activeElement;
    const [inCrumbs, inBranches] = [this.crumbs.contains(active), this.branches.contains(active)];
    this.focus = index.group(prefix);
    const { focus } = this;
    await names.prepare(prefix);
    if (focus !== this.focus) return;
    this.own = to.length > 0 ? this.someOf(index.group(to)) : this.relatives();
    this.rings.show(index, focus);
    this.describe(undefined);
    this.showCrumbs(prefix);
    this.showBranches(index.childrenOf(focus));
    if (inCrumbs || inBranches)
      this.crumbs.querySelector<HTMLElement>("[aria-current]")?.focus({ preventScroll: true });
  }

  private titleOf(item: number): string {
    return titleOf(this.data, item);
  }

  private labelOf({ start, prefix }: CodeGroup): string {
    return splitGlyph(this.titleOf(this.index.order[start]!)).glyph ?? this.names.nameOf(prefix);
  }

  private nameOf({ prefix, start }: CodeGroup): string {
    return this.names.nameOf(prefix) || splitGlyph(this.titleOf(this.index.order[start]!)).words;
  }

  private chips({ prefix, start }: CodeGroup): HTMLElement {
    const tokens = tokensOf(this.index.ids, this.index.order[start]!);
    return make("span", "id", ...prefix.map((_, level) => codeChip(prefix, tokens, level)));
  }

  private describe(hovered: CodeGroup | undefined): void {
    const group = hovered ?? this.focus;
    const count = plural(group.end - group.start, "emoji", "emoji");
    const isTop = group.prefix.length === 0;
    this.rings.middle.replaceChildren(
      ...(isTop ? [] : [this.chips(group)]),
      make("b", "", isTop ? count : this.nameOf(group)),
      make("span", "", isTop ? "press a branch" : hovered ? count : `${count} · press here to go back`),
    );
    this.showItems(hovered ? this.someOf(hovered) : this.own);
  }

  private showCrumbs(prefix: readonly number[]): void {
    const crumb = (depth: number, ...children: (Node | string)[]) => {
      const button = make("button", "crumb", ...children);
      button.type = "button";
      if (depth === prefix.length) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => void this.walk(prefix.slice(0, depth)));
      return button;
    };
    this.crumbs.replaceChildren(crumb(0, "All"));
    prefix.forEach((_, level) => {
      const chips = this.chips(this.index.group(prefix.slice(0, level + 1)));
      this.crumbs.append(make("span", "crumb-sep", "›"), crumb(level + 1, chips.lastChild!));
    });
  }

  private showBranches(groups: readonly CodeGroup[]): void {
    const buttons = groups.slice(0, BRANCHES).map((group) => {
      const { glyph } = splitGlyph(this.titleOf(this.index.order[group.start]!));
      const picture = make("span", "emoji", glyph ?? "");
      picture.setAttribute("aria-hidden", "true");
      const button = make(
        "button",
        "hero-branch",
        this.chips(group).lastChild!,
        make("span", "hero-branch-name", picture, this.nameOf(group)),
      );
      button.type = "button";
      button.addEventListener("click", () => void this.walk(group.prefix));
      for (const [type, on] of [
        ["pointerenter", true],
        ["focus", true],
        ["pointerleave", false],
        ["blur", false],
      ] as const)
        button.addEventListener(type, () => this.rings.point(on ? group.prefix : undefined));
      return make("li", "", button);
    });
    this.branches.replaceChildren(...buttons);
  }

  private showItems(items: readonly number[]): void {
    this.items.replaceChildren(
      ...items.map((item) => {
        const { glyph, words } = splitGlyph(this.titleOf(item));
        const picture = make("span", "emoji", glyph ?? "");
        picture.setAttribute("aria-hidden", "true");
        return make("li", "", picture, make("span", "hero-item-name", words), idChips(this.index.ids, item));
      }),
    );
  }

  private someOf({ start, end }: CodeGroup): number[] {
    const count = Math.min(ITEMS, end - start);
    return Array.from({ length: count }, (_, i) => this.index.order[start + Math.floor((i * (end - start)) / count)]!);
  }

  /** An item, and one each that shares two codes with it, one code, and none: those that people know, if it is still so. */
  private relatives(): number[] {
    const { titles } = this.data.labels;
    const { ids } = this.index;
    const [item, ...others] = EXAMPLES.map((title) => titles.indexOf(title)).filter((found) => found >= 0);
    if (item === undefined) return this.someOf(this.index.root);
    const codes = ids.at(item);
    const shared = (other: number) => codes.findIndex((code, level) => ids.at(other)[level] !== code);
    return [item, ...others.sort((a, b) => shared(b) - shared(a))];
  }
}
