/** Examples as a user has them: copied, with the packed package and what their package.json names from npm. */
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
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
