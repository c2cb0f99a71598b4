/** A user's project: a folder with the packed package installed as a user would, with scripts disabled and offline. */
import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { npmFolder, TRANSFORMERS } from "../../tools/npm-folder.mjs";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface Project {
  folder: string;
  /** node_modules/rqvae in it. */
  installed: string;
  /** The packed package. */
  tarball: string;
  /** Runs Node, or another program, in the folder; one that does not end by itself is a failure. Returns what it prints. */
  run(args: string[], program?: string): string;
  remove(): void;
}

/** What every fixture runs (tests/browser): `userProgram` and what it needs. */
const PROGRAM = ["tests/browser/user.program.js", "tests/browser/determinism.program.js"];

/**
 * @param options.name how the folder's name begins
 * @param options.within a folder whose node_modules has the tools of the project (tools/npm-folder.mjs); default: none
 * @param options.sources folders and files that are copied into it, from tests/package
 */
export function makeProject({
  name = "rqvae-user-",
  within = tmpdir(),
  sources = [] as string[],
  type = "module",
} = {}): Project {
  const folder = mkdtempSync(join(within, name));
  for (const source of PROGRAM) copyFileSync(join(ROOT, source), join(folder, basename(source)));
  for (const source of sources) {
    const from = join(ROOT, "tests/package", source);
    if (/\.\w+$/.test(source)) copyFileSync(from, join(folder, basename(source)));
    else cpSync(from, folder, { recursive: true, filter: (path) => !path.endsWith(".test.ts") });
  }
  const quiet: ExecFileSyncOptionsWithStringEncoding = { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
  const [{ filename }] = JSON.parse(
    execFileSync("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], { ...quiet, cwd: ROOT }),
  );
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "user", private: true, type }));
  const install = ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", join(folder, filename)];
  execFileSync("npm", install, { ...quiet, cwd: folder });
  return {
    folder,
    installed: join(folder, "node_modules/rqvae"),
    tarball: join(folder, filename),
    run: (args, program = process.execPath) =>
      execFileSync(program, args, {
        cwd: folder,
        encoding: "utf8",
        timeout: 120_000,
        stdio: ["ignore", "pipe", "pipe"],
      }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The environment in which the commands of a guide find the package and the repository's files without a network (tests/package/bin). */
export function guideEnvironment(tarball: string, transformers: string | undefined): NodeJS.ProcessEnv {
  const { PATH = "" } = process.env;
  const bin = join(ROOT, "tests/package/bin");
  return {
    ...process.env,
    PATH: bin + delimiter + PATH,
    PATH_OF_NPM: PATH,
    RQVAE_TARBALL: tarball,
    RQVAE_TRANSFORMERS: transformers,
  };
}

/** The folder of tools from npm, or undefined where they cannot be had: tests then skip, except where everything has to be shown. */
export function toolsFromNpm(name: string, packages: Record<string, string>): string | undefined {
  try {
    return npmFolder(name, packages);
  } catch (error) {
    if (process.env.CI) throw error;
    console.warn(`${name} is skipped: ${(error as Error).message}`);
    return undefined;
  }
}

/** The folder of transformers.js, or undefined. */
export const transformersTools = (): string | undefined => toolsFromNpm("transformers", TRANSFORMERS);

/** The program in a package of this platform, `node_modules/<scope>/<whatever>/<path>`: npm installs only those that fit. */
export function platformProgram(tools: string | undefined, scope: string, path: string): string | undefined {
  if (tools === undefined) return undefined;
  const packages = join(tools, "node_modules", scope);
  return readdirSync(packages)
    .map((name) => join(packages, name, path))
    .find((file) => existsSync(file));
}
