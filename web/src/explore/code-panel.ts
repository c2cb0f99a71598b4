import { codeChip, tokensOf } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { download } from "../base/download.ts";
import { formatCount, formatNumber, ordinal, plural } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { CodePage } from "../lab/types.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import type { CodeNames, CodePlace, Named } from "./code-names.ts";
import "./code-panel.css";

/** A code below those that come before it; `before` is absent for a code of a later level by itself. */
export interface Subject extends CodePlace {
  before?: readonly number[];
}

/** The page of a code: its name, its typical items, the codes nearest to it, and where else it is used. */
export class CodePanel {
  private readonly panel = hook("code-panel", HTMLElement);
  private readonly names: CodeNames;
  private readonly handlers: {
    walk(prefix: readonly number[]): void;
    open(place: CodePlace): void;
    pick(item: number): void;
    ask(subject: Subject): Promise<CodePage>;
  };
  private data: DataSet | undefined;
  private index: CatalogueIndex | undefined;
  private subject: Subject | undefined;
  /** Elements that show the name of a branch, to be written anew when names change. */
  private readonly named = new Map<HTMLElement, readonly number[]>();
  private suggestion: () => void = () => {};

  constructor(names: CodeNames, handlers: CodePanel["handlers"]) {
    this.names = names;
    this.handlers = handlers;
    names.watch(() => {
      for (const [element, prefix] of this.named) element.textContent = this.nameOf(prefix);
      this.suggestion();
    });
  }

  get element(): HTMLElement {
    return this.panel;
  }

  setCatalogue(data: DataSet, index: CatalogueIndex): void {
    this.data = data;
    this.index = index;
    this.show(undefined);
  }

  /** Resolves to what the worker says of the code; to nothing if the visitor has gone elsewhere since. */
  async show(subject: Subject | undefined): Promise<CodePage | undefined> {
    this.subject = subject;
    this.named.clear();
    this.suggestion = () => {};
    this.panel.hidden = !subject;
    const { data, index } = this;
    if (!subject || !data || !index) {
      this.panel.replaceChildren();
      return undefined;
    }
    const facts = make("div", "code-facts", make("p", "hint", "Reading the code…"));
    const heading = this.makeHeading(subject);
    this.panel.replaceChildren(heading, this.makeName(subject), facts);
    const page = await this.handlers.ask(subject);
    if (subject !== this.subject) return undefined;
    if (subject.before && subject.level > 0) await this.names.prepare(subject.before);
    for (const { prefix } of page.parents) await this.names.prepare(prefix.slice(0, -1));
    if (subject !== this.subject) return undefined;
    heading.append(this.makeSize(subject, page));
    facts.replaceChildren(...this.makeFacts(data, subject, page));
    return page;
  }

  private token({ level, code }: CodePlace): string {
    const { ids } = this.index!;
    return tokensOf(ids, 0)[level]!.replace(/\d+/, String(code));
  }

  /** Coloured where the codes before it are known: the colour is that of the branch. */
  private chip({ level, code, before }: Subject): HTMLElement {
    const token = this.token({ level, code });
    if (level > 0 && !before) return make("span", "code plain", token);
    const codes = [...(before ?? []), code];
    return codeChip(codes, [...Array(level).fill(""), token], level);
  }

  private branchChips(prefix: readonly number[]): HTMLElement {
    const chips = prefix.map((code, level) => this.chip({ level, code, before: prefix.slice(0, level) }));
    return make("span", "id", ...chips);
  }

  /** Branches with few items have no telling words; one of their titles stands in. */
  private nameOf(prefix: readonly number[]): string {
    const { index, data } = this;
    const name = this.names.nameOf(prefix);
    if (name || !index || !data?.labels) return name;
    const { start, end } = index.range(prefix);
    return end > start ? titleOf(data, index.order[start]!) : "";
  }

  private nameIn(className: string, prefix: readonly number[]): HTMLElement {
    const element = make("span", className, this.nameOf(prefix));
    this.named.set(element, prefix);
    return element;
  }

  private makeHeading(subject: Subject): HTMLElement {
    const { level, before } = subject;
    const name = ordinal(level);
    const heading = make("h3", "code-title", `${name[0]!.toUpperCase()}${name.slice(1)} code `, this.chip(subject));
    if (before && level > 0) heading.append(make("span", "code-under", " below "), this.branchChips(before));
    return make("div", "code-heading", heading);
  }

