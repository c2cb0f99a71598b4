/** What goes wrong with files, in plain sentences. */

import { RQVAEError } from "../base/errors.ts";
import { fileReasons } from "../formats/io/byte-source.ts";

/** A file cannot be read or written. The message begins with its name. */
export class FileError extends Error {}

export const reasons: Record<string, string> = {
  ...fileReasons,
  EPERM: "not permitted",
  ENOSPC: "no space left on the disk",
  EROFS: "the file system is read-only",
  ERR_FS_FILE_TOO_LARGE: "larger than the 2 GiB that can be read at once",
};

/**
 * Runs a file operation; what the system says about it becomes one plain sentence.
 * @param folder The folder whose permission the operation needs, where it is not the file's own.
 */
export async function on<T>(path: string, operation: () => Promise<T>, folder?: string): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    // About what is written, not about the file; or reported already.
    if (error instanceof RQVAEError || error instanceof FileError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (folder !== undefined && (code === "EACCES" || code === "EPERM")) {
      throw new FileError(`${path}: no permission to write in the folder ${folder === "." ? process.cwd() : folder}`);
    }
    throw new FileError(`${path}: ${reasons[code ?? ""] ?? message}`);
  }
}
