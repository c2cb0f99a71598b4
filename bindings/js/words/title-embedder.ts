/** Vectors of titles, by averages of their words' vectors. */

import { worksBehindProxy } from "../base/behind-proxy.ts";
import { invalid } from "../base/errors.ts";
import { requireThat } from "../base/option-reader.ts";
import type { ItemMatrix } from "../types.ts";
import { commonDirection } from "./common-direction.ts";
import { knownParts } from "./known-parts.ts";
import { LanguageGuess } from "./language.ts";
import { spelledVector } from "./spelling.ts";
import { splitWords } from "./split-words.ts";
import { WordTable } from "./word-table.ts";

/** The weight of a word of frequency p is A / (A + p). */
const A = 1e-3;
/** The rank from which on frequencies fall as 1 / rank: Zipf's law with Mandelbrot's offset. */
const OFFSET = 2.7;
/** From so many titles on, what they have in common is known and taken out. */
const ENOUGH = 8;
/** The length of a vector from letters, as a share of the mean length of the table's vectors: what it says is little. */
const UNSURE = 0.5;
/** Vectors whose mean length is measured. */
const MEASURED = 1000;
/** Unknown words that are named. */
const NAMED = 8;

/** How much of titles the table knows. */
export interface TitleCoverage {
  /** Words in all titles, without numbers; a word counts as often as it occurs. */
  words: number;
  /** Those that the table has, by themselves, by their base form or by their two parts. */
  known: number;
  /** Words that it does not have, the most frequent first: at most eight of them. */
  unknown: string[];
  /** Rows of titles without a letter or digit, whose vectors are zero. */
  empty: number[];
  /** What the titles seem to be in, such as "German" or "another script"; undefined if that may be English. */
  language: string | undefined;
}

/** Vectors of titles: one row of length 1 each, or of zeros where a title has no words. */
export interface TitleVectors extends ItemMatrix {
  data: Float32Array;
  coverage: TitleCoverage;
}

/**
 * Makes vectors of titles by smooth inverse frequency (Arora, Liang and Ma 2017). A title's vector is the mean of its words' vectors, each
 * weighted with a / (a + p) for the word's frequency p and a = 0.001. The direction that all titles have in common is then taken out, and
 * each row is brought to length 1. Frequencies follow from the ranks by Zipf's law.
 *
 * A word that the table does not have is replaced by its base form or by the two parts of a compound. Otherwise its letters give a
 * direction, so that words with similar spelling lie close together. The same titles and table give the same bits in every engine.
 */
export class TitleEmbedder {
  readonly dim: number;
  readonly #table: WordTable;
  /** 1 / sum over ranks of 1 / (rank + OFFSET). */
  readonly #mass: number;
  readonly #length: number;
  /** How often the catalogue has each word that the table does not have. */
  readonly #unknown = new Map<string, number>();
  #words = 0;
  readonly #common: Float64Array | undefined;
  /** What stands for each word, once it was looked up. */
  readonly #found = new Map<string, string[]>();
  /** The words in a run of letters, once it was taken apart. */
  readonly #split = new Map<string, string[]>();

  /**
   * Learns from a catalogue's titles what they have in common, and how frequent the words are that the table does not have.
   * @param table From `openWords`.
   * @throws InvalidInputError if no title has any word.
   */
  static fit(table: WordTable, titles: readonly string[]): TitleEmbedder {
    return new TitleEmbedder(table, titles);
  }

