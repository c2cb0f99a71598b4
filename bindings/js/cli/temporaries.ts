/** Files that are written beside the one that they become, and what killed processes have left of them. */

import { randomUUID } from "node:crypto";
import { readdir, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { lifeOf, ownMark } from "./process-mark.ts";

/** After so long without a change, what a process elsewhere writes is taken for abandoned. */
const ABANDONED_MS = 3_600_000;

/** A new name beside a file: hidden, with the process that writes it. */
export function temporaryFor(target: string): string {
  const { pid, realm, start } = ownMark;
  return join(dirname(target), `.${basename(target)}.${realm}-${pid}-${start}-${randomUUID().slice(0, 8)}.tmp`);
}

/** Removes what processes that are no more have left of this file; of those elsewhere, what has not changed for an hour. */
export async function sweepTemporaries(path: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const folder = dirname(target);
  const start = `.${basename(target)}.`;
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(start) || !name.endsWith(".tmp")) continue;
    const owner = name.slice(start.length, -".tmp".length);
    const [, realm = "", pid = "", since = ""] = /^([0-9a-f]{8})-(\d+)-(\d*)-[0-9a-f]{8}$/.exec(owner) ?? [];
    // Those of earlier releases do not say whose they are.
    const life = realm === "" ? "foreign" : lifeOf({ realm, pid: Number(pid), start: since });
    if (realm === "" && !/^[0-9a-f]{8}$/.test(owner)) continue;
    const left = join(folder, name);
    if (life === "alive" || (life === "foreign" && !(await isAbandoned(left)))) continue;
    await rm(left, { force: true }).catch(() => {});
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > ABANDONED_MS;
}
