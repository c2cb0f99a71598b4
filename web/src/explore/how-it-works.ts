import { codeChip, familyHue, idChips, tokensOf } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { splitGlyph } from "../base/glyph.ts";
import { formatCount, formatPercent, ordinal, plural } from "../base/words.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { Anatomy } from "../lab/types.ts";
import { type Step, stepsOf } from "./anatomy-steps.ts";
import { BarStrip } from "./bar-strip.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import type { CodeNames } from "./code-names.ts";
import "./how-it-works.css";

const MOVE_MS = 450;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
const capital = (word: string) => word[0]!.toUpperCase() + word.slice(1);

/** One item from its vector, code by code, to what is rebuilt, in steps that the visitor moves through. */
export class HowItWorks {
  private readonly host = hook("how", HTMLDivElement);
  private readonly head = make("div", "how-head");
  private readonly slider = make("input", "how-slider");
  private readonly labels = make("ol", "how-labels");
  private readonly back = make("button", "button small", "Back");
  private readonly next = make("button", "button small primary", "Next");
  private readonly text = make("p", "how-text");
  private readonly said = new BarStrip("said");
  private readonly adds = new BarStrip("adds");
  private readonly missing = new BarStrip("missing");
  private readonly meter = make("div", "how-meter");
  private readonly meterText = make("p", "how-meter-text");
  private readonly near = make("div", "how-near");
  private readonly note = make("p", "hint how-note");
  private readonly figure = make("div", "how-figure");
  private readonly names: CodeNames;
  private readonly handlers: { pick(item: number): void; ask(item: number): Promise<Anatomy> };
  private data: DataSet | undefined;
  private index: CatalogueIndex | undefined;
  private item = -1;
  /** The item whose steps are here. */
  private known = -1;
  private visible = false;
  private anatomy: Anatomy | undefined;
  private steps: Step[] = [];
  /** The step that is shown; it stays when another item is picked. */
  private at = 0;
  private frame = 0;
  private drawn: Pick<Step, "said" | "adds" | "missing"> | undefined;

  constructor(names: CodeNames, handlers: HowItWorks["handlers"]) {
    this.names = names;
    this.handlers = handlers;
    this.slider.type = "range";
    this.slider.min = "0";
    this.slider.step = "1";
    this.slider.dataset.testid = "how-slider";
    this.slider.setAttribute("aria-label", "Step");
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.labels.setAttribute("aria-hidden", "true"); // the slider says the same
    for (const [button, by] of [
      [this.back, -1],
      [this.next, 1],
    ] as const) {
      button.type = "button";
      button.addEventListener("click", () => this.go(this.at + by));
    }
    this.text.setAttribute("aria-live", "polite");
    this.text.dataset.testid = "how-text";
    this.near.dataset.testid = "how-near";
    this.meter.setAttribute("aria-hidden", "true"); // its text says the same
    const controls = make(
      "div",
      "how-controls",
      this.back,
      make("div", "how-track", this.slider, this.labels),
      this.next,
    );
    this.figure.append(
      make("div", "how-strips", this.said.element, this.adds.element, this.missing.element),
      make("div", "how-side", this.meterText, this.meter, this.near),
    );
    this.host.append(this.head, controls, this.text, this.figure, this.note);
    names.watch(() => this.known >= 0 && this.describe());
  }

  setCatalogue(data: DataSet, index: CatalogueIndex): void {
    this.data = data;
    this.index = index;
    this.known = -1;
    this.item = -1;
    this.at = 0;
    this.drawn = undefined;
  }

  /** Only what can be seen asks the worker. */
  setVisible(visible: boolean): void {
    this.visible = visible;
    if (visible) this.load();
  }

  show(item: number): void {
    this.item = item;
    if (this.visible) this.load();
  }

  private load(): void {
    const { item, index, data } = this;
    if (!index || !data || item < 0 || item === this.known) return;
    this.host.setAttribute("aria-busy", "true");
    if (this.known < 0) this.text.textContent = "Looking inside the model…";
    this.handlers.ask(item).then(
      (anatomy) => {
        if (item !== this.item || index !== this.index) return;
        this.host.removeAttribute("aria-busy");
        this.known = item;
        this.anatomy = anatomy;
        this.steps = stepsOf(anatomy);
        this.showHead(data, index);
        this.showLabels();
        this.go(Math.min(this.at, this.steps.length - 1));
      },
      (error: Error) => {
        if (item !== this.item) return;
        this.host.removeAttribute("aria-busy");
        this.text.textContent = error.message;
      },
    );
  }

