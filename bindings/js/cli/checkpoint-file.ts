import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RQVAEError } from "../base/errors.ts";
import { toText } from "../base/wording.ts";
import { checkOutput, exists, FileError, readBytes, remove, saveWhole, writeWhole } from "./files.ts";
import { LockFile } from "./lock-file.ts";
import { sweepTemporaries } from "./temporaries.ts";

/** What a training was and what came of it, so that its own output is known again. */
export interface Finished {
  /** Everything that decides the result: configuration, options, items. */
  of: string;
  /** Files with their SHA-256. */
  files: Record<string, string>;
}

/** The file that `--checkpoint` names: at every moment it holds one whole checkpoint, or is not there. One run at a time has it. */
export class CheckpointFile {
  readonly path: string;
  readonly #seconds: number;
  #lock: LockFile | undefined;
  /** Writes go one after the other: a training that was stopped does not wait for its last one. */
  #writing: Promise<unknown> = Promise.resolve();
  /** Whether the last write failed, which is told once. */
  #failing = false;

  constructor(path: string, seconds: number) {
    this.path = path;
    this.#seconds = seconds;
  }

  exists(): Promise<boolean> {
    return exists(this.path);
  }

  /** Takes it, so that no other run does. To be called before anything is asked of the file. @throws FileError */
  async lock(): Promise<void> {
    const folder = dirname(this.path);
    if (!(await exists(folder))) throw new FileError(`${this.path}: the folder ${folder} does not exist`);
    const real = await realpath(this.path).catch(async () => join(await realpath(folder), basename(this.path)));
    this.#lock = await LockFile.take(`${real}.lock`, this.path).catch((error: NodeJS.ErrnoException) => {
      // Where nothing can be written there is no lock either; what else is wrong is said in the words of outputs.
      if (error instanceof FileError) throw error;
      return undefined;
    });
  }

  async unlock(): Promise<void> {
    await this.#lock?.release();
    this.#lock = undefined;
  }

  /** Looks, before any work is done, whether it can be written. @throws FileError */
  async open({ overwrite, inputs }: { overwrite: boolean; inputs: string[] }): Promise<void> {
    await checkOutput(this.path, { overwrite: true, inputs });
    await sweepTemporaries(this.#finishedPath);
    const file = await stat(this.path).catch(() => undefined);
    if (file && !file.isFile()) throw new FileError(`${this.path}: is not a regular file, which a checkpoint must be`);
    if (file && !overwrite) {
      throw new FileError(
        `${this.path}: a checkpoint exists already; resume from it with --resume, or overwrite it with --force`,
      );
    }
  }

  /** What `train` is told: a checkpoint that cannot be written is no reason to stop. */
  options(warn: (line: string) => void): { everyMs: number; write: (bytes: Uint8Array) => Promise<void> } {
    return {
      everyMs: 1000 * this.#seconds,
      write: async (bytes) => {
        await this.#requireLock();
        try {
          await this.#write(bytes);
        } catch (error) {
          if (!(error instanceof FileError)) throw error;
          if (!this.#failing) {
            warn(`${error.message}: training continues without this checkpoint, and tries again at the next one`);
          }
          this.#failing = true;
          return;
        }
        if (this.#failing) warn(`${this.path}: checkpoints are written again`);
        this.#failing = false;
      },
    };
  }

  read(): Promise<Uint8Array> {
    return readBytes(this.path);
  }

  /** The last one. @throws FileError that says where it is instead, if it cannot be written there */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#requireLock();
    await this.#writing;
    await saveWhole(this.path, () => bytes);
  }

  #write(bytes: Uint8Array): Promise<void> {
    const written = this.#writing.then(() => writeWhole(this.path, bytes));
    this.#writing = written.catch(() => {});
    return written;
  }

  /** @throws FileError when another run has taken over, to which this one looked dead. */
  async #requireLock(): Promise<void> {
    if (this.#lock && !(await this.#lock.isHeld().catch(() => true))) {
      throw new FileError(`${this.path}: another run has taken it over, or its lock was removed: this one ends here`);
    }
  }

  /** The training is done: nothing is left to go on with, but for a line that says so. */
  async finish(of: unknown, paths: string[]): Promise<void> {
    await this.#writing;
    const files = Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await digestOf(path)])));
    const finished: Finished = { of: digestOfText(JSON.stringify(of)), files };
    // Only whoever is killed within the next moment needs it.
    await writeWhole(this.#finishedPath, `${JSON.stringify(finished)}\n`).catch(() => {});
    await remove(this.path);
  }

  /** Whether a training with this checkpoint came to its end. */
  hasFinished(): Promise<boolean> {
    return exists(this.#finishedPath);
  }

  /** Whether this very training came to its end with these files, which are still as it wrote them. */
  async isFinished(of: () => Promise<unknown>, paths: string[]): Promise<boolean> {
    try {
      const { of: their, files } = JSON.parse(
        new TextDecoder().decode(await readBytes(this.#finishedPath)),
      ) as Finished;
      for (const path of paths) if (files[path] !== (await digestOf(path))) return false;
      return their === digestOfText(JSON.stringify(await of()));
    } catch {
      return false;
    }
  }

  get #finishedPath(): string {
    return join(dirname(this.path), `.${basename(this.path)}.finished`);
  }

  /** @throws the error of reading it, with the file's name and what to do. */
  refuse(error: unknown): never {
    if (!(error instanceof Error)) throw error;
    if (!(error instanceof RQVAEError)) throw new FileError(`${this.path}: ${error.message}`);
    const message = toText(error.wording, (part) =>
      "hint" in part ? "" : "file" in part ? "the checkpoint" : undefined,
    );
    // Advice to remove a file is for what is a checkpoint: another may have been named by mistake.
    const advice =
      error.code === "FILE_FOREIGN"
        ? "It is no checkpoint: name another file with --checkpoint"
        : "Remove it to start again from the beginning, or name another with --checkpoint";
    throw new FileError(`${this.path}: ${message}. ${advice}`);
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return hash.digest("hex");
}

const digestOfText = (text: string) => createHash("sha256").update(text).digest("hex");
