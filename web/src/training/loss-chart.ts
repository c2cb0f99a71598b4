import type { LevelLosses } from "rqvae";
import { hook } from "../base/dom.ts";
import { formatLoss, formatPercent, ordinal } from "../base/words.ts";
import { Curve } from "./curve.ts";

const LEVEL_COLORS = ["--level-1", "--level-2", "--level-3", "--level-4", "--level-5", "--level-6"];

/**
 * Reconstruction and quantisation loss, each on its own scale: they differ in size, and the latter may rise while the network spreads the
 * items out. Next to them, what each level leaves over, as a share of what it started from.
 */
export class LossChart {
  private readonly host = hook("loss-chart", HTMLDivElement);
  private readonly reconstruction = new Curve(
    "Reconstruction",
    [{ name: "Reconstruction", color: "--reconstruction" }],
    formatLoss,
  );
  private readonly quantization = new Curve(
    "Quantisation",
    [{ name: "Quantisation", color: "--quantization" }],
    formatLoss,
  );
  private readonly left = new Curve("Left after each code", [], formatPercent);
  private levels = 0;

  constructor() {
    this.host.replaceChildren(this.reconstruction.element, this.quantization.element, this.left.element);
    this.left.element.dataset.testid = "level-chart";
  }

  reset(epochs: number, levels: number): void {
    this.levels = Math.min(levels, LEVEL_COLORS.length);
    this.reconstruction.reset(epochs);
    this.quantization.reset(epochs);
    const lines = LEVEL_COLORS.slice(0, this.levels).map((color, level) => ({ name: ordinal(level), color }));
    this.left.reset(epochs, lines);
    this.describe();
  }

  add(epoch: number, losses: { reconstructionLoss: number; quantizeLoss: number; perLevel: LevelLosses[] }): void {
    this.reconstruction.add(epoch, losses.reconstructionLoss);
    this.quantization.add(epoch, losses.quantizeLoss);
    this.left.add(epoch, ...losses.perLevel.slice(0, this.levels).map(({ residualEnergy }) => residualEnergy));
    this.describe();
  }

  private describe(): void {
    const all = [this.reconstruction, this.quantization, this.left].map((curve) => curve.describe());
    this.host.setAttribute("aria-label", `Losses. ${all.join(". ")}.`);
  }
}
