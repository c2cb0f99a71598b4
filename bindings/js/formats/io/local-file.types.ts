/** Local files, read by ranges. The import condition "node" of `#local-file` in package.json chooses the implementation. */

/** An open file. */
export interface LocalFile {
  /** In bytes, when it was opened. */
  readonly size: number;
  /** Reads up to `target.length` bytes from `position` on. Resolves to the number of bytes read: 0 at the end. */
  read(target: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/** Opens a file; undefined in browsers, which have no local files. */
export declare const openLocalFile: ((path: string | URL) => Promise<LocalFile>) | undefined;
