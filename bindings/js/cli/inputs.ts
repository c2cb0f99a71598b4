/** Files that commands read: by path, from standard input (`-`), or from a web server (`http:`, `https:`). */

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { answered, whyBrokenOff, whyNoAnswer } from "../formats/io/byte-source.ts";
import { UsageError } from "./command.ts";
import { FileError, on } from "./file-error.ts";

/** What stands for standard input where an input file is expected, as in other Unix tools. */
export const STDIN = "-";

export const isUrl = (path: string): boolean => /^https?:\/\//i.test(path);

/** Whether an input is a file of this machine. */
export const isLocal = (path: string): boolean => path !== STDIN && !isUrl(path);

/** An input in a message, and for readers that look at the ends of names: a URL without its query. */
export const nameOfInput = (path: string): string =>
  path === STDIN ? "standard input" : isUrl(path) ? path.replace(/[?#].*$/s, "") : path;

/** The last part of an input's name: what a default name or a heading is made of. */
export const baseNameOf = (path: string): string =>
  isUrl(path) ? basename(new URL(path).pathname) : basename(nameOfInput(path));

/** What was fetched to be looked at, until it is read. */
const fetched = new Map<string, Promise<Uint8Array>>();
let stdinIsTaken = false;

/** The bytes of an input. Standard input can be read once. @throws FileError, UsageError */
export async function readBytes(path: string): Promise<Uint8Array> {
  if (isLocal(path)) return on(path, () => readFile(path));
  if (path === STDIN && stdinIsTaken) throw stdinTwice();
  stdinIsTaken ||= path === STDIN;
  const bytes = await peekBytes(path);
  fetched.delete(path);
  return bytes;
}

/** The same for a look at an input that is read later; nothing is fetched twice. */
export function peekBytes(path: string): Promise<Uint8Array> {
  let bytes = fetched.get(path);
  if (bytes === undefined) {
    bytes = path === STDIN ? readStdin() : download(path);
    bytes.catch(() => {}); // whoever reads it is told
    fetched.set(path, bytes);
  }
  return bytes;
}

/** @throws UsageError when standard input is given for more than one file. */
export function requireOneStdin(paths: readonly (string | undefined)[]): void {
  if (paths.filter((path) => path === STDIN).length > 1) throw stdinTwice();
}

const stdinTwice = () =>
  new UsageError(`standard input (${STDIN}) can be read only once: name a file for all inputs but one`);

async function readStdin(): Promise<Uint8Array> {
  if (process.stdin.isTTY) {
    throw new UsageError(`${STDIN} reads standard input, which is a terminal: pipe a file into the command`);
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Uint8Array);
  if (pieces.length === 0) throw new FileError("standard input: is empty");
  return Buffer.concat(pieces);
}

async function download(url: string): Promise<Uint8Array> {
  const failed = (reason: string) => new FileError(`${nameOfInput(url)}: ${reason}`);
  const response = await fetch(url).catch((error) => {
    throw failed(whyNoAnswer(error));
  });
  if (!response.ok) throw failed(answered(response));
  return new Uint8Array(
    await response.arrayBuffer().catch((error) => {
      throw failed(whyBrokenOff(error));
    }),
  );
}
