import { open } from "node:fs/promises";
import type { LocalFile } from "./local-file.types.ts";

/** Longest read: system calls take less than 2 GiB. */
const MAX_READ = 1 << 30;

export async function openLocalFile(path: string | URL): Promise<LocalFile> {
  const file = await open(path, "r");
  const stat = await file.stat().catch(async (error) => {
    await file.close();
    throw error;
  });
  if (stat.isDirectory()) {
    await file.close();
    throw Object.assign(new Error("is a folder, not a file"), { code: "EISDIR" });
  }
  // A pipe or a device has no size and is read once.
  const whole = stat.isFile() ? undefined : new Uint8Array(await file.readFile());
  if (whole) {
    return {
      size: whole.length,
      async read(target, position) {
        const part = whole.subarray(position, position + target.length);
        target.set(part);
        return part.length;
      },
      close: () => file.close(),
    };
  }
  return {
    size: stat.size,
    async read(target, position) {
      const { bytesRead } = await file.read(target, 0, Math.min(target.length, MAX_READ), position);
      return bytesRead;
    },
    close: () => file.close(),
  };
}
