/** How the program is called from the shell that it was started from: for commands that it prints. */

import { existsSync } from "node:fs";
import { delimiter, isAbsolute, join, relative, sep } from "node:path";
import { shellWord } from "./text.ts";

/** Where npm puts the programs of a project: on the path while npx or a script runs, but not in a shell. */
const OF_PROJECT = join("node_modules", ".bin");

function isOnPath(): boolean {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
  const names = process.platform === "win32" ? ["rqvae.cmd", "rqvae.exe"] : ["rqvae"];
  return folders.some(
    (folder) => !join(folder).endsWith(OF_PROJECT) && names.some((name) => existsSync(join(folder, name))),
  );
}

function find(): string {
  const script = process.argv[1] ?? "";
  if (script === "" || isOnPath()) return "rqvae";
  if (script.includes(`${sep}node_modules${sep}`)) return "npx rqvae";
  const short = relative(process.cwd(), script);
  return `node ${shellWord(short.startsWith("..") ? script : short)}`;
}

let found: string | undefined;

/** "rqvae" where the shell finds it; else "npx rqvae", or "node dist/cli/main.js". */
export function programName(): string {
  found ??= find();
  return found;
}
