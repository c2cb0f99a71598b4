/** A reader that fetches rows while its caller works on those before. Internal. */

import { nextTurn } from "../runtime/jobs.ts";
import { SourceReader } from "./embedding-source.ts";

/** The most bytes that are held of rows that nobody asked for yet. */
const AHEAD_BYTES = 128 << 20;

export class AheadReader extends SourceReader {
  /** What was read ahead or is being read, by first row. */
  #ahead = new Map<number, Promise<Float32Array>>();
  /** The rows that are being read ahead. */
  #names: Uint32Array | undefined;

  /**
   * Begins to read the rows (ascending) that the next `eachRun` will probably be asked for, a piece between two turns of the event loop.
   * If a read fails, that `eachRun` says so.
   */
  readAhead(names: Uint32Array): void {
    this.#names = names;
    this.#readOn(names).catch(() => {});
  }

  /** What is under way ends; nothing more is read ahead. */
  stop(): void {
    this.#names = undefined;
    this.#ahead.clear();
  }

  async #readOn(names: Uint32Array): Promise<void> {
    let bytes = 0;
    for (const [first, count] of this.pieces(names)) {
      await nextTurn();
      bytes += 4 * count * this.dim;
      if (this.#names !== names || bytes > AHEAD_BYTES) return;
      const piece = super.read(first, count).then((data) => data.slice()); // several pieces wait
      this.#ahead.set(first, piece);
      await piece;
    }
  }

  override async read(first: number, count: number): Promise<Float32Array> {
    const early = await this.#ahead.get(first);
    this.#ahead.delete(first);
    return early?.length === count * this.dim ? early : super.read(first, count);
  }

  override async eachRun(...call: Parameters<SourceReader["eachRun"]>): Promise<void> {
    this.#names = undefined;
    await super.eachRun(...call);
    this.#ahead.clear();
  }
}
