// Builds the package once more, in a folder of another name and length, and compares every byte of dist.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./build.mjs";
import { ROOT, setup } from "./setup.mjs";

setup();
await build();
const folder = mkdtempSync(join(tmpdir(), "rqvae-built-elsewhere-"));
try {
  const ours = new Set(["node_modules", "dist", "build", ".git"]);
  for (const name of readdirSync(ROOT)) {
    if (!ours.has(name)) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  // Copied, not linked: the toolchain's suite sees the folder only.
  cpSync(join(ROOT, "node_modules"), join(folder, "node_modules"), { recursive: true, verbatimSymlinks: true });
  const built = spawnSync(process.execPath, ["tools/build.mjs"], { cwd: folder, stdio: ["ignore", 2, 2] });
  if (built.status !== 0) throw new Error(`the second build failed: ${built.status}`);
  const files = (/** @type {string} */ root) =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      .sort();
  const [first, second] = [join(ROOT, "dist"), join(folder, "dist")];
  const names = [...new Set([...files(first), ...files(second)])];
  const differing = names.filter((name) => {
    try {
      return !readFileSync(join(first, name)).equals(readFileSync(join(second, name)));
    } catch {
      return true; // in one of them only
    }
  });
  if (names.length === 0 || differing.length > 0)
    throw new Error(`${differing.length} files differ: ${differing.join(", ")}`);
  console.log(`${names.length} files, equal`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
