import { hook, make, scrollTo } from "../base/dom.ts";
import { inPlainWords } from "../base/page-error.ts";
import { findSource } from "../keep/choose-again.ts";
import type { KeptResult, KeptResults } from "../keep/kept-results.ts";
import type { SideToCompare } from "../lab/compare-results.ts";
import { Lab } from "../lab/lab.ts";
import "./compare.css";

const KMEANS = "kmeans";
/** How residual k-means is called beside a result. */
const KMEANS_NAME = "Residual k-means";

/** "Compare two results": which two, of the same items. */
export class CompareForm {
  private readonly section = document.querySelector<HTMLElement>("#compare")!;
  private readonly before = hook("compare-before", HTMLSelectElement);
  private readonly after = hook("compare-after", HTMLSelectElement);
  private readonly button = hook("compare-button", HTMLButtonElement);
  private readonly alert = hook("compare-error", HTMLParagraphElement);
  private readonly result = hook("compare-result", HTMLDivElement);
  private readonly kept: KeptResults;
  private readonly lab = new Lab();
  private results: KeptResult[] = [];
  private showing = new AbortController();
  /** Whether the visitor chose the first; until then it is the result that the page shows. */
  private isChosen = false;

  constructor(kept: KeptResults) {
    this.kept = kept;
    kept.watch(() => void this.update());
    this.before.addEventListener("change", () => {
      this.isChosen = true;
      this.offerOthers();
    });
    hook("compare-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.compare();
    });
    void this.update();
  }

  private async update(): Promise<void> {
    this.results = await this.kept.list();
    this.section.hidden = this.results.length === 0;
    fill(
      this.before,
      this.results.map(({ key, name }) => [key, name]),
      this.isChosen ? undefined : this.kept.shownKey,
    );
    this.offerOthers();
  }

  /** The results of the same items: of the same rows, or of as many. */
  private offerOthers(): void {
    const chosen = this.results.find(({ key }) => key === this.before.value);
    if (!chosen) return;
    const others = this.results.filter(({ key, items }) => key !== chosen.key && items === chosen.items);
    others.sort((a, b) => Number(b.itemsMark === chosen.itemsMark) - Number(a.itemsMark === chosen.itemsMark));
    fill(this.after, [
      ...others.map(({ key, name }): [string, string] => [key, name]),
      [KMEANS, `${KMEANS_NAME} of the same data`],
    ]);
  }

  private async compare(): Promise<void> {
    if (this.button.getAttribute("aria-busy") === "true") return;
    this.showing.abort();
    this.showing = new AbortController();
    const { signal } = this.showing;
    this.alert.hidden = true;
    this.button.setAttribute("aria-busy", "true");
    this.result.replaceChildren(make("p", "hint", "Comparing…"));
    try {
      const [first, second] = [this.before.value, this.after.value];
      const before = await this.open(first);
      const after = second === KMEANS ? KMEANS : await this.open(second);
      if (!before || !after) {
        this.result.replaceChildren();
        return;
      }
      const compared = await this.lab.call("compare", { before, after });
      const { showComparison } = await import("./comparison-view.ts"); // few visitors need it
      const nameOf = (key: string) => this.results.find((each) => each.key === key)?.name ?? KMEANS_NAME;
      const { noun = ["item", "items"] } = this.results.find(({ key }) => key === first) ?? {};
      this.result.replaceChildren(
        await showComparison(compared, { names: [nameOf(first), nameOf(second)], noun }, signal),
      );
      scrollTo(this.result);
    } catch (error) {
      if (signal.aborted) return;
      this.result.replaceChildren();
      this.alert.textContent = inPlainWords(error);
      this.alert.hidden = false;
    } finally {
      this.button.removeAttribute("aria-busy");
      this.lab.end(); // frees both models and their items
    }
  }

  private async open(key: string): Promise<SideToCompare | undefined> {
    const contents = await this.kept.read(key);
    if (!contents) throw new Error("This browser no longer keeps that result");
    const source = await findSource(contents.source, (text) => {
      this.alert.textContent = text;
      this.alert.hidden = false;
    });
    const { model, ids, settings } = contents;
    return source && { source, kept: { model, ids, settings } };
  }
}

/** Chooses `first`, or else what was chosen, if it is still there. */
function fill(select: HTMLSelectElement, options: readonly [value: string, text: string][], first?: string): void {
  const { value } = select;
  select.replaceChildren(...options.map(([key, text]) => new Option(text, key)));
  const chosen = [first, value].find((key) => options.some(([each]) => each === key));
  if (chosen !== undefined) select.value = chosen;
}
