/** Pages that are played: users' tests under vitest and jest with jsdom and happy-dom. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RQVAE } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { userProgram } from "../../browser/user.program.js";
import { makeProject, type Project, toolsFromNpm } from "../project.ts";

const withVitest = toolsFromNpm("vitest-environments", {
  vitest: "4.1.12",
  jsdom: "26.1.0",
  "happy-dom": "21.0.4",
});
const withJest = toolsFromNpm("jest", { jest: "30.5.2", "jest-environment-jsdom": "30.5.2" });

/** A user's project with `page.spec.mjs`, and what it has to find. */
async function projectWithin(tools: string, facts: object): Promise<Project> {
  const project = makeProject({ within: tools, sources: ["test-environments"] });
  const expected = { answer: await userProgram(RQVAE), ...facts };
  writeFileSync(join(project.folder, "expected.js"), `export default ${JSON.stringify(expected)};\n`);
  return project;
}

describe.skipIf(!withVitest)("vitest (skipped without it, jsdom and happy-dom from npm)", () => {
  let project: Project;
  // Vitest leaves packages to Node, which gives them its own file and worker threads.
  beforeAll(async () => {
    project = await projectWithin(withVitest!, { hasWorkers: true });
  });
  afterAll(() => project?.remove());

  it.each(["jsdom", "happy-dom"])("--environment %s", (environment) => {
    const vitest = join(withVitest!, "node_modules/vitest/vitest.mjs");
    expect(project.run([vitest, "run", "--globals", "--environment", environment])).toMatch(/Tests .*5 passed/);
  });
});

describe.skipIf(!withJest)("jest (skipped without it and its jsdom from npm)", () => {
  let project: Project;
  beforeAll(async () => {
    project = await projectWithin(withJest!, { hasWorkers: false });
  });
  afterAll(() => project?.remove());

  it.each([
    ["jsdom", "*.spec.mjs", 5],
    ["node", "node.jest.mjs", 1],
  ])("with ES modules, in the environment %s", (testEnvironment, file, tests) => {
    const jest = join(withJest!, "node_modules/jest/bin/jest.js");
    const config = { testEnvironment, testMatch: [`**/${file}`], moduleFileExtensions: ["mjs", "js"], transform: {} };
    const report = join(project.folder, `${testEnvironment}.json`);
    const options = ["--config", JSON.stringify(config), "--json", `--outputFile=${report}`];
    project.run(["--experimental-vm-modules", jest, ...options]);
    expect(JSON.parse(readFileSync(report, "utf8"))).toMatchObject({ numPassedTests: tests, numTotalTests: tests });
  });
});
