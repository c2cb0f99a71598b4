/** The declarations in a user's project: both resolutions, little around them, nothing skipped. */
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeProject, type Project, ROOT, toolsFromNpm } from "../project.ts";

/** The folder of TypeScript, by version. Older ones come from npm, where they can be had. */
const COMPILERS = [
  ["5.9", toolsFromNpm("typescript-5.9", { typescript: "5.9.3" })],
  ["6", ROOT],
] as const;

describe("the declarations", () => {
  let project: Project;
  beforeAll(() => {
    project = makeProject({ sources: ["types"] });
    mkdirSync(join(project.folder, "node_modules/@types"), { recursive: true });
    for (const name of ["@types/node", "undici-types"]) {
      symlinkSync(join(ROOT, "node_modules", name), join(project.folder, "node_modules", name));
    }
  });
  afterAll(() => project.remove());

  const projects = [
    ["nodenext in a browser's project", { module: "nodenext", lib: ["ES2022", "DOM"], types: [] }],
    ["bundler resolution", { module: "esnext", moduleResolution: "bundler", lib: ["ES2022", "DOM"], types: [] }],
    ["an edge worker's", { module: "esnext", moduleResolution: "bundler", lib: ["ES2022", "WebWorker"], types: [] }],
    ["nodenext in Node's", { module: "nodenext", lib: ["ES2022"], types: ["node"] }],
  ] as const;
  const cases = COMPILERS.flatMap(([version, tools]) =>
    tools ? projects.map((of) => [version, ...of, tools] as const) : [],
  );

  it.each(cases)("type-check with TypeScript %s in %s, strictly and without skipLibCheck", (_, __, options, tools) => {
    const compilerOptions = { strict: true, noEmit: true, skipLibCheck: false, target: "ES2022", ...options };
    const config = join(project.folder, "tsconfig.json");
    writeFileSync(config, JSON.stringify({ compilerOptions, files: ["consumer.mts"] }));
    let said = "";
    try {
      const tsc = join(tools, "node_modules/typescript/bin/tsc");
      execFileSync(process.execPath, [tsc, "-p", config, "--pretty", "false"], {
        cwd: project.folder,
        encoding: "utf8",
      });
    } catch (error) {
      said = (error as { stdout: string }).stdout;
    }
    expect(said).toBe("");
  });
});
