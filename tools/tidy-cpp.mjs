// Checks src/ by clang-tidy, with the rules of .clang-tidy. A file that was clean is not looked at again before something changes that it
// is made of: itself, a header that it includes, how it is compiled, the rules.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { configure } from "./build.mjs";
import { inToolchain, ROOT } from "./setup.mjs";

const PRESET = "native-release";

/**
 * What each source is made of, as a hash.
 * @param {Map<string, string>} texts of all sources and headers, by path; the names of headers are unique
 * @param {(path: string) => string} otherwise what else the verdict depends on
 * @returns {Map<string, string>} by path of the .cpp files
 */
export function hashes(texts, otherwise) {
  const headers = new Map(
    [...texts.keys()].filter((path) => path.endsWith(".h")).map((path) => [basename(path), path]),
  );
  /** @type {(path: string, reached: Set<string>) => Set<string>} */
  const reach = (path, reached) => {
    if (reached.has(path)) return reached;
    reached.add(path);
    for (const [, name] of (texts.get(path) ?? "").matchAll(/^#include "([^"]+)"/gm)) {
      const header = headers.get(name);
      if (header !== undefined) reach(header, reached);
    }
    return reached;
  };
  const sources = [...texts.keys()].filter((path) => path.endsWith(".cpp"));
  return new Map(
    sources.map((path) => {
      const hash = createHash("sha256").update(otherwise(path));
      for (const part of [...reach(path, new Set())].sort()) hash.update(`\0${part}\0`).update(texts.get(part) ?? "");
      return [path, hash.digest("hex")];
    }),
  );
}

/** Runs clang-tidy on a file: whether it is clean. What it finds is printed. */
function isClean(path) {
  return new Promise((resolve) => {
    const args = ["run", "clang-tidy", "--quiet", "-p", `build/${PRESET}`, path];
    const child = spawn(join(ROOT, "tools/toolchain.sh"), args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    let found = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (found += text));
    child.on("close", (status) => {
      if (status !== 0) console.error(found.replace(/^\d+ warnings.*\n/gm, "")); // counts those in Eigen's headers
      resolve(status === 0);
    });
  });
}

async function main() {
  configure(PRESET); // writes compile_commands.json
  const read = (path) => readFileSync(join(ROOT, path), "utf8");
  const texts = new Map(
    readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(h|cpp)$/.test(name))
      .sort()
      .map((name) => [`src/${name}`, read(`src/${name}`)]),
  );
  const commands = JSON.parse(read(`build/${PRESET}/compile_commands.json`));
  const { stdout: version } = inToolchain(["clang-tidy", "--version"], { stdio: "pipe", encoding: "utf8" });
  const current = hashes(
    texts,
    (path) =>
      version +
      read(".clang-tidy") +
      commands.filter(({ file }) => file === join(ROOT, path)).map(({ command }) => command),
  );
  const record = join(ROOT, "build/tidy.json");
  const clean = new Map(existsSync(record) ? Object.entries(JSON.parse(readFileSync(record, "utf8"))) : []);
  const changed = [...current].filter(([path, hash]) => clean.get(path) !== hash);
  let failed = 0;
  const queue = changed[Symbol.iterator]();
  const work = async () => {
    for (const [path, hash] of queue) {
      if (await isClean(path)) clean.set(path, hash);
      else failed++;
      writeFileSync(record, JSON.stringify(Object.fromEntries(clean)));
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, work));
  console.error(`clang-tidy: ${changed.length} of ${current.size} files checked, ${failed} with findings`);
  return failed === 0;
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) process.exitCode = (await main()) ? 0 : 1;
