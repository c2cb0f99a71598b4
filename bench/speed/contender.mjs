// A program that takes part: a process of its own, so that none shares a heap, a compiler or threads with another, and one that can wait
// while another has its turn. It is asked one thing at a time: a line of JSON in, a line of JSON out.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { ROOT } from "../../tools/setup.mjs";

/** Lines of stderr that are kept for the message when a contender ends before it was told to. */
const KEPT_LINES = 6;

export class Contender {
  /** @type {import("node:child_process").ChildProcessByStdio<import("node:stream").Writable, import("node:stream").Readable, import("node:stream").Readable>} */
  #process;
  /** @type {{ resolve: (answer: any) => void, reject: (error: Error) => void } | undefined} */
  #waiting;
  /** @type {string[]} */
  #said = [];
  /** @type {Promise<void>} */
  #ended;

  /**
   * @param {string} name for messages
   * @param {readonly string[]} command
   */
  constructor(name, [command, ...args]) {
    this.name = name;
    this.#process = spawn(command, args, { cwd: ROOT, stdio: ["pipe", "pipe", "pipe"] });
    createInterface({ input: this.#process.stderr }).on("line", (line) => {
      this.#said = [...this.#said, line].slice(-KEPT_LINES);
    });
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      if (!line.startsWith("{")) return; // what libraries print
      const { error, result } = JSON.parse(line);
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(`${name}: ${error}`));
    });
    this.#process.stdin.on("error", () => {}); // "close" tells of it
    this.#ended = new Promise((resolve) => {
      const end = (/** @type {string} */ why) => {
        this.#waiting?.reject(new Error(`${name} ended: ${[why, ...this.#said].join("\n  ")}`));
        this.#waiting = undefined;
        resolve();
      };
      this.#process.on("error", (error) => end(error.message));
      this.#process.on("close", (code, signal) => end(`status ${code ?? signal}`));
    });
  }

  /**
   * @param {string} command
   * @param {object} [options]
   * @returns {Promise<any>}
   */
  ask(command, options = {}) {
    if (this.#waiting !== undefined) throw new Error(`${this.name} is still busy`);
    return new Promise((resolve, reject) => {
      if (this.#process.exitCode !== null) return reject(new Error(`${this.name} has ended`));
      this.#waiting = { resolve, reject };
      this.#process.stdin.write(`${JSON.stringify({ command, ...options })}\n`);
    });
  }

  /** A contender ends when nothing more can come. */
  async close() {
    this.#process.stdin.end();
    await this.#ended;
  }
}
