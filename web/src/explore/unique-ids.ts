import { SemanticIds } from "rqvae";
import { idChips } from "../base/code-chips.ts";
import { make } from "../base/dom.ts";
import { showError } from "../base/page-error.ts";
import { plural } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import { type Lab, LabGone } from "../lab/lab.ts";
import type { HowUnique, UniqueIds } from "../lab/types.ts";

type Watcher = (unique: UniqueIds | undefined) => void;
const watchers: Watcher[] = [];

/** Calls `watcher` when the published IDs become unique, or the model's own again. */
export function onUnique(watcher: Watcher): void {
  watchers.push(watcher);
}

function announce(unique: UniqueIds | undefined): void {
  for (const watcher of watchers) watcher(unique);
}

/** The part of the report that gives every item an ID of its own. */
export class UniqueIdsView {
  readonly element = make("div", "unique-ids");
  private readonly lab: Lab;
  private readonly data: DataSet;
  private readonly sizes: readonly number[];

  constructor(lab: Lab, data: DataSet, sizes: readonly number[], unique: UniqueIds | undefined) {
    this.lab = lab;
    this.data = data;
    this.sizes = sizes;
    this.element.dataset.testid = "unique-ids";
    this.element.setAttribute("aria-live", "polite");
    this.show(unique);
  }

  /** Offers both ways, in the order of how little they change. */
  ask(): void {
    const way = (how: HowUnique, label: string, about: string) => {
      const button = make("button", "button small", label);
      button.type = "button";
      button.dataset.testid = `unique-${how}`;
      button.addEventListener("click", () => void this.make(how));
      return make("li", "", button, make("span", "hint", about));
    };
    this.element.replaceChildren(
      make("h4", "", "Make IDs unique"),
      make(
        "ul",
        "unique-ways",
        way("suffix", "Add one more code", "0 for an item that has its ID alone; 0, 1, 2 … where several share one"),
        way(
          "reassign",
          "Find free IDs",
          "as long as before: one item keeps the ID, the others get the nearest free one",
        ),
      ),
    );
    this.element.querySelector("button")?.focus({ preventScroll: true });
  }

  private async make(how: HowUnique): Promise<void> {
    for (const button of this.element.querySelectorAll("button")) button.disabled = true;
    try {
      this.show(await this.lab.call("makeUnique", { how }));
    } catch (error) {
      if (error instanceof LabGone) return;
      this.ask();
      showError(error);
    }
  }

  private show(unique: UniqueIds | undefined): void {
    announce(unique);
    if (!unique) {
      this.element.replaceChildren();
      return;
    }
    const { how, changed, examples, codebookSizes } = unique;
    const many = `${plural(changed, ...this.data.noun)} ${changed === 1 ? "has" : "have"}`;
    const list = make("ul", "unique-examples");
    for (const { item, before, after } of examples) {
      const chips = (codes: number[], sizes: readonly number[]) =>
        idChips(SemanticIds.from([codes], { codebookSizes: sizes }), 0);
      const arrow = make("span", "", "→");
      arrow.setAttribute("aria-label", "becomes");
      list.append(
        make(
          "li",
          "",
          make("b", "", titleOf(this.data, item)),
          chips(before, this.sizes),
          arrow,
          chips(after, codebookSizes),
        ),
      );
    }
    const undo = make("button", "button small", "Undo");
    undo.type = "button";
    undo.dataset.testid = "undo-unique";
    undo.addEventListener("click", () => {
      this.lab.call("undoUnique", undefined).then(
        () => this.show(undefined),
        (error) => error instanceof LabGone || showError(error),
      );
    });
    this.element.replaceChildren(
      make("h4", "", "Every ID is unique now"),
      make(
        "p",
        "",
        how === "suffix"
          ? `Every ID has one more code. It is 0 but for ${plural(changed, ...this.data.noun)} that shared an ID. The downloads have these IDs.`
          : `${many} another ID now; all others stay as they were. The downloads have these IDs.`,
      ),
      list,
      undo,
    );
  }
}
