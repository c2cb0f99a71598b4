// One run of the bench: what the parts share, each made when first asked for, and what they found.
import { availableParallelism } from "node:os";
import { alignColumns } from "../figures.mjs";
import { ceiling } from "./ceiling.mjs";
import { Contender } from "./contender.mjs";
import { makeInputs } from "./inputs.mjs";
import { startPeer } from "./peers.mjs";

/** @typedef {import("../figures.mjs").Figure} Figure */

/** @type {(value: number) => string} */
const threeDigits = (value) =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));

export class Bench {
  /** @type {Figure[]} */
  figures = [];
  /** Whether a part broke off; the others are measured all the same. */
  hasFailed = false;
  /** @type {readonly string[]} */
  #peers;
  /** @type {Map<string, Promise<any>>} */
  #made = new Map();
  /** @type {Contender[]} */
  #contenders = [];
  /** What the names of the part's figures begin with in the list of all. */
  #part = "";
  /** @type {Figure[]} */
  #section = [];
  /** @type {Set<string>} */
  #notes = new Set();

  /** Of the part "fit", see fit.mjs. @type {readonly string[]} */
  shapes;

  /** @param {readonly string[]} peers those to compare with @param {readonly string[]} [shapes] */
  constructor(peers, shapes = ["12k"]) {
    this.#peers = peers;
    this.shapes = shapes;
  }

  /** @type {(...figures: Figure[]) => void} */
  add(...figures) {
    this.figures.push(...figures.map((figure) => ({ ...figure, name: `${this.#part}${figure.name}` })));
    this.#section.push(...figures);
  }

  /** A remark below the part's table. @type {(text: string) => void} */
  note(text) {
    this.#notes.add(text);
  }

  /** Runs a part and prints what it added. @type {(name: string, part: { title: string, run: (bench: Bench) => unknown }) => Promise<void>} */
  async part(name, { title, run }) {
    this.#part = `${name}: `;
    [this.#section, this.#notes] = [[], new Set()];
    const started = performance.now();
    try {
      await run(this);
    } catch (error) {
      this.hasFailed = true;
      this.note(`broken off: ${/** @type {Error} */ (error).stack}`);
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    const rows = this.#section.map(({ name, value, unit, target, holds }) => [
      `  ${name}`,
      value === null ? "-" : threeDigits(value),
      unit.padEnd(8),
      target ?? "",
      holds === null ? "" : holds ? "holds" : "MISSES",
    ]);
    console.log(`\n${title} (${seconds} s)`);
    if (rows.length > 0) console.log(alignColumns(rows));
    for (const text of this.#notes) console.log(`  * ${text}`);
  }

  /** What `make` gave the first time. @type {<T>(key: string, make: () => Promise<T>) => Promise<T>} */
  #once(key, make) {
    if (!this.#made.has(key)) this.#made.set(key, make());
    return /** @type {Promise<any>} */ (this.#made.get(key));
  }

  /** The machine's ceiling, see ceiling.mjs. */
  ceiling() {
    return this.#once("ceiling", ceiling);
  }

  /** Items and models of the reference shape. */
  inputs() {
    return this.#once("inputs", makeInputs);
  }

  /**
   * A contender that is ready: ours.
   * @param {{ threads?: number, model?: "plain" | "default" }} [options]
   * @returns {Promise<Contender>}
   */
  ours({ threads = 1, model = "plain" } = {}) {
    return this.#once(`ours ${threads} ${model}`, async () => {
      const script = "bench/speed/contenders/rqvae.mjs";
      const own = this.#keep(new Contender(`ours on ${threads} thread(s)`, [process.execPath, script]));
      const { hasThreads } = await this.#load(own, threads, model);
      if (threads > 1 && !hasThreads) throw new Error("this release has no threads");
      return own;
    });
  }

  /** @type {(contender: Contender, threads: number, model: "plain" | "default") => Promise<any>} */
  async #load(contender, threads, model) {
    const { items, models } = await this.inputs();
    return contender.ask("load", { items, model: models[model], threads });
  }

  /** @type {(contender: Contender) => Contender} */
  #keep(contender) {
    this.#contenders.push(contender);
    return contender;
  }

  /** The numbers of threads that ours can be measured at: two where the release and the machine have them. */
  threadCounts() {
    return this.#once("threads", async () => {
      if (availableParallelism() < 2) return [1];
      return this.ours({ threads: 2 }).then(
        () => [1, 2],
        () => [1],
      );
    });
  }

  /**
   * A peer that is ready; undefined, with a word why, when it is not to be had, and without one when it was not asked for.
   * @param {string} name
   * @param {number} [threads]
   * @param {(peer: Contender) => Promise<unknown>} [load] Unless told otherwise, it gets the plain model and its items.
   * @returns {Promise<Contender | undefined>}
   */
  async peer(name, threads = 1, load = (peer) => this.#load(peer, threads, "plain")) {
    if (!this.#peers.includes(name)) return undefined;
    try {
      return await this.#once(`${name} ${threads}`, async () => {
        const peer = this.#keep(await startPeer(name, threads));
        await load(peer);
        return peer;
      });
    } catch (error) {
      this.note(`${name}: skipped. ${/** @type {Error} */ (error).message}`);
      return undefined;
    }
  }

  /** Ends every contender. */
  async close() {
    await Promise.all(this.#contenders.map((contender) => contender.close()));
  }
}
