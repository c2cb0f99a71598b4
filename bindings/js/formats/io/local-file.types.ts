/** Files of the machine, read by ranges. Chosen by the import condition "node" of `#local-file` in package.json. */

/** A file that is open. */
export interface LocalFile {
  /** In bytes, when it was opened. */
  readonly size: number;
  /** Reads up to `target.length` bytes from `position` on. Resolves to how many there were: 0 at the end. */
  read(target: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/** Opens a file; undefined where there are none (browsers). */
export declare const openLocalFile: ((path: string | URL) => Promise<LocalFile>) | undefined;
