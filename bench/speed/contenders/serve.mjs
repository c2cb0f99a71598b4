// The contender's side of ../contender.mjs, and what all contenders in JavaScript do alike.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/**
 * @typedef {{ data: Float32Array, rows: number, dim: number }} Matrix
 * @typedef {(batch: Matrix) => unknown} Step One step on these rows, or a promise of it.
 */

/**
 * Answers until stdin ends.
 * @param {Record<string, (options: any) => unknown>} commands
 */
export async function serve(commands) {
  console.log = console.info = console.warn = console.error; // stdout is for answers
  for await (const line of createInterface({ input: process.stdin })) {
    const { command, ...options } = JSON.parse(line);
    /** @type {object} */
    let answer;
    try {
      answer = { result: (await commands[command](options)) ?? null };
    } catch (error) {
      answer = { error: error instanceof Error ? error.message : String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}

/**
 * A file of float32 rows.
 * @param {{ path: string, dim: number }} file
 * @returns {Matrix}
 */
export function readRows({ path, dim }) {
  const bytes = readFileSync(path);
  const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  return { data, rows: data.length / dim, dim };
}

/**
 * The rows of a step: one batch after the other, and again from the first.
 * @type {(items: Matrix, batch: number, step: number) => Matrix}
 */
function batchOf({ data, rows, dim }, batch, step) {
  const first = (step % Math.floor(rows / batch)) * batch;
  return { data: data.subarray(first * dim, (first + batch) * dim), rows: batch, dim };
}

/**
 * The commands of a contender that steps through batches of items.
 * @param {object} contender
 * @param {(options: any) => unknown} contender.load Makes it ready; tells what is worth telling.
 * @param {(batch: Matrix) => ArrayLike<number> | Promise<ArrayLike<number>>} contender.encode Codes, rows x levels.
 * @param {Step} [contender.encodeAsync] The same as a long call.
 * @param {() => Step | Promise<Step>} [contender.trainer] Starts from the file's weights; a step returns its loss.
 */
export function stepping({ load, encode, encodeAsync = encode, trainer }) {
  /** @type {Matrix} */
  let items;
  /** @type {Map<string, { step: Step, count: number }>} */
  const running = new Map();

  /** The work of this kind at this batch size, one step further at each call. */
  async function stepper(/** @type {"train" | "encode" | "encodeAsync"} */ what, /** @type {number} */ batch) {
    const key = `${what} ${batch}`;
    if (!running.has(key)) {
      const step = what === "train" ? await trainer?.() : what === "encode" ? encode : encodeAsync;
      if (step === undefined) throw new Error("it does not train");
      running.set(key, { step, count: 0 });
    }
    const found = /** @type {{ step: Step, count: number }} */ (running.get(key));
    return () => found.step(batchOf(items, batch, found.count++));
  }

  return {
    load(options) {
      items = readRows(options.items);
      return load(options);
    },
    /** IDs of all items, `batch` at a time. */
    async codes({ batch }) {
      const all = [];
      for (let step = 0; step < items.rows / batch; step++) all.push(...(await encode(batchOf(items, batch, step))));
      return all;
    },
    /** The losses of the first steps from the file's weights. */
    async losses({ batch, steps }) {
      const step = await trainer?.();
      const losses = [];
      for (let i = 0; i < steps; i++) losses.push(await step?.(batchOf(items, batch, i)));
      return losses;
    },
    /** Items per second, over whole steps that last at least so long. */
    async rate({ what, batch, seconds }) {
      const next = await stepper(what, batch);
      const started = performance.now();
      let [steps, elapsed] = [0, 0];
      do {
        await next();
        steps++;
        elapsed = (performance.now() - started) / 1000;
      } while (elapsed < seconds);
      return (steps * batch) / elapsed;
    },
    /** Microseconds that each of `count` steps took. */
    async latencies({ what, batch, count }) {
      const next = await stepper(what, batch);
      const times = new Array(count);
      for (let i = 0; i < count; i++) {
        const started = performance.now();
        await next();
        times[i] = 1000 * (performance.now() - started);
      }
      return times;
    },
  };
}
