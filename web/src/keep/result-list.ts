import { hook, make } from "../base/dom.ts";
import { formatAgo, formatBytes, plural } from "../base/words.ts";
import { type KeptResult, type KeptResults, MOST_KEPT } from "./kept-results.ts";
import "./result-list.css";

interface Handlers {
  open(key: string): void;
  removed(key: string): void;
}

/** "Your results": those that this browser keeps, to open, to rename and to delete. */
export class ResultList {
  private readonly panel = hook("kept", HTMLElement);
  private readonly list = hook("kept-list", HTMLUListElement);
  private readonly note = hook("kept-note", HTMLParagraphElement);
  private readonly kept: KeptResults;
  private readonly handlers: Handlers;
  private turn = 0;
  private said = "";

  constructor(kept: KeptResults, handlers: Handlers) {
    this.kept = kept;
    this.handlers = handlers;
    kept.watch(() => void this.update());
    hook("kept-about", HTMLParagraphElement).textContent =
      `This browser, and nobody else, keeps your last ${MOST_KEPT} results. Your own files are kept with them up to 32 MB.`;
    void this.update();
  }

  /** Says something about a result, such as that its file is another. */
  say(text: string): void {
    this.said = text;
    this.showNote();
  }

  private showNote(): void {
    const text = this.kept.problem || this.said;
    this.note.textContent = text;
    this.note.hidden = text === "";
    if (text !== "") this.panel.hidden = false;
  }

  private async update(): Promise<void> {
    const turn = ++this.turn;
    const results = await this.kept.list();
    if (turn !== this.turn) return;
    this.panel.hidden = results.length === 0;
    this.showNote();
    this.list.hidden = results.length === 0;
    const focused = this.list.contains(document.activeElement)
      ? (document.activeElement as HTMLElement).dataset.focus
      : undefined;
    if (focused?.startsWith("name")) return; // its name is being written
    this.list.replaceChildren(...results.map((result) => this.makeRow(result)));
    if (focused) this.list.querySelector<HTMLElement>(`[data-focus="${focused}"]`)?.focus();
  }

  private makeRow({ key, name, items, noun, codebookSizes, savedAt, bytes }: KeptResult): HTMLElement {
    const isShown = key === this.kept.shownKey;
    const input = make("input", "kept-name");
    input.value = name;
    input.setAttribute("aria-label", "Name of this result");
    input.dataset.focus = `name ${key}`;
    input.maxLength = 80;
    input.addEventListener("change", () => {
      const next = input.value.trim();
      if (next === "") input.value = name;
      else void this.kept.change(key, { name: next });
    });
    input.addEventListener("blur", () => void this.update());
    input.addEventListener("keydown", (event) => event.key === "Enter" && input.blur());
    const open = make("button", "button small", isShown ? "Shown" : "Open");
    open.type = "button";
    open.disabled = isShown;
    open.dataset.focus = `open ${key}`;
    open.setAttribute("aria-label", `${isShown ? "Shown:" : "Open"} ${name}`);
    open.addEventListener("click", () => this.handlers.open(key));
    const remove = make("button", "button small", "Delete");
    remove.type = "button";
    remove.setAttribute("aria-label", `Delete ${name}`);
    remove.addEventListener("click", async () => {
      await this.kept.remove(key);
      this.handlers.removed(key);
    });
    const sizes = new Set(codebookSizes);
    const shape = sizes.size === 1 ? `${codebookSizes.length} × ${codebookSizes[0]}` : codebookSizes.join(" + ");
    const about = [
      `${plural(items, ...noun)}, ${shape} codes`,
      formatAgo(Date.now() - savedAt),
      formatBytes(bytes),
    ].join(" · ");
    const row = make("li", "kept-row", make("div", "kept-text", input, make("span", "hint", about)), open, remove);
    row.dataset.key = key;
    if (isShown) row.setAttribute("aria-current", "true");
    return row;
  }
}
