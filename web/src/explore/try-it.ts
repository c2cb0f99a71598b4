import { codeChip } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { inPlainWords } from "../base/page-error.ts";
import { formatCount, formatNumber, plural } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { NewItem, PlacedItem } from "../lab/types.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import "./try-it.css";

/** Samples whose vectors are averages of words, so that a title has its place among them: `node bench/words.mjs` measures how near. */
const OF_WORDS = new Set(["emoji", "icons"]);
const EXAMPLES: Readonly<Record<string, string>> = { emoji: "pirate cat", icons: "coffee machine" };
/** Items that are named in a row. */
const SHOWN = 6;

interface Handlers {
  walk(prefix: readonly number[]): void;
  pick(item: number): void;
  place(item: NewItem): Promise<PlacedItem>;
  /** For views that show the new item's place. */
  placed(title: string, placed: PlacedItem): void;
}

/** "Try it": the ID of an item that the model never saw, code by code, and what is near it. */
export class TryIt {
  readonly element = hook("try-it", HTMLElement);
  private readonly handlers: Handlers;
  private readonly answer = make("div", "try-answer");
  private readonly input = make("input");
  private readonly label = make("span", "field-name");
  private readonly better = make("p", "hint better-vectors");
  private data: DataSet | undefined;
  private index: CatalogueIndex | undefined;
  private asked = 0;

