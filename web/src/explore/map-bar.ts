import { make } from "../base/dom.ts";
import { formatCount } from "../base/words.ts";
import type { ColorBy, ColorChoice, LegendEntry } from "./map-colors.ts";

/** Which picture of the items: by their neighbours, or along the widest directions. */
export type Arrangement = "neighbours" | "directions";

export interface BarHandlers {
  color(by: ColorBy): void;
  arrange(by: Arrangement): void;
  /** Whether drags draw an outline. */
  lasso(on: boolean): void;
  listView(): void;
  save(format: "png" | "svg"): void;
  zoom(factor: number): void;
  showAll(): void;
}

/** What can be done with the map, above it, and the colours, below. */
export class MapBar {
  readonly element = make("div", "map-bar");
  readonly zoom = make("div", "map-zoom");
  readonly legend = make("ul", "map-legend");
  private readonly colors = make("select");
  private readonly arrangement = make("select");
  private readonly lasso: HTMLButtonElement;
  private choices: readonly ColorChoice[] = [];

  constructor(handlers: BarHandlers) {
    this.colors.dataset.testid = "map-colors";
    this.arrangement.dataset.testid = "map-arrangement";
    this.arrangement.append(new Option("neighbours", "neighbours"), new Option("widest directions", "directions"));
    this.colors.addEventListener("change", () => handlers.color(this.choices[this.colors.selectedIndex]!.by));
    this.arrangement.addEventListener("change", () => handlers.arrange(this.arrangement.value as Arrangement));
    this.lasso = button("Select an area", "Draw around items to list them below; or hold Shift and drag", () => {
      const on = this.lasso.getAttribute("aria-pressed") !== "true";
      this.setLasso(on);
      handlers.lasso(on);
    });
    this.lasso.dataset.testid = "map-lasso";
    this.setLasso(false);
    const list = button("List what is shown", "Lists the items that the map shows now in the table below", () =>
      handlers.listView(),
    );
    list.dataset.testid = "map-list";
    const png = button("PNG", "Save this picture as PNG", () => handlers.save("png"));
    const svg = button("SVG", "Save this picture as SVG", () => handlers.save("svg"));
    png.dataset.testid = "map-png";
    svg.dataset.testid = "map-svg";
    const chosen = (name: string, select: HTMLSelectElement) =>
      make("label", "map-choice", make("span", "", name), select);
    const save = make("div", "map-save", make("span", "", "Save picture"), png, svg);
    this.element.append(
      chosen("Colour by", this.colors),
      chosen("Arrange by", this.arrangement),
      make("div", "map-acts", this.lasso, list),
      save,
    );
    this.zoom.append(
      button("+", "Closer", () => handlers.zoom(1.6)),
      button("−", "Farther", () => handlers.zoom(1 / 1.6)),
      button("⤢", "Show all", () => handlers.showAll()),
    );
  }

  offer(choices: readonly ColorChoice[]): void {
    this.choices = choices;
    this.colors.replaceChildren(...choices.map(({ name }) => new Option(name)));
  }

  setArrangement(by: Arrangement, canChange: boolean): void {
    this.arrangement.value = by;
    this.arrangement.disabled = !canChange;
  }

  setLasso(on: boolean): void {
    this.lasso.setAttribute("aria-pressed", String(on));
  }

  showLegend(entries: readonly LegendEntry[]): void {
    this.legend.hidden = entries.length === 0;
    this.legend.replaceChildren(
      ...entries.map(({ name, rgb, items }) => {
        const swatch = make("i");
        swatch.style.background = `rgb(${rgb.join(" ")})`;
        return make("li", "", swatch, `${name} `, make("small", "", formatCount(items)));
      }),
    );
  }
}

function button(text: string, title: string, act: () => void): HTMLButtonElement {
  const made = make("button", "button small", text);
  made.type = "button";
  made.title = title;
  if (text.length < 4) made.setAttribute("aria-label", title);
  made.addEventListener("click", act);
  return made;
}