  private makeSize({ level, code, before }: Subject, page: CodePage): HTMLElement {
    const { noun } = this.data!;
    const size = make("p", "hint");
    if (page.items === 0) size.append(`No ${noun[0]} has this code. It is left for items that are not here yet.`);
    else if (level === 0) size.append(`${plural(page.items, ...noun)} begin with it.`);
    else if (!before) size.append(`${plural(page.items, ...noun)} have it as their ${ordinal(level)} code.`);
    else {
      size.append(`${plural(page.itemsBelow, ...noun)} here. `);
      if (page.items > page.itemsBelow) {
        const button = make(
          "button",
          "link",
          `${formatCount(page.items)} in all have it as their ${ordinal(level)} code`,
        );
        button.type = "button";
        button.addEventListener("click", () => this.handlers.open({ level, code }));
        size.append(button);
      }
    }
    return size;
  }

  private makeName(subject: Subject): HTMLElement {
    const { level, code, before } = subject;
    const { names } = this;
    const named: Named = before ? [...before, code] : { level, code };
    const input = make("input");
    input.dataset.testid = "code-name";
    input.autocomplete = "off";
    input.maxLength = 60;
    input.value = names.givenExactly(named);
    const note = make("span", "hint");
    note.setAttribute("aria-live", "polite");
    this.suggestion = () => {
      const suggested = before ? this.nameOf([...before, code]) : "";
      input.placeholder = suggested || "Give it a name";
    };
    this.suggestion();
    const give = () => {
      if (input.value.trim() === names.givenExactly(named)) return;
      const kept = names.give(named, input.value);
      note.textContent =
        input.value.trim() === "" ? "Name taken back" : kept ? "Kept in this browser" : "Not kept after a reload";
    };
    input.addEventListener("change", give);
    input.addEventListener("keydown", (event) => event.key === "Enter" && give());
    const file = make("button", "button small", "Download the names");
    file.type = "button";
    file.dataset.testid = "download-names";
    file.addEventListener("click", () => download(this.namesFile(), "code-names.json"));
    const label = make("label", "field code-name", make("span", "field-name", "Name"), input);
    return make("div", "code-name-row", label, file, note);
  }

  private namesFile(): Blob {
    const list = this.names.list().map((entry) => ({
      id: entry.codes.map((code, level) => (code === null ? "" : this.token({ level, code }))).join(""),
      ...entry,
    }));
    const { fingerprint } = this.index!.ids;
    const file = { ...(fingerprint ? { fingerprint } : {}), names: list };
    return new Blob([`${JSON.stringify(file, null, 1)}\n`], { type: "application/json" });
  }

  private makeFacts(data: DataSet, subject: Subject, page: CodePage): HTMLElement[] {
    const facts: HTMLElement[] = [];
    const fact = (title: string, ...children: HTMLElement[]) =>
      facts.push(make("div", "code-fact", make("h4", "", title), ...children));
    if (page.typical.length > 0) {
      const list = make("ul", "code-items");
      for (const item of page.typical) {
        const chip = make("button", "kin-item", titleOf(data, item));
        chip.type = "button";
        chip.addEventListener("click", () => this.handlers.pick(item));
        list.append(make("li", "", chip));
      }
      fact("Typical items", list);
    }
    if (page.siblings.length > 0) fact("Nearest codes", this.makeSiblings(subject, page));
    if (page.parents.length > 0) fact("Where it is used", this.makeParents(page));
    return facts;
  }

  private makeSiblings({ level, before }: Subject, page: CodePage): HTMLElement {
    const list = make("ul", "code-rows");
    for (const { code, distance, items, itemsBelow } of page.siblings) {
      const isBelow = before !== undefined && itemsBelow > 0;
      const sibling = isBelow ? { level, code, before } : { level, code };
      const name = isBelow
        ? this.nameIn("code-row-name", [...before, code])
        : make(
            "span",
            "code-row-name",
            this.names.givenExactly({ level, code }) || (before ? "not in this branch" : ""),
          );
      const button = make(
        "button",
        "code-row",
        this.chip(sibling),
        name,
        make("span", "branch-size", formatCount(isBelow ? itemsBelow : items)),
      );
      button.type = "button";
      button.title = `distance ${formatNumber(distance)}`;
      button.addEventListener("click", () =>
        isBelow ? this.handlers.walk([...before, code]) : this.handlers.open({ level, code }),
      );
      list.append(make("li", "", button));
    }
    return list;
  }

  private makeParents({ code, parents, otherParents }: CodePage): HTMLElement {
    const list = make("ul", "code-rows");
    const most = parents[0]!.items;
    for (const { prefix, items } of parents) {
      const bar = make("i", "code-bar");
      bar.style.inlineSize = `${(100 * items) / most}%`;
      const button = make(
        "button",
        "code-row",
        this.branchChips(prefix),
        this.nameIn("code-row-name", prefix),
        make("span", "branch-size", formatCount(items)),
        bar,
      );
      button.type = "button";
      button.addEventListener("click", () => this.handlers.walk([...prefix, code]));
      list.append(make("li", "", button));
    }
    if (otherParents > 0) {
      const others = plural(otherParents, "other branch", "other branches");
      list.append(make("li", "hint", `and below ${others}`));
    }
    return list;
  }
}
