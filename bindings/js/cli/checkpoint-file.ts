import { stat } from "node:fs/promises";
import { checkOutput, exists, FileError, readBytes, remove, sweepTemporaries, writeWhole } from "./files.ts";

/** The file that `--checkpoint` names: at every moment it holds one whole checkpoint, or is not there. */
export class CheckpointFile {
  readonly path: string;
  readonly #everyMs: number;

  constructor(path: string, seconds: number) {
    this.path = path;
    this.#everyMs = 1000 * seconds;
  }

  exists(): Promise<boolean> {
    return exists(this.path);
  }

  /** Looks, before any work is done, whether it can be written. @throws FileError */
  async open({ overwrite, inputs }: { overwrite: boolean; inputs: string[] }): Promise<void> {
    await checkOutput(this.path, { overwrite: true, inputs });
    const file = await stat(this.path).catch(() => undefined);
    if (file && !file.isFile()) throw new FileError(`${this.path}: is not a regular file, which a checkpoint must be`);
    if (file && !overwrite) {
      throw new FileError(
        `${this.path}: a checkpoint exists already; go on from it with --resume, or overwrite it with --force`,
      );
    }
    await sweepTemporaries(this.path);
  }

  /** What `train` is told. */
  get options(): { everyMs: number; write: (bytes: Uint8Array) => Promise<void> } {
    return { everyMs: this.#everyMs, write: (bytes) => this.write(bytes) };
  }

  read(): Promise<Uint8Array> {
    return readBytes(this.path);
  }

  write(bytes: Uint8Array): Promise<void> {
    return writeWhole(this.path, bytes);
  }

  /** The training is done: nothing is left to go on with. */
  remove(): Promise<void> {
    return remove(this.path);
  }

  /** @throws the error of reading it, with the file's name and what to do. */
  refuse(error: unknown): never {
    if (!(error instanceof Error)) throw error;
    const message = error.message.replace("the model file", "the checkpoint").replace(/\. Fetch or copy it again$/, "");
    throw new FileError(`${this.path}: ${message}. Remove it to start again from the beginning`);
  }
}
