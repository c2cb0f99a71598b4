/** webpack 5 without any loader, plugin or experiment. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasChromium } from "../../browser/browsers.mjs";
import { serve } from "../../browser/server.mjs";
import { answerOfNode, answerOfPage } from "../answers.ts";
import { makeProject, type Project, toolsFromNpm } from "../project.ts";

/** As much of webpack's interface as is used. */
type Webpack = (
  options: object,
  done: (
    error: Error | null,
    stats?: { hasErrors(): boolean; hasWarnings(): boolean; toString(options: object): string },
  ) => void,
) => void;

const tools = toolsFromNpm("webpack", { webpack: "5.112.1" });

describe.skipIf(!hasChromium || !tools)("webpack 5 (skipped without Chromium or webpack from npm)", () => {
  let project: Project;
  beforeAll(() => {
    project = makeProject({ sources: ["index.html", "app.js"] });
  });
  afterAll(() => project.remove());

  it.each(["production", "development"])("in mode %s", { timeout: 180_000 }, async (mode) => {
    const webpack = createRequire(join(tools!, "package.json"))("webpack") as Webpack;
    const output = join(project.folder, mode);
    const said = await new Promise<string>((resolve, reject) =>
      webpack(
        { context: project.folder, entry: "./app.js", mode, output: { path: output, filename: "app.js" } },
        (error, stats) =>
          error ? reject(error) : resolve(stats!.hasErrors() ? stats!.toString({ colors: false }) : ""),
      ),
    );
    expect(said).toBe("");
    const site = await serve(output, {
      pages: { "/": `<!doctype html><link rel="icon" href="data:,"><script src="app.js"></script>` },
    });
    try {
      expect(await answerOfPage(site.url)).toBe(await answerOfNode());
    } finally {
      await site.close();
    }
  });
});