  constructor(handlers: Handlers) {
    this.handlers = handlers;
    const { input, answer } = this;
    input.autocomplete = "off";
    input.dataset.testid = "try-input";
    answer.dataset.testid = "try-answer";
    answer.setAttribute("aria-live", "polite");
    this.better.dataset.testid = "better-vectors";
    this.better.append(
      "Better vectors: run ",
      make("code", "", "npx rqvae embed items.csv --text title --model Xenova/all-MiniLM-L6-v2"),
      ", or ask an embedding service, and drop the file here with the same titles. A language model also understands word order and other languages.",
    );
    const send = make("button", "button", "Give it an ID");
    send.type = "submit";
    const form = make("form", "", make("label", "field", this.label, input), send);
    form.noValidate = true;
    form.dataset.testid = "try-form";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const item = this.read();
      if (item) void this.place(item);
    });
    // A file dropped on the box is a new item, not another catalogue.
    this.element.addEventListener("drop", (event) => {
      const file = event.dataTransfer?.files[0];
      if (!file || this.element.hidden) return;
      event.preventDefault();
      event.stopPropagation();
      void this.place({ file });
    });
    this.element.append(make("h3", "", "Try it: a new item"), form, answer, this.better);
  }

  setCatalogue(data: DataSet, index: CatalogueIndex): void {
    this.data = data;
    this.index = index;
    this.asked++;
    const { source } = data;
    const takesTitles = this.takesTitles();
    this.better.hidden = !(source.kind === "files" && source.fromWords);
    this.label.textContent = takesTitles
      ? "A title of your own"
      : `A vector of ${plural(data.dim, "number")}: paste it, or drop its file here`;
    this.input.placeholder = takesTitles
      ? (EXAMPLES[source.kind === "sample" ? source.key : ""] ?? "red winter boots")
      : "0.12, -0.5, …";
    this.input.value = "";
    this.answer.replaceChildren();
  }

  private takesTitles(): boolean {
    const source = this.data?.source;
    return source?.kind === "sample" ? OF_WORDS.has(source.key) : source?.fromWords === true;
  }

  private read(): NewItem | undefined {
    const text = this.input.value.trim();
    if (text === "") {
      this.input.focus();
      return undefined;
    }
    const parts = text
      .replace(/^\[|\]$/g, "")
      .trim()
      .split(/[\s,;]+/);
    const numbers = parts.map(Number);
    if (numbers.length > 1 && numbers.every(Number.isFinite)) return { vector: numbers };
    if (this.takesTitles()) return { title: text };
    this.say(
      `These items came with vectors of their own, so a title has no place among them. Paste the ${formatCount(this.data?.dim ?? 0)} numbers of a vector that the same model made.`,
    );
    return undefined;
  }

  private say(...children: (Node | string)[]): void {
    this.answer.replaceChildren(make("p", "", ...children));
  }

  private async place(item: NewItem): Promise<void> {
    const asked = ++this.asked;
    this.say("Giving it an ID…");
    try {
      const placed = await this.handlers.place(item);
      if (asked !== this.asked || !this.data || !this.index) return;
      this.show(placed, this.data, this.index);
      this.handlers.placed("title" in item ? item.title : "new item", placed);
    } catch (error) {
      if (asked === this.asked) this.say(inPlainWords(error));
    }
  }

  private show(placed: PlacedItem, data: DataSet, index: CatalogueIndex): void {
    const { explanation, nearest, taken, words } = placed;
    const { codes, levels } = explanation;
    const tokens = levels.map(({ token }) => token);
    const id = make("span", "id", ...codes.map((_, level) => codeChip(codes, tokens, level)));
    id.dataset.testid = "try-id";
    // The longest beginning of its ID that items have.
    let depth = codes.length;
    const sizeOf = (length: number) => {
      const { start, end } = index.range(codes.slice(0, length));
      return end - start;
    };
    while (depth > 0 && sizeOf(depth) === 0) depth--;
    const branch = make(
      "button",
      "button small",
      depth === 0 ? "Show the whole tree" : `Show its branch: ${plural(sizeOf(depth), ...data.noun)}`,
    );
    branch.type = "button";
    branch.dataset.testid = "try-branch";
    branch.addEventListener("click", () => this.handlers.walk(codes.slice(0, depth)));
    const chips = (items: Iterable<number>) =>
      Array.from(items, (item) => {
        const chip = make("button", "kin-item", titleOf(data, item));
        chip.type = "button";
        chip.addEventListener("click", () => this.handlers.pick(item));
        return chip;
      });
    const share =
      taken.length === 0
        ? "No item has this ID yet."
        : `${taken.length === 1 ? "One item has" : `${formatCount(taken.length)} items have`} the same ID:`;
    const unknown =
      words && words.known < words.words ? ` Unknown: ${words.unknown.join(", ")}; by its letters alone.` : "";
    this.answer.replaceChildren(
      make("p", "try-names", make("b", "", "Its ID: "), id, branch),
      make("p", "try-names", make("span", "", share), ...chips(taken.subarray(0, SHOWN))),
      this.levelsOf(placed),
      make("p", "try-names", make("span", "", "Nearest items:"), ...chips(nearest.map(({ item }) => item))),
      ...(unknown === "" ? [] : [make("p", "hint", unknown.trim())]),
    );
  }

  /** Code by code: what was chosen, and what would have been. */
  private levelsOf({ explanation }: PlacedItem): HTMLElement {
    const { codes, levels } = explanation;
    const tokens = levels.map(({ token }) => token);
    const header = make("tr");
    for (const name of ["Code", "Distance", "Runner-up", "Its distance"]) {
      const cell = make("th", "", name);
      cell.scope = "col";
      header.append(cell);
    }
    const body = make("tbody");
    for (const { level, distance, runnerUp } of levels) {
      const other = [...codes.slice(0, level), runnerUp?.code ?? 0];
      const otherTokens = [...tokens];
      if (runnerUp) otherTokens[level] = tokens[level]!.replace(/\d+/, String(runnerUp.code));
      body.append(
        make(
          "tr",
          "",
          make("td", "", codeChip(codes, tokens, level)),
          make("td", "number", formatNumber(distance)),
          make("td", "", ...(runnerUp ? [codeChip(other, otherTokens, level)] : ["–"])),
          make("td", "number", runnerUp ? formatNumber(runnerUp.distance) : "–"),
        ),
      );
    }
    return make("table", "why-table try-levels", make("thead", "", header), body);
  }
}
