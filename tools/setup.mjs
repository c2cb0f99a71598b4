// Makes the machine ready: npm packages and the C++ toolchain. Idempotent; quick when all is there.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** Runs a command in the checkout; ends the process with the command's status when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: "inherit", ...options });
  if (result.error) {
    console.error(`could not run ${command}: ${result.error.message}`);
    process.exit(1);
  }
  if (result.status !== 0 && !options.mayFail) {
    if (options.stdio === "pipe") process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
    console.error(`failed: ${command} ${args.join(" ")}`);
    process.exit(result.status ?? 1);
  }
  return result;
}

/** Runs a command with the C++ toolchain (tools/toolchain.sh). */
export function inToolchain(args, options = {}) {
  return run(`${ROOT}/tools/toolchain.sh`, ["run", ...args], options);
}

/** Installs the npm packages of package-lock.json when they are missing or older than it; from npm's cache when offline. */
export function installPackages() {
  const installed = `${ROOT}/node_modules/.package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${ROOT}/package-lock.json`).mtimeMs) return;
  console.error("setup: installing npm packages");
  run("npm", ["ci", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"], { stdio: ["ignore", 2, 2] });
}

/**
 * Makes sure of a command from a Debian package, for the browsers and servers that tests drive. False, with a word why, where that is impossible:
 * the tests that need it then skip.
 */
export function ensureDebianPackage(name, command) {
  if (existsSync(command)) return true;
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    console.error(
      `setup: ${command} is missing; install the package ${name} (needs root and apt-get). Tests that need it are skipped`,
    );
    return false;
  }
  console.error(`setup: installing ${name}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = () =>
    spawnSync("apt-get", ["install", "-y", "-q", "--no-install-recommends", name], { env, encoding: "utf8" });
  let result = install();
  if (result.status !== 0) {
    spawnSync("apt-get", ["update", "-q"], { env });
    result = install();
  }
  if (result.status === 0 && existsSync(command)) return true;
  console.error(`setup: could not install ${name}; tests that need it are skipped. ${result.stderr}`);
  return false;
}

/** npm packages and toolchain. */
export function setup() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) {
    console.error(`Node ${process.versions.node} is too old: Node 20.19 or newer is needed`);
    process.exit(1);
  }
  installPackages();
  run(`${ROOT}/tools/toolchain.sh`, ["prepare"]);
}

/** package.json, parsed. */
export function packageJson() {
  return JSON.parse(readFileSync(`${ROOT}/package.json`, "utf8"));
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) setup();
