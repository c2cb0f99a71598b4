// Scripts that need a process to themselves: to be cold, to have its memory alone, or flags of Node.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/**
 * Runs scripts/NAME.mjs to its end; what it printed is JSON.
 * @param {string} name
 * @param {readonly string[]} args
 * @param {readonly string[]} [flags] of Node
 */
export async function runScript(name, args, flags = []) {
  const path = fileURLToPath(new URL(`scripts/${name}.mjs`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, path, ...args]);
  return JSON.parse(stdout);
}
