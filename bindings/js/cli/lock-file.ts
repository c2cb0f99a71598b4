/** A file that one process holds while it works on another. */

import { randomUUID } from "node:crypto";
import { unlinkSync } from "node:fs";
import { link, open, readdir, readFile, rename, rm, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FileError, syncFolder } from "./files.ts";
import { lifeOf, ownMark, type ProcessMark } from "./process-mark.ts";
import { sweepTemporaries, temporaryFor } from "./temporaries.ts";

/** How often a holder shows that it lives to those who cannot ask for its process, and after how long without that it counts as dead. */
const BEAT_MS = 15_000;
const SILENCE_MS = 120_000;

type Holder = ProcessMark & { host: string; token: string };

export class LockFile {
  readonly #path: string;
  readonly #token = randomUUID();
  #beat: NodeJS.Timeout | undefined;
  readonly #drop = () => {
    try {
      unlinkSync(this.#path);
    } catch {} // it would be taken over
  };

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Takes the lock, also from a process that is dead.
   * @throws FileError that says which process has it
   */
  static async take(path: string, about: string): Promise<LockFile> {
    const lock = new LockFile(path);
    await sweepTemporaries(path);
    await lock.#take(path, about);
    await lock.#sweepRights();
    lock.#beat = setInterval(() => void touch(path), BEAT_MS);
    lock.#beat.unref();
    process.on("exit", lock.#drop);
    return lock;
  }

  async #take(path: string, about: string): Promise<void> {
    const candidate = temporaryFor(path);
    try {
      const file = await open(candidate, "wx");
      try {
        await file.writeFile(`${JSON.stringify({ ...ownMark, token: this.#token })}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      while (!(await place(candidate, path))) {
        const holder = await readHolder(path);
        if (holder === undefined) continue; // it has just been let go of
        if (holder.token === "" ? !(await isSilent(path)) : await isHeld(holder, path))
          throw inUse(path, about, holder);
        // One alone may replace this very lock: who holds that one's own. Whoever comes late finds another one here.
        const right = await LockFile.take(`${path}.${holder.token.slice(0, 8) || "unreadable"}`, about);
        try {
          if ((await readHolder(path))?.token !== holder.token) continue;
          await rename(candidate, path);
          return;
        } finally {
          await right.release();
        }
      }
    } finally {
      await rm(candidate, { force: true }).catch(() => {});
    }
    await syncFolder(path);
  }

  /** Removes what killed processes left that were about to replace earlier locks: those are no more, so nobody needs the right to it. */
  async #sweepRights(): Promise<void> {
    const start = `${basename(this.#path)}.`;
    for (const name of await readdir(dirname(this.#path)).catch(() => [])) {
      const token = /^[0-9a-f]{8}/.exec(name.slice(start.length))?.[0];
      if (!name.startsWith(start) || !token || this.#token.startsWith(token)) continue;
      await rm(join(dirname(this.#path), name), { force: true }).catch(() => {});
    }
  }

  /** Whether it is still this process's: one that slept for long may have lost it. */
  async isHeld(): Promise<boolean> {
    return (await readHolder(this.#path))?.token === this.#token;
  }

  async release(): Promise<void> {
    clearInterval(this.#beat);
    process.off("exit", this.#drop);
    if (await this.isHeld()) await unlink(this.#path).catch(() => {});
  }
}

/** Gives the candidate the lock's name unless there is one. */
async function place(candidate: string, path: string): Promise<boolean> {
  try {
    await link(candidate, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code === "ENOENT") throw error;
    // A file system without links.
    try {
      const file = await open(path, "wx");
      await file.writeFile(await readFile(candidate)).finally(() => file.close());
      return true;
    } catch (second) {
      if ((second as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw second;
    }
  }
}

/** Who has the lock; with an empty token when the file does not say it, undefined when there is none. */
async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    // There is one, perhaps another user's: to go on without it would be to work beside its holder.
    throw new FileError(`${path}: this lock cannot be read (${error.code}): wait for the end of its run, or remove it`);
  });
  if (text === undefined) return undefined;
  try {
    const { pid, realm, start, host, token } = JSON.parse(text);
    return { pid: Number(pid), realm: `${realm}`, start: `${start}`, host: `${host}`, token: `${token ?? ""}` };
  } catch {
    return { pid: 0, realm: "", start: "", host: "", token: "" };
  }
}

async function isHeld(holder: Holder, path: string): Promise<boolean> {
  const life = lifeOf(holder);
  return life === "foreign" ? !(await isSilent(path)) : life === "alive";
}

/** Sets the time of its last change, by the clock of whoever keeps the file: writes its first letter once more. */
async function touch(path: string): Promise<void> {
  const file = await open(path, "r+").catch(() => undefined);
  await file
    ?.write("{", 0)
    .catch(() => {})
    .finally(() => file.close());
}

/** Measured by the clock of the file system, which is that of neither machine. */
async function isSilent(path: string): Promise<boolean> {
  const probe = temporaryFor(path);
  try {
    await (await open(probe, "wx")).close();
    const [now, then] = await Promise.all([stat(probe), stat(path)]);
    return now.mtimeMs - then.mtimeMs > SILENCE_MS;
  } catch {
    return false;
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
}

function inUse(path: string, about: string, { pid, host }: Holder): FileError {
  const who = pid ? `process ${pid} on ${host}` : "another process";
  const elsewhere = host === ownMark.host && pid ? "" : `; if it is no more, wait two minutes, or remove ${path}`;
  return new FileError(
    `${about}: another run is at work on it (${who}): wait for its end, or name another file${elsewhere}`,
  );
}
