/** What publint and "Are the types wrong?" say of the tarball. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeProject, type Project, toolsFromNpm } from "../project.ts";

const tools = toolsFromNpm("checks", { publint: "0.3.25", "@arethetypeswrong/cli": "0.18.5" });

describe.skipIf(!tools)("the tarball (skipped without publint and attw from npm)", () => {
  let project: Project;
  beforeAll(() => {
    project = makeProject();
  });
  afterAll(() => project.remove());

  it.each([
    ["publint", ["--strict"]],
    ["attw", ["--profile", "esm-only", "--no-color", "--no-emoji"]],
  ])("passes %s", (program, options) => {
    const tarball = join(project.folder, readdirSync(project.folder).find((name) => name.endsWith(".tgz"))!);
    const { status, stdout, stderr } = spawnSync(join(tools!, "node_modules/.bin", program), [tarball, ...options], {
      encoding: "utf8",
    });
    expect(status, stdout + stderr).toBe(0);
  });
});
