/** Examples as a user has them: copied, with the packed package and what their package.json names from npm. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { makeProject, type Project, ROOT, toolsFromNpm } from "../project.ts";

/** The folder with what an example takes from npm, rqvae apart; undefined where that cannot be had. */
export function exampleTools(example: string): string | undefined {
  const { rqvae: _, ...packages } = JSON.parse(
    readFileSync(join(ROOT, "examples", example, "package.json"), "utf8"),
  ).dependencies;
  return toolsFromNpm(example, packages);
}

/** A project in which the examples are folders of their names. */
export function makeExampleProject(tools: string, examples: readonly string[]): Project {
  const project = makeProject({ within: tools });
  for (const example of examples) {
    const from = join(ROOT, "examples", example);
    // What somebody who tries the example there leaves in it.
    const isOwn = (path: string) => path !== join(from, "node_modules") && path !== join(from, "data");
    cpSync(from, join(project.folder, example), { recursive: true, filter: isOwn });
  }
  return project;
}

/** What the service takes from npm, or undefined. better-sqlite3 is native: its binary is downloaded, or else built here, once. */
export function serviceTools(): string | undefined {
  const folder = exampleTools("node-service");
  if (!folder || existsSync(join(folder, "node_modules/better-sqlite3/build/Release/better_sqlite3.node")))
    return folder;
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, "include/node/node.h")) ? { npm_config_nodedir: prefix } : {};
  try {
    execFileSync("npm", ["rebuild", "better-sqlite3"], {
      cwd: folder,
      stdio: "ignore",
      env: { ...process.env, ...headers },
    });
    return folder;
  } catch (error) {
    if (process.env.CI) throw error;
    console.warn(`node-service is skipped: better-sqlite3 can be neither downloaded nor built here`);
    return undefined;
  }
}
