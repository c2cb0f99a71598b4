/** A list of float32 whose length is not known beforehand. */

/** Floats in a piece: 4 MB. Growing one array by copies would hold them three times. */
const PIECE = 1 << 20;

export class FloatList {
  length = 0;
  #pieces: Float32Array<ArrayBuffer>[] = [];
  /** The last piece, and how much of it is filled. */
  #last = new Float32Array(0);
  #filled = 0;

  append(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) {
      if (this.#filled === this.#last.length) this.#grow();
      this.#last[this.#filled++] = values[i]!;
    }
    this.length += values.length;
  }

  #grow(): void {
    this.#last = new Float32Array(PIECE);
    this.#filled = 0;
    this.#pieces.push(this.#last);
  }

  /** All numbers in one array. The list is then empty. */
  take(): Float32Array {
    const all = new Float32Array(this.length);
    // From the end, since what was allocated last can be returned to the system first.
    for (let index = this.#pieces.length - 1; index >= 0; index--) {
      const at = index * PIECE;
      const piece = this.#pieces[index]!;
      all.set(piece.subarray(0, Math.min(PIECE, all.length - at)), at);
      freeBuffer(piece.buffer);
    }
    this.#last = new Float32Array(0);
    this.#filled = 0;
    this.#pieces = [];
    this.length = 0;
    return all;
  }
}

let nowhere: MessagePort | undefined;

/**
 * Frees memory at once if the engine can; garbage might be collected only after as much again was allocated.
 */
export function freeBuffer(buffer: ArrayBuffer): void {
  const given: ArrayBuffer & { transfer?(size: number): ArrayBuffer } = buffer;
  if (given.transfer) {
    given.transfer(0);
    return;
  }
  if (typeof MessageChannel === "undefined") return; // Jest's jsdom
  // A message that nobody receives frees what it carries.
  if (!nowhere) {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    port1.close();
    nowhere = port1;
  }
  nowhere.postMessage(undefined, [given]);
}
