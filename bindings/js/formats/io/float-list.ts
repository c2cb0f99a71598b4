/** Numbers whose count is not known beforehand, as float32: in pieces that are given back as soon as they are not needed. */

/** Floats in a piece: 4 MB. Growing by copies would hold them thrice. */
const PIECE = 1 << 20;

export class FloatList {
  length = 0;
  /** Undefined once given back. */
  readonly #pieces: (Float32Array<ArrayBuffer> | undefined)[] = [];
  /** Of each piece, how many numbers are still needed. */
  readonly #needed: number[] = [];
  /** The last piece, and what of it is filled. */
  #last = new Float32Array(0);
  #filled = 0;
  /** A piece that was given up. */
  #spare: Float32Array<ArrayBuffer> | undefined;
  readonly #source: FloatList | undefined;

  /** @param source Whose numbers come into this list: the pieces that it gives up are used again. */
  constructor(source?: FloatList) {
    this.#source = source;
    // First of all pieces: the system gets them back from the last one on.
    if (source) this.#grow();
  }

  push(value: number): void {
    if (this.#filled === this.#last.length) this.#grow();
    this.#last[this.#filled++] = value;
    this.length++;
  }

  append(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) this.push(values[i]!);
  }

  #grow(): void {
    this.#last = this.#source?.takeSpare() ?? new Float32Array(PIECE);
    this.#filled = 0;
    this.#pieces.push(this.#last);
    this.#needed.push(PIECE);
  }

  /** A piece that was given up, for another list. */
  takeSpare(): Float32Array<ArrayBuffer> | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare;
  }

  /** The numbers [start, start + length), until more is done with the list. */
  read(start: number, length: number): Float32Array {
    const first = Math.floor(start / PIECE);
    const from = start - first * PIECE;
    if (from + length <= PIECE) return this.#pieces[first]!.subarray(from, from + length);
    const values = new Float32Array(length);
    for (let done = 0; done < length; ) {
      const at = (start + done) % PIECE;
      const piece = this.#pieces[Math.floor((start + done) / PIECE)]!;
      const part = piece.subarray(at, Math.min(PIECE, at + length - done));
      values.set(part, done);
      done += part.length;
    }
    return values;
  }

  /** Says that numbers are not needed any more; each may be given up once. */
  giveUp(start: number, length: number): void {
    for (let done = 0; done < length; ) {
      const at = (start + done) % PIECE;
      const index = Math.floor((start + done) / PIECE);
      const part = Math.min(PIECE - at, length - done);
      this.#needed[index]! -= part;
      if (this.#needed[index] === 0) this.#free(index);
      done += part;
    }
  }

  #free(index: number): void {
    const piece = this.#pieces[index];
    if (!piece) return;
    this.#pieces[index] = undefined;
    if (piece === this.#last) {
      this.#last = new Float32Array(0);
      this.#filled = 0;
    }
    if (this.#spare) freeBuffer(this.#spare.buffer);
    this.#spare = piece;
  }

  /** Forgets the last numbers, so that `length` are left. None of them may have been given up. */
  truncate(length: number): void {
    // One piece stays: lists that are written and forgotten would make and free it every time.
    const pieces = Math.max(1, Math.ceil(length / PIECE));
    while (this.#pieces.length > pieces) {
      const piece = this.#pieces.pop();
      if (piece) freeBuffer(piece.buffer);
      this.#needed.pop();
    }
    this.length = length;
    this.#last = this.#pieces.at(-1) ?? new Float32Array(0);
    this.#filled = length - Math.max(0, this.#pieces.length - 1) * PIECE;
  }

  /** Forgets all numbers, and gives their memory back. */
  clear(): void {
    this.truncate(0);
    for (const piece of [this.#pieces.pop(), this.takeSpare()]) if (piece) freeBuffer(piece.buffer);
    this.#needed.pop();
    this.#last = new Float32Array(0);
    this.#filled = 0;
  }

  /** All numbers in one array; the list is empty afterwards. */
  take(): Float32Array {
    const all = new Float32Array(this.length);
    // From the end: what was allocated last can be given back to the system first.
    for (let index = this.#pieces.length - 1; index >= 0; index--) {
      const at = index * PIECE;
      const piece = this.#pieces[index]!;
      all.set(piece.subarray(0, Math.min(PIECE, all.length - at)), at);
      freeBuffer(piece.buffer);
    }
    this.#last = new Float32Array(0);
    this.#filled = 0;
    this.#pieces.length = 0;
    this.#needed.length = 0;
    this.length = 0;
    return all;
  }
}

let nowhere: MessagePort | undefined;

/**
 * Frees memory at once, where the engine can: garbage would be collected some time after as much again was taken.
 */
export function freeBuffer(buffer: ArrayBuffer): void {
  const given: ArrayBuffer & { transfer?(size: number): ArrayBuffer } = buffer;
  if (given.transfer) {
    given.transfer(0);
    return;
  }
  if (typeof MessageChannel === "undefined") return; // jest's jsdom
  // A message that nobody receives frees what it carries.
  if (!nowhere) {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    port1.close();
    nowhere = port1;
  }
  nowhere.postMessage(undefined, [given]);
}
