// Writes tests/fixtures anew with PyTorch and scikit-learn: `npm run fixtures`. The fixtures are part of the repository; this
// is only needed when generate.py changes.
import { spawnSync } from "node:child_process";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

function toolchain(...args) {
  const { status, error } = spawnSync("tools/toolchain.sh", args, { cwd: root, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

toolchain("add", "python3-torch", "python3-sklearn", "python3-numpy");
toolchain("run", "python3", "tests/fixtures/generate.py");
