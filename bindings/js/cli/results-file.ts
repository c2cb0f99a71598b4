/** The file with the finished runs of a sweep, a line each: appended to run by run, and read again to resume. */

import { type FileHandle, open, readFile, realpath, rename, stat, truncate } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { counted } from "../base/words.ts";
import type { Base } from "../sweep/base.ts";
import type { Data } from "../sweep/catalogue.ts";
import { BEGINNING, type Context, lineOf, type Results, type RunRecord, readResults } from "../sweep/record.ts";
import { UsageError } from "./command.ts";
import { checkOutput, exists, FileError, on, STDOUT, syncFolder } from "./files.ts";
import { LockFile } from "./lock-file.ts";

const ENDINGS = [".jsonl", ".ndjson", ""];

/** Earlier results that `--force` moves out of the way. */
export interface Earlier {
  lines: number;
  /** Where they go. */
  to: string;
}

export class ResultsFile {
  readonly path: string;
  #lock: LockFile | undefined;

  /** @throws UsageError for a name of something else. */
  constructor(path: string) {
    if (path === STDOUT) {
      throw new UsageError("--output: a sweep is resumed from its results, so they need a file; the table is printed");
    }
    if (!ENDINGS.includes(extname(path).toLowerCase())) {
      throw new UsageError(`--output ${path}: results are JSON lines; end the name with .jsonl or .ndjson`);
    }
    this.path = path;
  }

  /** Takes it, so that no other sweep appends to it. @throws FileError */
  async lock(inputs: string[]): Promise<void> {
    await checkOutput(this.path, { overwrite: true, inputs });
    const file = await stat(this.path).catch(() => undefined);
    if (file && !file.isFile()) throw new FileError(`${this.path}: is not a regular file, which results must be`);
    const real = await realpath(this.path).catch(async () =>
      join(await realpath(dirname(this.path)), basename(this.path)),
    );
    this.#lock = await on(this.path, () => LockFile.take(`${real}.lock`, this.path), dirname(this.path));
  }

  async unlock(): Promise<void> {
    await this.#lock?.release();
    this.#lock = undefined;
  }

  /** What it holds; undefined where there is none. Nothing is changed. @throws FileError */
  async read(context: Context): Promise<Results | undefined> {
    const bytes = await this.#bytes();
    if (bytes === undefined) return undefined;
    const advice = "name another file with --output, or start again with --force";
    // In a file of something else there is nothing to rescue.
    const remedy = bytes.includes(BEGINNING) ? "delete that line, " : "";
    return readResults(
      bytes,
      (line, what) => new FileError(`${this.path}: line ${line} is not a run of a sweep (${what}): ${remedy}${advice}`),
      (line, record) => {
        const difference = differenceOf(record, context);
        if (difference) throw new FileError(`${this.path}: line ${line} ${difference}: ${advice}`);
      },
    );
  }

  /** What `setAside` would move, be it a sweep's or not; undefined where there is nothing. Nothing is changed. @throws FileError */
  async earlier(): Promise<Earlier | undefined> {
    const bytes = await this.#bytes();
    if (bytes === undefined || bytes.length === 0) return undefined;
    const lines = bytes.toString("latin1").split("\n");
    let to = `${this.path}.old`;
    for (let i = 2; await exists(to); i++) to = `${this.path}.old${i}`;
    return { lines: lines.filter((line) => line.trim() !== "").length, to };
  }

  async #bytes(): Promise<Buffer | undefined> {
    return readFile(this.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      return on(this.path, () => Promise.reject(error)) as Promise<never>;
    });
  }

  /** Takes away what was half-written, so that lines can be appended. */
  async mend({ size, isCut, lacksEnd }: Results): Promise<void> {
    if (isCut) await on(this.path, () => truncate(this.path, size));
    if (lacksEnd) await this.#append("\n");
  }

  /** Moves earlier results out of the way: new ones, which may end early, replace nothing. @throws FileError */
  async setAside({ to }: Earlier): Promise<void> {
    await on(this.path, () => rename(this.path, to), dirname(this.path));
    await syncFolder(this.path);
  }

  /** Appends a run; it is on the disk when this resolves. @throws FileError */
  async append(record: Omit<RunRecord, "sweep">): Promise<void> {
    await this.#append(lineOf(record));
  }

  async #append(text: string): Promise<void> {
    if (this.#lock && !(await this.#lock.isHeld().catch(() => true))) {
      throw new FileError(`${this.path}: another sweep has taken it over, or its lock was removed: this one ends here`);
    }
    const isNew = (await stat(this.path).catch(() => undefined)) === undefined;
    await on(this.path, () => open(this.path, "a"), dirname(this.path)).then((file) =>
      on(this.path, () => write(file, text)).finally(() => file.close()),
    );
    if (isNew) await syncFolder(this.path);
  }
}

async function write(file: FileHandle, text: string): Promise<void> {
  const { size } = await file.stat();
  try {
    await file.appendFile(text);
    await file.sync();
  } catch (error) {
    await file.truncate(size).catch(() => {}); // else the next sweep does it
    throw error;
  }
}

/** Why a record does not belong to a sweep, in words; undefined when it does. */
function differenceOf(record: Context, { data, heldOut, base }: Context): string | undefined {
  const told = ({ rows, dim, fingerprint }: Data) => `${counted(rows, "item")} of dimension ${dim}, ${fingerprint}`;
  if (record.data.fingerprint !== data.fingerprint) {
    return `is about other items (${told(record.data)}) than this sweep (${told(data)})`;
  }
  if (record.heldOut.share !== heldOut.share || record.heldOut.seed !== heldOut.seed) {
    const { share, seed } = record.heldOut;
    return `holds out other rows (--held-out ${share} --seed ${seed}) than this sweep (--held-out ${heldOut.share} --seed ${heldOut.seed})`;
  }
  const named = ({ recipe }: Base) => (recipe === "fit" ? "the recipe chosen for the items" : `--preset ${recipe}`);
  if (record.base.recipe !== base.recipe) {
    return `starts from another base (${named(record.base)}) than this sweep (${named(base)})`;
  }
  if (record.base.fingerprint !== base.fingerprint) {
    return `starts from another base: ${named(base)} is not the same in this release`;
  }
  return undefined;
}
