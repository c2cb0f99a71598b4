/** A few of the shapes of bench/fuzz-shapes.mjs. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

it.each([1, 4])(
  "shapes at the edges of 32 bits work or are refused, with %i threads",
  async (threads) => {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ["bench/fuzz-shapes.mjs", "--cases", "30", "--seed", "7", "--threads", String(threads)],
      { cwd: ROOT },
    ).catch((error: { stdout: string; stderr: string }) => error);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^tried 30: \d+ done, \d+ refused, 0 failed\n$/);
  },
  600_000,
);
