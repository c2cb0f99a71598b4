import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { defineConfig } from "vitest/config";

const SOURCES = resolve(import.meta.dirname, "bindings/js");

/**
 * Tests of a room's inner parts import them from the sources, for their types; they run the built module, which is the one that `rqvae`
 * itself loads: there is one copy of each.
 */
const builtModules = {
  name: "built-modules",
  enforce: "pre" as const,
  resolveId(source: string, importer: string | undefined) {
    // The examples have a package.json of their own.
    if (source === "rqvae" && importer?.includes("/examples/"))
      return { id: resolve(import.meta.dirname, "dist/index.js"), external: true };
    if (!importer || !source.startsWith(".")) return null;
    const file = resolve(dirname(importer), source);
    if (!file.startsWith(SOURCES) || !file.endsWith(".ts")) return null;
    const built = file.replace(SOURCES, resolve(import.meta.dirname, "dist")).replace(/\.ts$/, ".js");
    if (!existsSync(built)) throw new Error(`${built} is missing: run "npm run build" first`);
    return { id: built, external: true };
  },
};

export default defineConfig({
  plugins: [builtModules],
  test: {
    include: ["tests/{js,package,browser}/**/*.test.ts", "bench/**/*.test.ts"],
    environment: "node",
    pool: "forks",
    maxWorkers: 2,
    // Against a test that hangs, not for what a busy machine takes.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 15_000 } }, // a busy machine
  },
});