  private showHead(data: DataSet, index: CatalogueIndex): void {
    const { glyph, words } = splitGlyph(titleOf(data, this.known));
    const picture = make("span", "emoji how-glyph", glyph ?? "");
    picture.setAttribute("aria-hidden", "true");
    this.head.replaceChildren(...(glyph ? [picture] : []), make("h3", "", words), idChips(index.ids, this.known));
  }

  private showLabels(): void {
    const { steps } = this;
    this.slider.max = String(steps.length - 1);
    this.labels.replaceChildren(
      ...steps.map((step, i) => {
        const label = make("li", "", nameOf(step));
        label.addEventListener("click", () => this.go(i));
        return label;
      }),
    );
  }

  private go(to: number): void {
    const { steps } = this;
    if (steps.length === 0) return;
    this.at = Math.max(0, Math.min(steps.length - 1, to));
    const step = steps[this.at]!;
    this.slider.value = String(this.at);
    this.slider.setAttribute("aria-valuetext", `${this.at + 1} of ${steps.length}: ${nameOf(step)}`);
    [...this.labels.children].forEach((label, i) => {
      label.classList.toggle("now", i === this.at);
      label.classList.toggle("past", i < this.at);
    });
    // A button that cannot be pressed would lose the focus, so it only says that it cannot.
    this.back.setAttribute("aria-disabled", String(this.at === 0));
    this.next.setAttribute("aria-disabled", String(this.at === steps.length - 1));
    this.describe();
    this.move(step);
  }

  private describe(): void {
    const { data, index, anatomy } = this;
    const step = this.steps[this.at];
    if (!data || !index || !anatomy || !step) return;
    const { codes } = anatomy;
    const tokens = tokensOf(index.ids, this.known);
    const { level } = step;
    this.text.replaceChildren(...this.explain(step, data, codes, tokens));
    const code = level >= 0 ? codeChip(codes, tokens, level) : undefined;
    const isRebuilt = step.kind === "rebuilt";
    const target = isRebuilt ? "its own numbers" : "its vector";
    this.said.name(
      step.kind === "vector"
        ? ["Its vector", small("what the network sees")]
        : [isRebuilt ? "Rebuilt" : "The codes so far", small(`pale: ${target}`)],
      step.kind === "vector" ? "The item’s vector as bars" : `What the codes say so far, before ${target}`,
    );
    this.adds.name(
      code ? ["This code adds ", code] : ["No code yet"],
      code ? `What ${tokens[level]} adds` : "No code yet",
    );
    const hue =
      level < 2 ? familyHue(codes.slice(0, level + 1 || 1)) : (familyHue(codes.slice(0, 2)) + 110 * (level - 1)) % 360;
    this.adds.element.style.setProperty("--hue", String(hue));
    this.adds.element.hidden = isRebuilt;
    this.missing.name(
      [
        isRebuilt ? "Lost" : "Still missing",
        small(
          isRebuilt
            ? "what the ID leaves out"
            : level === codes.length - 1
              ? "no code left for it"
              : "left to later codes",
        ),
      ],
      `What is still missing: ${formatPercent(1 - step.share)}`,
    );
    this.showMeter(step, codes);
    this.showNear(step, data, anatomy);
    const fewer = step.target.length < step.numbers;
    this.note.textContent = fewer
      ? `Bars show the ${step.target.length} largest of ${formatCount(step.numbers)} numbers; the percentages count them all.`
      : "";
  }

  /** One or two sentences in plain words. */
  private explain(step: Step, data: DataSet, codes: readonly number[], tokens: readonly string[]): (Node | string)[] {
    const { level, share, kind, numbers } = step;
    const one = data.noun[0];
    if (kind === "vector")
      return [
        `The network turns the ${one} into a vector of ${plural(numbers, "number")}. Each bar is one of them. `,
        `Similar items have similar bars. Now the codes have to say it in ${plural(codes.length, "word")}.`,
      ];
    if (kind === "rebuilt")
      return [
        "The decoder turns the sum of the codes back into numbers like those that came in. ",
        make("b", "", `${formatPercent(share)} of what sets this ${one} apart`),
        ` has survived in ${plural(codes.length, "code")}. Nothing else is stored.`,
      ];
    const name = this.names.nameOf(codes.slice(0, level + 1));
    const gained = share - this.steps[this.at - 1]!.share;
    const size = this.index!.ids.codebookSizes[level]!;
    return [
      level === 0
        ? `Of ${plural(size, "first code")}, the one whose bars fit best is `
        : `The ${ordinal(level)} codebook describes only what was left. Of its ${plural(size, "code")}, this fits best: `,
      codeChip(codes, tokens, level),
      ...(name ? [" (", make("b", "", name), ")"] : []),
      level === 0
        ? `. It says ${formatPercent(Math.max(0, share))} of the vector.`
        : `. That adds ${formatPercent(Math.max(0, gained))}.`,
      level < codes.length - 1
        ? " What is still missing goes to the next code."
        : " What is still missing now is what the ID leaves out.",
    ];
  }

