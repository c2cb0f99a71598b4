import { make } from "../base/dom.ts";
import { plural } from "../base/words.ts";

/** Beside the table's count: that only an area of the map is listed, and the way back. */
export class SelectionChip {
  private readonly chip = make("button", "chip-button");

  constructor(beside: HTMLElement, clear: () => void) {
    this.chip.type = "button";
    this.chip.dataset.testid = "clear-selection";
    this.chip.addEventListener("click", clear);
    this.show(undefined);
    beside.after(" ", this.chip);
  }

  show(selection: Uint32Array | undefined): void {
    this.chip.hidden = selection === undefined;
    if (!selection) return;
    this.chip.textContent = `${plural(selection.length, "item")} of the map ✕`;
    this.chip.setAttribute("aria-label", `Stop showing only ${plural(selection.length, "item")} of the map`);
  }
}
