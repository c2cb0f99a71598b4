import { codeChip, tokensOf } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { showError } from "../base/page-error.ts";
import { formatCount, plural } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { FoundIds } from "../lab/types.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import { readCodes } from "./read-codes.ts";
import "./id-lookup.css";

const SHOWN = 6;

/** "Look up an ID": the items that have it, those whose IDs start with it, or the nearest ID in use. */
export class IdLookup {
  private readonly form = hook("lookup", HTMLFormElement);
  private readonly input = hook("lookup-input", HTMLInputElement);
  private readonly answer = hook("lookup-answer", HTMLDivElement);
  private readonly handlers: {
    walk(prefix: readonly number[]): void;
    pick(item: number): void;
    lookup(codes: number[]): Promise<FoundIds>;
  };
  private data: DataSet | undefined;
  private index: CatalogueIndex | undefined;

  constructor(handlers: IdLookup["handlers"]) {
    this.handlers = handlers;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.find().catch(showError);
    });
  }

  setCatalogue(data: DataSet, index: CatalogueIndex): void {
    this.data = data;
    this.index = index;
    this.input.value = "";
    this.input.placeholder = index.ids.toTokens(index.order[0]!);
    this.answer.replaceChildren();
  }

  private async find(): Promise<void> {
    const { index, data } = this;
    if (!index || !data) return;
    const say = (...children: (Node | string)[]) => this.answer.replaceChildren(make("p", "", ...children));
    const codes = readCodes(this.input.value);
    const { levels, codebookSizes } = index.ids;
    if (!codes) {
      say(`Write the codes of an ID, such as ${this.input.placeholder} or ${index.ids.at(index.order[0]!).join(" ")}.`);
      return;
    }
    if (codes.length > levels) {
      say(`IDs have ${plural(levels, "code")} here, but you wrote ${formatCount(codes.length)}.`);
      return;
    }
    const beyond = codes.findIndex((code, level) => code >= codebookSizes[level]!);
    if (beyond >= 0) {
      say(
        `Code ${beyond + 1} must be from 0 to ${formatCount(codebookSizes[beyond]! - 1)}, but you wrote ${codes[beyond]}.`,
      );
      return;
    }
    const { items, nearest } = await this.handlers.lookup(codes);
    if (index !== this.index) return; // the catalogue is no longer shown
    if (!nearest) {
      const isWhole = codes.length === levels;
      say(
        items.length === 1
          ? isWhole
            ? "One item has this ID: "
            : "One item has an ID that starts like this: "
          : isWhole
            ? `${formatCount(items.length)} items have this ID: `
            : `${formatCount(items.length)} items have IDs that start like this: `,
      );
      this.list(items);
      if (codes.length < levels) this.handlers.walk(codes);
      this.handlers.pick(items[0]!);
      return;
    }
    const tokens = tokensOf(index.ids, items[0]!);
    say(
      `No item has this ID. The nearest ID in use: `,
      make("span", "id", ...nearest.map((_, level) => codeChip(nearest, tokens, level))),
      " ",
    );
    this.list(items);
  }

  private list(items: Uint32Array): void {
    const line = this.answer.firstElementChild!;
    for (const item of items.subarray(0, SHOWN)) {
      const chip = make("button", "kin-item", titleOf(this.data!, item));
      chip.type = "button";
      chip.addEventListener("click", () => this.handlers.pick(item));
      line.append(chip, " ");
    }
    if (items.length > SHOWN) line.append(`and ${formatCount(items.length - SHOWN)} more`);
  }
}