  private showMeter(step: Step, codes: readonly number[]): void {
    const parts: HTMLElement[] = [];
    const last = step.kind === "rebuilt" ? -1 : step.level;
    for (let level = 0; level <= last; level++) {
      const [before, after] = [this.steps[level]!.share, this.steps[level + 1]!.share];
      parts.push(
        this.makePart(
          after - before,
          level < 2 ? familyHue(codes.slice(0, level + 1)) : (familyHue(codes.slice(0, 2)) + 110 * (level - 1)) % 360,
        ),
      );
    }
    if (step.kind === "rebuilt") parts.push(this.makePart(step.share, undefined));
    this.meter.replaceChildren(...parts);
    this.meterText.replaceChildren(
      make("b", "", formatPercent(Math.max(0, step.share))),
      step.kind === "rebuilt" ? " survives" : " of the vector so far",
    );
  }

  private makePart(share: number, hue: number | undefined): HTMLElement {
    const part = make("i");
    part.style.inlineSize = `${Math.max(0, 100 * share)}%`;
    if (hue === undefined) part.classList.add("whole");
    else part.style.setProperty("--hue", String(hue));
    return part;
  }

  private showNear(step: Step, data: DataSet, { nearest }: Anatomy): void {
    const truly = new Set(nearest);
    const list = make("ul", "code-items");
    for (const item of step.nearest) {
      const isOwn = item === this.known;
      const chip = make("button", "kin-item", titleOf(data, item));
      chip.type = "button";
      if (step.kind !== "vector" && (isOwn || truly.has(item))) {
        chip.classList.add("hit");
        chip.append(make("span", "visually-hidden", isOwn ? " (the item itself)" : " (among the most like it)"));
      }
      chip.addEventListener("click", () => this.handlers.pick(item));
      list.append(make("li", "", chip));
    }
    const hits = step.nearest.filter((item) => item === this.known || truly.has(item)).length;
    this.near.replaceChildren(
      make("h4", "", step.kind === "vector" ? "Most like it" : "Nearest to what the codes say"),
      list,
      ...(step.kind === "vector"
        ? []
        : [
            make(
              "p",
              "hint",
              hits === 0
                ? "None of them is among the items most like it yet."
                : `${hits} of ${step.nearest.length} are the item itself or among those most like it.`,
            ),
          ]),
    );
  }

  /** Bars grow from one step to the next, so that the eye sees what a code does. */
  private move(step: Step): void {
    cancelAnimationFrame(this.frame);
    const from = this.drawn;
    if (!from || from.said.length !== step.said.length || reducedMotion.matches || !this.visible) {
      this.draw(step, step);
      return;
    }
    const start = performance.now();
    const tick = () => {
      const t = Math.min(1, (performance.now() - start) / MOVE_MS);
      const ease = 1 - (1 - t) ** 3;
      const between = (a: Float32Array, b: Float32Array) => b.map((x, j) => a[j]! + (x - a[j]!) * ease);
      this.draw(step, {
        said: between(from.said, step.said),
        adds: between(from.adds, step.adds),
        missing: between(from.missing, step.missing),
      });
      if (t < 1) this.frame = requestAnimationFrame(tick);
    };
    tick();
  }

  private draw({ most, target, kind }: Step, shown: Pick<Step, "said" | "adds" | "missing">): void {
    this.drawn = shown;
    if (kind === "vector") this.said.draw(target, most);
    else this.said.draw(shown.said, most, target);
    this.adds.draw(shown.adds, most);
    this.missing.draw(shown.missing, most);
  }
}

const small = (text: string) => make("small", "", text);

function nameOf({ kind, level }: Step): string {
  return kind === "vector" ? "Vector" : kind === "rebuilt" ? "Rebuilt" : `${capital(ordinal(level))} code`;
}
