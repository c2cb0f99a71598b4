import { make } from "../base/dom.ts";
import "./bar-strip.css";

const SVG = "http://www.w3.org/2000/svg";
/** Height of the drawing in its own units; it is stretched to the width that it gets. */
const HEIGHT = 100;
/** The share of its place that a bar takes, and the wider one of the bar behind it. */
const BAR = 0.56;
const BEHIND = 0.84;

/** Numbers as bars above and below a line, with those that they should reach as paler bars behind them. */
export class BarStrip {
  readonly element = make("div", "bar-strip");
  private readonly svg = document.createElementNS(SVG, "svg");
  private readonly behind = document.createElementNS(SVG, "path");
  private readonly bars = document.createElementNS(SVG, "path");
  private readonly line = document.createElementNS(SVG, "path");
  private readonly label = make("span", "bar-strip-label");

  constructor(kind: string) {
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("role", "img");
    this.behind.setAttribute("class", "bar-strip-behind");
    this.bars.setAttribute("class", "bar-strip-bars");
    this.line.setAttribute("class", "bar-strip-line");
    this.svg.append(this.behind, this.line, this.bars);
    this.element.classList.add(kind);
    this.element.append(this.label, this.svg);
  }

  /** What the strip shows, for the eye and for a screen reader. */
  name(label: (Node | string)[], spoken: string): void {
    this.label.replaceChildren(...label);
    this.svg.setAttribute("aria-label", spoken);
  }

  /** `most` is the number that reaches the edge. */
  draw(values: Float32Array, most: number, target?: Float32Array): void {
    const count = values.length;
    this.svg.setAttribute("viewBox", `0 0 ${count} ${HEIGHT}`);
    this.line.setAttribute("d", `M0 ${HEIGHT / 2}H${count}`);
    this.bars.setAttribute("d", pathOf(values, most, BAR));
    this.behind.setAttribute("d", target ? pathOf(target, most, BEHIND) : "");
  }
}

function pathOf(values: Float32Array, most: number, width: number): string {
  const middle = HEIGHT / 2;
  const unit = most > 0 ? (middle - 2) / most : 0;
  let path = "";
  values.forEach((value, i) => {
    const tip = (middle - Math.max(-most, Math.min(most, value)) * unit).toFixed(1);
    const left = (i + (1 - width) / 2).toFixed(2);
    path += `M${left} ${middle}V${tip}h${width}V${middle}z`;
  });
  return path;
}
