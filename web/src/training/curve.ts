import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { resolveColor } from "../base/colors.ts";
import { make } from "../base/dom.ts";
import "./curve.css";

/** One line of a chart. */
export interface Line {
  name: string;
  /** A custom property of the style sheet. */
  color: string;
}

/** A value to compare with: a dashed line over the whole width. */
export interface Mark extends Line {
  value: number;
}

/** One or more values over the epochs, growing while the model trains, with their names and latest values above. */
export class Curve {
  readonly element = make("div", "curve");
  private readonly title: string;
  private readonly format: (value: number) => string;
  private readonly host = make("div", "curve-plot");
  private readonly key = make("p", "curve-name");
  private lines: Line[];
  private latest: HTMLElement[] = [];
  private epochs: number[] = [];
  /** null where an epoch has none. */
  private values: (number | null)[][] = [];
  private mark: Mark | undefined;
  private total = 1;
  private plot: uPlot | undefined;
  private scheduled = false;

  constructor(title: string, lines: Line[], format: (value: number) => string) {
    this.title = title;
    this.format = format;
    this.lines = lines;
    this.element.append(this.key, this.host);
    this.setLines(lines);
    new ResizeObserver(() => this.resize()).observe(this.host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.build());
  }

  /** Starts over, for a run of this many epochs. */
  reset(epochs: number, lines = this.lines): void {
    this.total = epochs;
    this.epochs = [];
    this.setLines(lines);
    this.plot?.destroy();
    this.plot = undefined;
    this.draw();
  }

  add(epoch: number, ...values: (number | null)[]): void {
    this.epochs.push(epoch);
    values.forEach((value, i) => {
      this.values[i]?.push(value);
    });
    this.draw();
  }

  /** Corrects the last value of the first line. */
  setLast(value: number): void {
    const [first] = this.values;
    if (first && first.length > 0) first[first.length - 1] = value;
    this.draw();
  }

  setMark(mark: Mark | undefined): void {
    this.mark = mark;
    this.setKey();
    this.plot?.destroy();
    this.plot = undefined;
    this.draw();
  }

  /** The chart in words. */
  describe(): string {
    if (this.epochs.length === 0) return `${this.title}: no epoch finished yet`;
    const each = this.lines.flatMap(({ name }, i) => {
      const values = this.values[i]!.filter((value) => value !== null);
      if (values.length === 0) return [];
      const lead = name === this.title ? "" : `${name} `;
      return [`${lead}from ${this.format(values[0]!)} to ${this.format(values.at(-1)!)}`];
    });
    const compared = this.mark ? `; ${this.mark.name}: ${this.format(this.mark.value)}` : "";
    return `${this.title}: ${each.join(", ")} by epoch ${Math.floor(this.epochs.at(-1)!)}${compared}`;
  }

  private setLines(lines: Line[]): void {
    this.lines = lines;
    this.values = lines.map(() => []);
    this.latest = lines.map(() => make("b", "", "–"));
    this.setKey();
  }

  private setKey(): void {
    const { lines, mark } = this;
    const isTitle = lines.length === 1 && lines[0]!.name === this.title;
    const key = (swatchClass: string, { name, color }: Line, value: HTMLElement) => {
      const swatch = make("i", swatchClass);
      swatch.style.color = `var(${color})`;
      return make("span", "curve-key", swatch, `${name} `, value);
    };
    this.key.replaceChildren(
      ...(isTitle ? [] : [make("span", "curve-title", this.title)]),
      ...lines.map((line, i) => key("", line, this.latest[i]!)),
      ...(mark ? [key("dashed", mark, make("b", "", this.format(mark.value)))] : []),
    );
  }

  private draw(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.latest.forEach((element, i) => {
        const value = this.values[i]!.findLast((each) => each !== null);
        element.textContent = typeof value === "number" ? this.format(value) : "–";
      });
      if (this.plot) this.plot.setData([this.epochs, ...this.values]);
      else this.build();
    });
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width === 0) return;
    if (this.plot) this.plot.setSize({ width, height });
    else this.build();
  }

  private drawMark({ ctx, bbox, valToPos }: uPlot): void {
    if (!this.mark) return;
    const y = valToPos(this.mark.value, "y", true);
    ctx.save();
    ctx.strokeStyle = resolveColor(this.mark.color);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.setLineDash([6 * devicePixelRatio, 5 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }

  /** A canvas does not follow the style sheet, so its colours are read again. */
  private build(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width === 0) return;
    this.plot?.destroy();
    const axis: uPlot.Axis = {
      stroke: resolveColor("--muted"),
      font: `12px ${getComputedStyle(this.host).fontFamily}`,
      grid: { stroke: resolveColor("--line"), width: 1 },
      ticks: { show: false },
    };
    this.plot = new uPlot(
      {
        width,
        height,
        legend: { show: false },
        cursor: { show: false },
        padding: [10, 14, 0, 0],
        scales: {
          x: { time: false, range: () => [Math.min(1, this.epochs[0] ?? 1), Math.max(this.total, 2)] },
          y: {
            range: (_, low, high) => {
              const { value } = this.mark ?? {};
              if (low === null || high === null) return value === undefined ? [0, 1] : padded(value, value);
              return padded(Math.min(low, value ?? low), Math.max(high, value ?? high));
            },
          },
        },
        hooks: { draw: [(plot) => this.drawMark(plot)] },
        axes: [
          {
            ...axis,
            space: 50,
            size: 28,
            incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10000],
          },
          { ...axis, space: 36, size: 46, values: (_, splits) => splits.map((value) => this.format(value)) },
        ],
        series: [
          {},
          ...this.lines.map(({ color }): uPlot.Series => {
            const stroke = resolveColor(color);
            return {
              stroke,
              width: 2,
              spanGaps: true,
              points: { show: (_, __, first, last) => last - first < 3, size: 6, fill: stroke },
            };
          }),
        ],
      },
      [this.epochs, ...this.values],
      this.host,
    );
  }
}

/** A little room above and below, and some height for a flat curve. */
function padded(low: number, high: number): [number, number] {
  const room = Math.max((high - low) * 0.12, Math.abs(high) * 0.02, 1e-6);
  return [Math.max(0, low - room), high + room];
}
