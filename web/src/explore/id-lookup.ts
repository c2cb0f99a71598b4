import { codeChip, tokensOf } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { showError } from "../base/page-error.ts";
import { formatCount, plural } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { FoundIds } from "../lab/types.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import { readQuery, whyNoId } from "./query.ts";
import { readCodes } from "./read-codes.ts";
import { bestFirst, filterRows } from "./row-filter.ts";
import "./id-lookup.css";

const SHOWN = 6;

/** "Find": items by a name in the whole catalogue, by their ID or its beginning, or by the nearest ID in use. */
export class IdLookup {
  private readonly form = hook("lookup", HTMLFormElement);
  private readonly input = hook("lookup-input", HTMLInputElement);
  private readonly answer = hook("lookup-answer", HTMLDivElement);
  private readonly handlers: {
    walk(prefix: readonly number[]): void;
    pick(item: number): void;
    /** Shows all that a name finds. */
    search(words: string): void;
    lookup(codes: number[]): Promise<FoundIds>;
  };
  private data: DataSet | undefined;
  private index: CatalogueIndex | undefined;
  private finding = new AbortController();

  constructor(handlers: IdLookup["handlers"]) {
    this.handlers = handlers;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.finding.abort();
      this.finding = new AbortController();
      const { signal } = this.finding;
      this.find(signal).catch((error) => signal.aborted || showError(error));
    });
  }

  setCatalogue(data: DataSet, index: CatalogueIndex): void {
    this.finding.abort();
    this.data = data;
    this.index = index;
    this.input.value = "";
    this.input.placeholder = `A name, or ${index.ids.toTokens(index.order[0]!)}`;
    this.answer.replaceChildren();
  }

  private say(...children: (Node | string)[]): void {
    this.answer.replaceChildren(make("p", "", ...children));
  }

  private async find(signal: AbortSignal): Promise<void> {
    const { index } = this;
    if (!index) return;
    const text = this.input.value.trim();
    const query = readQuery(text);
    const { ids, order } = index;
    if (query.kind === "none") {
      const example = ids.at(order[0]!).join(" ");
      this.say(`Type a name, or the codes of an ID such as ${ids.toTokens(order[0]!)} or ${example}.`);
      return;
    }
    if (query.kind !== "tokens" && (await this.findName(text, query.kind === "words", signal))) return;
    await this.findId(readCodes(text) ?? [], signal);
  }

  /** Whether there was something to say. */
  private async findName(words: string, isName: boolean, signal: AbortSignal): Promise<boolean> {
    const { data, index } = this;
    if (!data || !index) return true;
    const everywhere = { prefix: [], query: words, sharedOnly: false, sort: "item" } as const;
    const items = await filterRows(data, index, everywhere, signal);
    const named = items.filter((item) => titleOf(data, item).toLowerCase().includes(words.toLowerCase()));
    if (named.length === 0) {
      if (!isName) return false;
      const example = index.ids.at(index.order[0]!).join(" ");
      this.say(
        `No ${data.noun[0]} is called “${words}”. Try another word, or the codes of an ID such as ${index.ids.toTokens(index.order[0]!)} or ${example}.`,
      );
      return true;
    }
    this.say(named.length === 1 ? "Found " : `${plural(named.length, ...data.noun)} found: `);
    const best = bestFirst(data, named, words);
    this.list(best, named.length);
    this.handlers.search(words);
    this.handlers.pick(best[0]!);
    return true;
  }

  private async findId(codes: number[], signal: AbortSignal): Promise<void> {
    const { index } = this;
    if (!index) return;
    const { levels } = index.ids;
    const wrong = whyNoId(codes, index.ids);
    if (codes.length === 0) {
      this.say(`This ID is not complete. Type all of it, such as ${index.ids.toTokens(index.order[0]!)}.`);
      return;
    }
    if (wrong && "tooMany" in wrong) {
      this.say(`IDs have ${plural(levels, "code")} here, but you wrote ${formatCount(wrong.tooMany)}.`);
      return;
    }
    if (wrong) {
      const { beyond, largest } = wrong;
      this.say(`Code ${beyond + 1} must be from 0 to ${formatCount(largest)}, but you wrote ${codes[beyond]}.`);
      return;
    }
    const { items, nearest } = await this.handlers.lookup(codes);
    if (signal.aborted) return; // another search, or another catalogue
    if (!nearest) {
      const isWhole = codes.length === levels;
      this.say(
        items.length === 1
          ? isWhole
            ? "One item has this ID: "
            : "One item has an ID that starts like this: "
          : isWhole
            ? `${formatCount(items.length)} items have this ID: `
            : `${formatCount(items.length)} items have IDs that start like this: `,
      );
      this.list(items);
      if (isWhole) this.handlers.pick(items[0]!);
      else this.handlers.walk(codes);
      return;
    }
    const tokens = tokensOf(index.ids, items[0]!);
    this.say(
      `No item has this ID. The nearest ID in use: `,
      make("span", "id", ...nearest.map((_, level) => codeChip(nearest, tokens, level))),
      " ",
    );
    this.list(items);
  }

  private list(items: Uint32Array, count = items.length): void {
    const line = this.answer.firstElementChild!;
    for (const item of items.subarray(0, SHOWN)) {
      const chip = make("button", "kin-item", titleOf(this.data!, item));
      chip.type = "button";
      chip.addEventListener("click", () => this.handlers.pick(item));
      line.append(chip, " ");
    }
    if (count > SHOWN) line.append(`and ${formatCount(count - SHOWN)} more`);
  }
}
