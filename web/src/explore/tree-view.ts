import { codeChip, familyHue, tokensOf } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { splitGlyph } from "../base/glyph.ts";
import { nextTask } from "../base/slices.ts";
import { formatCount, formatPercent, plural } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { CatalogueIndex, CodeGroup } from "./catalogue-index.ts";
import type { CodeNames } from "./code-names.ts";
import { isSamePrefix } from "./exploration.ts";
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
  private readonly announcement = make("p", "visually-hidden");
  private readonly names: CodeNames;
  private data: DataSet | undefined;
  private index: CatalogueIndex | undefined;
  private focus: CodeGroup | undefined;
  private showing = new AbortController();
  private listed = 0;
  private branches: CodeGroup[] = [];
  /** The listed branches and items, by their buttons. */
  private readonly shown = new Map<HTMLButtonElement, CodeGroup>();
  private item = -1;

  constructor(names: CodeNames, handlers: TreeView["handlers"]) {
    this.names = names;
    this.handlers = handlers;
    this.sunburst = new Sunburst((group) => this.labelOf(group), {
      walk: handlers.walk,
      hover: (group) => this.describe(group),
    });
    hook("sunburst", HTMLDivElement).append(this.sunburst.element);
    this.announcement.setAttribute("aria-live", "polite");
    this.list.after(this.announcement);
    this.more.addEventListener("click", () => {
      const next = this.listed;
      this.listMore();
      this.buttons()[next]?.focus();
    });
    this.list.addEventListener("keydown", (event) => this.press(event));
    for (const [type, on] of [
      ["pointerover", true],
      ["focusin", true],
      ["pointerout", false],
      ["focusout", false],
    ] as const) {
      this.list.addEventListener(type, ({ target }) => {
        const button = (target as HTMLElement).closest("button");
        this.sunburst.point(on && button ? this.shown.get(button)?.prefix : undefined);
      });
    }
    names.watch(() => this.rename());
    this.crumbs.after(treePictures(this.sunburst));
  }

  setCatalogue(data: DataSet, index: CatalogueIndex): void {
    this.data = data;
    this.index = index;
    this.focus = undefined;
    this.item = -1;
  }

  /** Shows a branch, when its parts have their names. Whoever walks by keyboard stays on the branch that was walked. */
  async show(prefix: readonly number[]): Promise<void> {
    const { data, index } = this;
    if (!data || !index) return;
    this.showing.abort();
    this.showing = new AbortController();
    const { signal } = this.showing;
    const before = this.focus?.prefix ?? [];
    const inCrumbs = this.crumbs.contains(document.activeElement);
    const focus = index.group(prefix);
    this.focus = focus;
    this.branches = index.childrenOf(focus);
    this.showCrumbs(prefix);
    if (inCrumbs) this.crumbs.querySelector<HTMLElement>("[aria-current]")?.focus({ preventScroll: true });
    this.describe(undefined);
    await this.names.prepare(prefix);
    if (signal.aborted) return;
    this.sunburst.show(index, focus);
    await nextTask(); // the rings alone are a frame's work
    if (signal.aborted) return;
    this.describe(undefined);
    const inList = this.list.contains(document.activeElement);
    this.list.replaceChildren();
    this.shown.clear();
    this.listed = 0;
    this.listMore();
    this.list.parentElement!.scrollTop = 0;
    this.announce(focus);
    if (inList) this.focusOn(before.length > prefix.length ? before.slice(0, prefix.length + 1) : undefined);
  }

  /** Marks the item of the card, and the branch that it is in. */
  mark(item: number): void {
    this.item = item;
    for (const [button, group] of this.shown) this.markButton(button, group);
  }

  private markButton(button: HTMLButtonElement, { prefix, start }: CodeGroup): void {
    const { index, item } = this;
    if (!index || item < 0) return;
    const isItem = button.classList.contains("branch-item");
    const codes = index.ids.at(item);
    const marked = isItem ? index.order[start] === item : isSamePrefix(codes.slice(0, prefix.length), prefix);
    if (marked) button.setAttribute("aria-current", isItem ? "true" : "location");
    else button.removeAttribute("aria-current");
  }

  private buttons(): HTMLButtonElement[] {
    return [...this.shown.keys()];
  }

  /** The button of a branch, or the first. */
  private focusOn(prefix: readonly number[] | undefined): void {
    const find = () => [...this.shown].find(([, group]) => prefix && isSamePrefix(group.prefix, prefix))?.[0];
    while (prefix && !find() && !this.more.hidden) this.listMore();
    (find() ?? this.buttons()[0])?.focus();
  }

  /** Up and down through the list, right into a branch, left out of it. */
  private press(event: KeyboardEvent): void {
    const { focus } = this;
    const buttons = this.buttons();
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (at < 0 || !focus || event.altKey || event.ctrlKey || event.metaKey) return;
    const { key } = event;
    if (key === "ArrowLeft" && focus.prefix.length > 0) this.handlers.walk(focus.prefix.slice(0, -1));
    else if (key === "ArrowRight" && !buttons[at]!.classList.contains("branch-item")) buttons[at]!.click();
    else if (key === "ArrowDown") (buttons[at + 1] ?? (this.more.hidden ? buttons[at]! : this.more)).focus();
    else if (key === "ArrowUp") buttons[Math.max(0, at - 1)]!.focus();
    else if (key === "Home") buttons[0]!.focus();
    else if (key === "End") buttons.at(-1)!.focus();
    else return;
    event.preventDefault();
  }

  /** Says at which level the visitor is, and names the list after it. */
  private announce({ prefix, start, end }: CodeGroup): void {
    const { index, data, branches } = this;
    if (!index || !data) return;
    const { levels } = index.ids;
    const tokens = tokensOf(index.ids, index.order[start]!).slice(0, prefix.length).join("");
    const name = prefix.length > 0 ? this.nameOf({ prefix, start, end }) : "";
    const whole = prefix.length >= levels - 1;
    const parts = whole ? plural(end - start, ...data.noun) : plural(branches.length, "branch", "branches");
    const where = prefix.length === 0 ? "of the whole tree" : `in ${tokens}${name ? `, ${name}` : ""}`;
    this.list.setAttribute("aria-label", `${parts} ${where}`);
    this.announcement.textContent = `Level ${Math.min(prefix.length + 1, levels)} of ${levels}: ${parts} ${where}`;
  }

  /** Writes the names anew, which leaves the focus and the scrolling where they are. */
  private rename(): void {
    if (!this.focus || !this.index) return;
    for (const [button, group] of this.shown) {
      if (button.classList.contains("branch-item")) continue;
      button.querySelector(".branch-name")!.textContent = this.nameOf(group, 1);
    }
    const typing = this.crumbs.contains(document.activeElement);
    if (!typing) this.showCrumbs(this.focus.prefix);
    this.describe(undefined);
    this.sunburst.draw();
  }

  private listMore(): void {
    const { focus, index, branches } = this;
    if (!focus || !index) return;
    // The last code's branches are whole IDs, whose items say more.
    const whole = focus.prefix.length >= index.ids.levels - 1;
    const total = whole ? focus.end - focus.start : branches.length;
    const until = Math.min(total, this.listed + LISTED);
    for (; this.listed < until; this.listed++) {
      const place = focus.start + this.listed;
      const group = whole
        ? { ...index.group(index.ids.at(index.order[place]!)), start: place }
        : branches[this.listed]!;
      const button = whole ? this.makeItem(place) : this.makeBranch(group);
      this.shown.set(button, group);
      this.markButton(button, group);
      this.list.append(make("li", "", button));
    }
    this.more.hidden = until === total;
    this.more.textContent = `Show more (${formatCount(total - until)} left)`;
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
      const name = this.names.nameOf(prefix.slice(0, level + 1));
      this.crumbs.append(
        make("span", "crumb-sep", "›"),
        crumb(level + 1, codeChip(prefix, tokens, level), ...(name ? [make("span", "crumb-name", name)] : [])),
      );
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

  private nameOf(group: CodeGroup, titles = 2): string {
    return this.names.nameOf(group.prefix) || this.titlesOf(group, titles);
  }

  /** In the rings there is room for a picture or a word, unless the visitor has chosen the words. */
  private labelOf(group: CodeGroup): string {
    const { glyph } = splitGlyph(titleOf(this.data!, this.index!.order[group.start]!));
    const { names } = this;
    return names.givenTo(group.prefix) ?? glyph ?? names.about(group.prefix)?.words[0] ?? this.titlesOf(group, 1);
  }

  private titlesOf({ start, end }: CodeGroup, most: number): string {
    const titles: string[] = [];
    for (let i = start; i < end && titles.length < most; i++) {
      const { words } = splitGlyph(titleOf(this.data!, this.index!.order[i]!));
      if (!titles.includes(words)) titles.push(words);
    }
    return titles.join(", ");
  }

  private makeBranch(group: CodeGroup): HTMLButtonElement {
    const { index, data } = this;
    const tokens = tokensOf(index!.ids, index!.order[group.start]!);
    const about = this.names.about(group.prefix);
    const size = group.end - group.start;
    const level = group.prefix.length - 1;
    const button = make(
      "button",
      "branch",
      make(
        "span",
        "branch-head",
        codeChip(group.prefix, tokens, level),
        make("span", "branch-name", this.nameOf(group, 1)),
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
    if (about?.label && level === 0) {
      button.title = `${formatPercent(about.label.share)} ${about.label.value}`;
    }
    button.addEventListener("click", () => this.handlers.walk(group.prefix));
    return button;
  }

  private makeItem(place: number): HTMLButtonElement {
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
    return button;
  }
}
