import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { hook, make } from "./dom.ts";
import { formatLoss } from "./words.ts";

/** Reconstruction and quantisation loss over the epochs, growing while the model trains. */
export class LossChart {
  private readonly host = hook("loss-chart", HTMLDivElement);
  private readonly legend = hook("loss-legend", HTMLParagraphElement);
  private epochs: number[] = [];
  private reconstruction: number[] = [];
  private quantization: number[] = [];
  private plot: uPlot | undefined;
  private scheduled = false;

  constructor() {
    new ResizeObserver(() => this.resize()).observe(this.host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.rebuild());
  }

  reset(): void {
    this.epochs = [];
    this.reconstruction = [];
    this.quantization = [];
    this.draw();
  }

  add(epoch: number, reconstruction: number, quantization: number): void {
    this.epochs.push(epoch);
    this.reconstruction.push(reconstruction);
    this.quantization.push(quantization);
    this.draw();
  }

  private get data(): uPlot.AlignedData {
    return [this.epochs, this.reconstruction, this.quantization];
  }

  private draw(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      if (!this.plot) this.rebuild();
      this.plot?.setData(this.data);
      this.describe();
    });
  }

  private describe(): void {
    const last = this.epochs.length - 1;
    const entry = (name: string, kind: string, values: number[]) =>
      make(
        "span",
        `legend-entry ${kind}`,
        make("i"),
        `${name} `,
        make("b", "", last < 0 ? "–" : formatLoss(values[last]!)),
      );
    this.legend.replaceChildren(
      entry("Reconstruction", "reconstruction", this.reconstruction),
      entry("Quantisation", "quantization", this.quantization),
    );
    const change = (values: number[]) => `from ${formatLoss(values[0]!)} to ${formatLoss(values[last]!)}`;
    this.host.setAttribute(
      "aria-label",
      last < 0
        ? "Loss curves, no epoch finished yet"
        : `Loss curves after epoch ${Math.floor(this.epochs[last]!)}: reconstruction ${change(this.reconstruction)}, quantisation ${change(this.quantization)}`,
    );
  }

  private resize(): void {
    const width = this.host.clientWidth;
    if (this.plot && width > 0) this.plot.setSize({ width, height: this.host.clientHeight });
  }

  /** A canvas does not follow the style sheet: colours are read from it once more. */
  private rebuild(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width === 0) return;
    this.plot?.destroy();
    const style = getComputedStyle(this.host);
    const color = (name: string) => resolveColor(this.host, style.getPropertyValue(name));
    const font = `12px ${style.fontFamily}`;
    const axis: uPlot.Axis = {
      stroke: color("--muted"),
      font,
      labelFont: font,
      labelSize: 20,
      grid: { stroke: color("--line"), width: 1 },
      ticks: { show: false },
    };
    const line = (label: string, name: string): uPlot.Series => ({
      label,
      stroke: color(name),
      width: 2,
      points: { show: (_, __, first, last) => last - first < 3, size: 6, fill: color(name) },
    });
    this.plot = new uPlot(
      {
        width,
        height,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
        padding: [8, 12, 0, 0],
        scales: {
          x: { time: false },
          y: { range: (_, low, high) => (low === null || high === null ? [0, 1] : [0, high * 1.05 || 1]) },
        },
        axes: [
          { ...axis, label: "epoch", space: 60 },
          { ...axis, size: 48, values: (_, splits) => splits.map((value) => formatLoss(value)) },
        ],
        series: [{}, line("Reconstruction", "--reconstruction"), line("Quantisation", "--quantization")],
      },
      this.data,
      this.host,
    );
  }
}

/** A custom property as a colour that a canvas takes: light-dark() and relative colours are worked out by the browser. */
function resolveColor(host: HTMLElement, value: string): string {
  const probe = make("span");
  probe.style.color = value;
  host.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
