/** The IDs of the epochs before the last, in files named after that of the IDs: other tokens of the same items. */

import { extname } from "node:path";
import { counted } from "../base/words.ts";
import { RQVAE } from "../model/rqvae.ts";
import type { TrainOptions } from "../types.ts";
import { type Given, number, text, UsageError } from "./command.ts";
import { checkOutput, STDOUT } from "./files.ts";
import { type Workplace, writeIdsOf } from "./outputs.ts";
import { fileSize } from "./text.ts";

/** The most that are kept, since each is a model in memory. */
const MOST = 100;

/** @throws UsageError */
export function requireSnapshots(given: Given): number | undefined {
  const count = number(given, "snapshots");
  if (count === undefined) return undefined;
  if (!Number.isInteger(count) || count < 1 || count > MOST) {
    throw new UsageError(`--snapshots must be a whole number from 1 to ${MOST}, but is ${count}`);
  }
  for (const other of ["checkpoint", "resume"]) {
    if (given.values[other] !== undefined) {
      throw new UsageError(
        `--snapshots and --${other} do not go together: a checkpoint does not keep the models of earlier epochs`,
      );
    }
  }
  if (text(given, "ids") === STDOUT)
    throw new UsageError("--snapshots needs --ids FILE: its files are named after that one");
  return count;
}

/** Snapshots of a training that runs, and their files. */
export class Snapshots {
  readonly #place: Workplace;
  readonly #paths: readonly string[];
  /** The latest one first. */
  readonly #models: { bytes: Uint8Array; epoch: number }[] = [];

  private constructor(place: Workplace, paths: readonly string[]) {
    this.#place = place;
    this.#paths = paths;
  }

  /** @throws FileError for files that are in the way */
  static async of(given: Given, place: Workplace, overwrite: boolean): Promise<Snapshots | undefined> {
    const count = requireSnapshots(given);
    if (count === undefined) return undefined;
    const { idsPath } = place;
    const ending = extname(idsPath);
    const base = idsPath.slice(0, idsPath.length - ending.length);
    const paths = Array.from({ length: count }, (_, i) => `${base}.snapshot-${i + 1}${ending}`);
    for (const path of paths) await checkOutput(path, { overwrite, inputs: place.inputs });
    return new Snapshots(place, paths);
  }

  /** What training needs to be given. */
  get options(): Pick<TrainOptions, "snapshots"> {
    const write = (bytes: Uint8Array, epoch: number) => void this.#models.unshift({ bytes, epoch });
    return { snapshots: { epochs: this.#paths.length, write } };
  }

  /** Why there are fewer than asked for; nothing if there are not. */
  get lack(): string {
    const made = this.#models.length;
    if (made === this.#paths.length) return "";
    const why =
      made > 0
        ? "there were no more epochs before the last"
        : "there was no epoch before the last, or training kept its start, whose codes mean something else";
    return `--snapshots ${this.#paths.length}: ${made === 0 ? "none" : `only ${made}`} written, since ${why}`;
  }

  /** Writes the files, and says what they are. */
  async write(): Promise<{ path: string; what: string; size: string }[]> {
    const files: { path: string; what: string; size: string }[] = [];
    for (const [i, { bytes, epoch }] of this.#models.entries()) {
      using model = await RQVAE.load(bytes);
      const path = this.#paths[i]!;
      const { size, rows } = await writeIdsOf(this.#place, model, path);
      files.push({ path, what: `the IDs after epoch ${epoch + 1}, ${counted(rows, "row")}`, size: fileSize(size) });
    }
    return files;
  }
}
