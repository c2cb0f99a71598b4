/** The first few of many values in some order, without keeping the others. */
export class Best<T> {
  readonly #most: number;
  readonly #compare: (a: T, b: T) => number;
  #found: T[] = [];
  /** Whether what comes after `#found[#most - 1]` can be left out at once. */
  #isFull = false;

  /** @param compare a total order: no two values are equal */
  constructor(most: number, compare: (a: T, b: T) => number) {
    this.#most = most;
    this.#compare = compare;
  }

  /** The last of the first few, once there are that many: what comes after it is not among them. */
  get last(): T | undefined {
    return this.#isFull ? this.#found[this.#most - 1] : undefined;
  }

  add(value: T): void {
    if (this.#isFull && this.#compare(value, this.#found[this.#most - 1]!) > 0) return;
    this.#found.push(value);
    if (this.#found.length >= 2 * this.#most) this.ranked();
  }

  ranked(): readonly T[] {
    this.#found.sort(this.#compare);
    if (this.#found.length >= this.#most) {
      this.#found.length = this.#most;
      this.#isFull = true;
    }
    return this.#found;
  }
}
