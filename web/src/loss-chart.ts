import { Curve } from "./curve.ts";
import { hook } from "./dom.ts";

/**
 * Reconstruction and quantisation loss, each on its own scale: they have different sizes, and the latter may rise while the
 * network spreads the items out.
 */
export class LossChart {
  private readonly host = hook("loss-chart", HTMLDivElement);
  private readonly reconstruction = new Curve("Reconstruction", "--reconstruction");
  private readonly quantization = new Curve("Quantisation", "--quantization");

  constructor() {
    this.host.replaceChildren(this.reconstruction.element, this.quantization.element);
  }

  reset(epochs: number): void {
    this.reconstruction.reset(epochs);
    this.quantization.reset(epochs);
    this.describe();
  }

  add(epoch: number, reconstruction: number, quantization: number): void {
    this.reconstruction.add(epoch, reconstruction);
    this.quantization.add(epoch, quantization);
    this.describe();
  }

  private describe(): void {
    this.host.setAttribute("aria-label", `Losses. ${this.reconstruction.describe()}. ${this.quantization.describe()}.`);
  }
}
