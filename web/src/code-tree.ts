import type { CatalogueIndex, CodeGroup } from "./catalogue-index.ts";
import { codeChip, familyHue, tokensOf } from "./code-chips.ts";
import { type DataSet, titleOf } from "./data-set.ts";
import { hook, make } from "./dom.ts";
import type { FamilyName } from "./family-names.ts";
import { splitGlyph } from "./glyph.ts";
import { nextTask } from "./slices.ts";
import { formatCount, formatShare } from "./words.ts";

/** Cards added at a time, boxes in a card and items in a box, before the rest is summed up. */
const CARDS = matchMedia("(max-width: 40rem)").matches ? 8 : 24;
const BOXES = 40;
const GLYPHS = 80;
const TITLES = 3;

/** The families of first codes with their second codes, as cards with boxes; pressing one filters the table. */
export class CodeTree {
  private readonly list = hook("code-tree", HTMLUListElement);
  private readonly more = hook("more-families", HTMLButtonElement);
  private readonly onPick: (prefix: readonly number[]) => void;
  private buttons: { prefix: readonly number[]; button: HTMLButtonElement }[] = [];
  private picked: readonly number[] = [];
  private showMore: () => void = () => {};

  constructor(onPick: (prefix: readonly number[]) => void) {
    this.onPick = onPick;
    this.more.addEventListener("click", () => this.showMore());
  }

  async show(data: DataSet, index: CatalogueIndex, names: FamilyName[], signal: AbortSignal): Promise<void> {
    this.list.replaceChildren();
    this.buttons = [];
    let from = 0;
    const add = async () => {
      const until = Math.min(from + CARDS, index.families.length);
      for (; from < until; from++) {
        await nextTask();
        signal.throwIfAborted();
        this.list.append(this.makeCard(data, index, index.families[from]!, names[from]!));
      }
      const left = index.families.length - from;
      this.more.hidden = left === 0;
      this.more.textContent = `Show ${formatCount(Math.min(left, CARDS))} more of ${formatCount(left)}`;
      this.highlight(this.picked);
    };
    this.showMore = () => void add().catch(() => {}); // aborted: another catalogue took the page
    await add();
  }

  /** Marks the code that the table shows. */
  highlight(prefix: readonly number[]): void {
    this.picked = prefix;
    for (const { prefix: own, button } of this.buttons) {
      button.setAttribute(
        "aria-pressed",
        String(own.length === prefix.length && own.every((code, i) => code === prefix[i])),
      );
    }
  }

  private makeButton(className: string, prefix: readonly number[]): HTMLButtonElement {
    const button = make("button", className);
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => this.onPick(prefix));
    this.buttons.push({ prefix, button });
    return button;
  }

  private makeCard(data: DataSet, index: CatalogueIndex, family: CodeGroup, name: FamilyName): HTMLElement {
    const tokens = tokensOf(index.ids, index.order[family.start]!);
    const size = family.end - family.start;
    const head = this.makeButton("family-head", family.prefix);
    head.append(
      codeChip(family.prefix, tokens, 0),
      make("span", "family-name", name.words.join(", ") || `family ${family.prefix[0]}`),
      make("span", "family-size", formatCount(size)),
    );
    const card = make("li", "family", head);
    card.style.setProperty("--hue", familyHue(family.prefix));
    if (name.label) {
      card.append(make("p", "family-label", `${formatShare(name.label.share)} ${name.label.value}`));
    }
    if (index.ids.levels < 2) {
      card.append(make("p", "family-items", this.describe(data, index, family)));
      return card;
    }
    const boxes = make("ul", "boxes");
    for (const group of family.children.slice(0, BOXES)) boxes.append(make("li", "", this.makeBox(data, index, group)));
    const left = family.children.length - BOXES;
    if (left > 0) boxes.append(make("li", "boxes-more", `and ${formatCount(left)} more second codes`));
    card.append(boxes);
    return card;
  }

  private makeBox(data: DataSet, index: CatalogueIndex, group: CodeGroup): HTMLElement {
    const tokens = tokensOf(index.ids, index.order[group.start]!);
    const box = this.makeButton("box", group.prefix);
    const size = group.end - group.start;
    const glyphs: string[] = [];
    for (let i = group.start; i < group.end && glyphs.length < GLYPHS; i++) {
      const { glyph } = splitGlyph(titleOf(data, index.order[i]!));
      if (glyph === undefined) break;
      glyphs.push(glyph);
    }
    const description = this.describe(data, index, group);
    const chip = codeChip(group.prefix, tokens, 1);
    box.append(chip);
    if (glyphs.length === Math.min(size, GLYPHS)) {
      const text = make("span", "emoji box-glyphs", glyphs.join("\u200B")); // lines may break between emoji
      text.setAttribute("aria-hidden", "true");
      box.append(text, make("span", "visually-hidden", description));
      box.title = `${tokens.slice(0, 2).join("")} ${description}`;
      if (size === 1) {
        // Alone under its second code: the emoji says more than a chip beside each would.
        box.classList.add("single");
        chip.className = "visually-hidden";
      }
      if (size > GLYPHS) box.append(make("span", "box-rest", `+${formatCount(size - GLYPHS)}`));
    } else box.append(make("span", "box-titles", description));
    return box;
  }

  private describe(data: DataSet, index: CatalogueIndex, group: CodeGroup): string {
    const titles: string[] = [];
    const size = group.end - group.start;
    for (let i = group.start; i < group.end && titles.length < TITLES; i++) {
      titles.push(splitGlyph(titleOf(data, index.order[i]!)).words);
    }
    return titles.join(", ") + (size > TITLES ? ` and ${formatCount(size - TITLES)} more` : "");
  }
}
