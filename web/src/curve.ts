import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { make } from "./dom.ts";
import { formatLoss } from "./words.ts";

/** One value over the epochs, growing while the model trains, with its name and latest value above it. */
export class Curve {
  readonly element = make("div", "curve");
  private readonly name: string;
  private readonly color: string;
  private readonly host = make("div", "curve-plot");
  private readonly latest = make("b", "", "–");
  private epochs: number[] = [];
  private values: number[] = [];
  private total = 1;
  private plot: uPlot | undefined;
  private scheduled = false;

  /** `color` is a custom property of the style sheet. */
  constructor(name: string, color: string) {
    this.name = name;
    this.color = color;
    const key = make("i");
    key.style.background = `var(${color})`;
    this.element.append(make("p", "curve-name", key, `${name} `, this.latest), this.host);
    new ResizeObserver(() => this.resize()).observe(this.host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.build());
  }

  /** Begins anew, for a run of so many epochs. */
  reset(epochs: number): void {
    this.total = epochs;
    this.epochs = [];
    this.values = [];
    this.draw();
  }

  add(epoch: number, value: number): void {
    this.epochs.push(epoch);
    this.values.push(value);
    this.draw();
  }

  /** The curve in words. */
  describe(): string {
    if (this.values.length === 0) return `${this.name}: no epoch finished yet`;
    const epoch = Math.floor(this.epochs.at(-1)!);
    return `${this.name}: from ${formatLoss(this.values[0]!)} to ${formatLoss(this.values.at(-1)!)} by epoch ${epoch}`;
  }

  private draw(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.latest.textContent = this.values.length === 0 ? "–" : formatLoss(this.values.at(-1)!);
      if (this.plot) this.plot.setData([this.epochs, this.values]);
      else this.build();
    });
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width === 0) return;
    if (this.plot) this.plot.setSize({ width, height });
    else this.build();
  }

  /** A canvas does not follow the style sheet: its colours are read once more. */
  private build(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width === 0) return;
    this.plot?.destroy();
    const line = resolveColor(this.host, `var(${this.color})`);
    const axis: uPlot.Axis = {
      stroke: resolveColor(this.host, "var(--muted)"),
      font: `12px ${getComputedStyle(this.host).fontFamily}`,
      grid: { stroke: resolveColor(this.host, "var(--line)"), width: 1 },
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
          { ...axis, space: 36, size: 46, values: (_, splits) => splits.map((value) => formatLoss(value)) },
        ],
        series: [
          {},
          { stroke: line, width: 2, points: { show: (_, __, first, last) => last - first < 3, size: 6, fill: line } },
        ],
      },
      [this.epochs, this.values],
      this.host,
    );
  }
}

/** A little room above and below, and some height for a flat curve. */
function padded(low: number, high: number): [number, number] {
  const room = Math.max((high - low) * 0.12, Math.abs(high) * 0.02, 1e-6);
  return [Math.max(0, low - room), high + room];
}

/** A colour as a canvas takes it: light-dark() and custom properties are worked out by the browser. */
function resolveColor(host: HTMLElement, value: string): string {
  const probe = make("span");
  probe.style.color = value;
  host.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
