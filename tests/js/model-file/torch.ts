/** PyTorch for tests, where the toolchain has it (tools/toolchain.sh). */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const TOOLCHAIN = join(ROOT, "tools/toolchain.sh");

/** Runs Python with the toolchain, in the checkout. */
export function python(args: string[], input?: string): { status: number | null; stdout: string; stderr: string } {
  const limits = ["OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE=1"];
  const { status, stdout, stderr } = spawnSync(TOOLCHAIN, ["run", "env", ...limits, "python3", ...args], {
    cwd: ROOT,
    encoding: "utf8",
    input,
    maxBuffer: 1 << 26,
  });
  return { status, stdout, stderr };
}

/** Whether there is PyTorch; says so when there is not. It is not installed for this: `npm run fixtures` does. */
export function hasTorch(): boolean {
  const { status } = python(["-c", "import torch"]);
  if (status === 0) return true;
  console.warn("no PyTorch in the toolchain (npm run fixtures installs it): what needs it is skipped");
  return false;
}

/** A folder within the checkout, which is all of the machine that the toolchain sees; to be removed with `removeFolder`. */
export async function checkoutFolder(name: string): Promise<string> {
  await mkdir(join(ROOT, "build"), { recursive: true });
  return mkdtempSync(join(ROOT, "build", `${name}-`));
}

export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true });
