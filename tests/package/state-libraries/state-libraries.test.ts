/** The library's objects, items and options in the stores of Vue, MobX, Valtio and Immer. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeProject, type Project, toolsFromNpm } from "../project.ts";

const tools = toolsFromNpm("state-libraries", { vue: "3.5.45", mobx: "7.1.3", immer: "11.2.13", valtio: "2.3.2" });

describe.skipIf(!tools)("state libraries (skipped without them from npm)", () => {
  let project: Project;
  let outcomes: Record<string, Record<string, string>>;
  beforeAll(() => {
    project = makeProject({ within: tools!, sources: ["state-libraries"] });
    outcomes = JSON.parse(project.run(["main.mjs"]));
  });
  afterAll(() => project?.remove());

  it.each([
    "Vue reactive",
    "Vue reactive, nested",
    "Vue ref",
    "Vue readonly",
    "Vue shallowRef",
    "Vue markRaw",
    "MobX observable",
    "MobX observable, nested",
    "MobX box",
    "Valtio proxy",
    "Valtio snapshot",
    "Valtio ref",
    "Immer produce",
    "Immer draft",
  ])("%s", (store) => {
    const { "a Blob of a model": blob = "right", ...others } = outcomes[store]!;
    expect(Object.keys(others)).not.toEqual([]);
    for (const [use, outcome] of Object.entries(others)) expect(outcome, use).toBe("right");
    // Valtio alone puts a Blob behind a Proxy, which even Node cannot read.
    if (/^Valtio (proxy|snapshot)$/.test(store)) {
      expect(blob).toMatch(/^InvalidInputError: RQVAE\.load: the Blob could not be read: .*toRaw/);
    } else expect(blob).toBe("right");
  });
});
