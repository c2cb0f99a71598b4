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
  private values: number[][] = [];
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

  add(epoch: number, ...values: number[]): void {
    this.epochs.push(epoch);
    values.forEach((value, i) => {
      this.values[i]?.push(value);
    });
    this.draw();
  }

  /** The chart in words. */
  describe(): string {
    if (this.epochs.length === 0) return `${this.title}: no epoch finished yet`;
    const each = this.lines.map(({ name }, i) => {
      const values = this.values[i]!;
      return `${name === this.title ? "" : `${name} `}from ${this.format(values[0]!)} to ${this.format(values.at(-1)!)}`;
    });
    return `${this.title}: ${each.join(", ")} by epoch ${Math.floor(this.epochs.at(-1)!)}`;
  }

  private setLines(lines: Line[]): void {
    this.lines = lines;
    this.values = lines.map(() => []);
    this.latest = lines.map(() => make("b", "", "–"));
    const single = lines.length === 1;
    this.key.replaceChildren(
      ...(single ? [] : [make("span", "curve-title", this.title)]),
      ...lines.map(({ name, color }, i) => {
        const swatch = make("i");
        swatch.style.background = `var(${color})`;
        return make("span", "curve-key", swatch, `${name} `, this.latest[i]!);
      }),
    );
  }

  private draw(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.latest.forEach((element, i) => {
        const value = this.values[i]!.at(-1);
        element.textContent = value === undefined ? "–" : this.format(value);
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
          y: { range: (_, low, high) => (low === null || high === null ? [0, 1] : padded(low, high)) },
        },
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