  private constructor(table: WordTable, titles: readonly string[]) {
    requireThat(table instanceof WordTable, "table", "a WordTable, as openWords gives it", table);
    requireTitles(titles);
    worksBehindProxy(this, TitleEmbedder);
    this.#table = table;
    this.dim = table.dim;
    let sum = 0;
    for (let rank = 0; rank < table.size; rank++) sum += 1 / (rank + 1 + OFFSET);
    this.#mass = 1 / sum;
    let lengths = 0;
    const measured = Math.min(MEASURED, table.size);
    for (let k = 0; k < measured; k++) {
      let squares = 0;
      for (const value of table.vector(Math.floor((k * table.size) / measured))) squares += value * value;
      lengths += Math.sqrt(squares);
    }
    this.#length = lengths / measured;
    for (const title of titles) {
      for (const word of this.#wordsOf(title)) {
        this.#words++;
        if (this.#parts(word).length === 0) this.#unknown.set(word, (this.#unknown.get(word) ?? 0) + 1);
      }
    }
    if (this.#words === 0) {
      throw invalid(
        "EMPTY",
      )`none of the ${{ argument: "titles" }} has a word: they are empty or have neither letters nor digits${{ hint: "give one title per item" }}`;
    }
    this.#common = titles.length < ENOUGH ? undefined : commonDirection(this.#averages(titles), this.dim);
  }

  /** Vectors of titles: those of the catalogue, or of new items. @throws InvalidInputError for anything but an array of strings. */
  embed(titles: readonly string[]): TitleVectors {
    requireTitles(titles);
    const { dim } = this;
    const averages = this.#averages(titles);
    const common = this.#common;
    const data = new Float32Array(averages.length);
    for (let at = 0; at < averages.length; at += dim) {
      let along = 0;
      if (common) for (let j = 0; j < dim; j++) along += averages[at + j]! * common[j]!;
      let squares = 0;
      for (let j = 0; j < dim; j++) {
        const rest = averages[at + j]! - (common ? along * common[j]! : 0);
        averages[at + j] = rest;
        squares += rest * rest;
      }
      if (squares === 0) continue;
      const length = Math.sqrt(squares);
      for (let j = 0; j < dim; j++) data[at + j] = averages[at + j]! / length;
    }
    return { data, rows: titles.length, dim, coverage: this.#cover(titles) };
  }

  /** The weighted mean of the words of each title, zero where there are none. @returns n x dim */
  #averages(titles: readonly string[]): Float64Array {
    const { dim } = this;
    const averages = new Float64Array(titles.length * dim);
    titles.forEach((title, row) => {
      const at = row * dim;
      let count = 0;
      for (const word of this.#wordsOf(title)) {
        const parts = this.#parts(word);
        count++;
        for (const part of parts) {
          const rank = this.#table.rank(part)!;
          const weight = A / (A + this.#mass / (rank + 1 + OFFSET)) / parts.length;
          this.#table.addTo(averages, at, rank, weight);
        }
        if (parts.length > 0) continue;
        const frequency = (this.#unknown.get(word) ?? 1) / this.#words;
        const weight = A / (A + frequency);
        const vector = spelledVector(word, dim, UNSURE * this.#length);
        for (let j = 0; j < dim; j++) averages[at + j]! += weight * vector[j]!;
      }
      if (count > 1) for (let j = 0; j < dim; j++) averages[at + j]! /= count;
    });
    return averages;
  }

  #cover(titles: readonly string[]): TitleCoverage {
    let [words, known] = [0, 0];
    const unknown = new Map<string, number>();
    const empty: number[] = [];
    const guess = new LanguageGuess();
    titles.forEach((title, row) => {
      const found = this.#wordsOf(title);
      if (found.length === 0) empty.push(row);
      for (const word of found) {
        if (/^\p{N}+$/u.test(word)) continue;
        words++;
        guess.add(word);
        if (this.#parts(word).length > 0) known++;
        else unknown.set(word, (unknown.get(word) ?? 0) + 1);
      }
    });
    const named = [...unknown].sort((a, b) => b[1] - a[1]).slice(0, NAMED);
    return { words, known, unknown: named.map(([word]) => word), empty, language: guess.language };
  }

  #wordsOf(title: string): string[] {
    return splitWords(title, (word) => this.#table.rank(word) !== undefined, this.#split);
  }

  #parts(word: string): string[] {
    let parts = this.#found.get(word);
    if (!parts) {
      parts = knownParts(word, (each) => this.#table.rank(each));
      this.#found.set(word, parts);
    }
    return parts;
  }
}

function requireTitles(titles: readonly string[]): void {
  requireThat(Array.isArray(titles), "titles", "an array of strings", titles);
  for (let i = 0; i < titles.length; i++) {
    requireThat(typeof titles[i] === "string", `titles[${i}]`, "a string", titles[i]);
  }
}
