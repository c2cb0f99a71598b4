/** esbuild copies neither wasm nor workers: `rqvae/inline` makes do with one file. */
import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RQVAE } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasChromium } from "../../browser/browsers.mjs";
import { serve } from "../../browser/server.mjs";
import { userProgram } from "../../browser/user.program.js";
import { answerOfPage } from "../answers.ts";
import { makeProject, type Project, toolsFromNpm } from "../project.ts";

const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="module" src="app.js"></script>`;

const tools = toolsFromNpm("esbuild", { esbuild: "0.28.2" });

describe.skipIf(!tools)("esbuild, rqvae/inline (skipped without esbuild from npm)", () => {
  let project: Project;
  let expected: string;
  beforeAll(async () => {
    project = makeProject({ sources: ["esbuild"] });
    expected = await userProgram(RQVAE);
  });
  afterAll(() => project.remove());

  function bundle(folder: string, ...options: string[]): string {
    const esbuild = join(tools!, "node_modules/.bin/esbuild");
    const output = join(project.folder, folder);
    execFileSync(esbuild, ["inline.js", "--bundle", "--minify", `--outfile=${join(output, "app.js")}`, ...options], {
      cwd: project.folder,
      stdio: "pipe",
    });
    expect(readdirSync(output)).toEqual(["app.js"]);
    return output;
  }

  it.skipIf(!hasChromium).each(["esm", "iife"])(
    "one file of format %s, nothing else fetched (Chromium; skipped when it is not installed)",
    async (format) => {
      const site = await serve(bundle(format, `--format=${format}`), { pages: { "/": PAGE } });
      try {
        expect(await answerOfPage(site.url)).toBe(expected);
      } finally {
        await site.close();
      }
    },
  );

  it("one file for Node", () => {
    bundle("node", "--platform=node", "--format=esm");
    const script = `await import("./node/app.js"); console.log(await globalThis.answer);`;
    expect(project.run(["--input-type=module", "-e", script])).toBe(`${expected}\n`);
  });

  it("one file of CommonJS for Node, as AWS Lambda and VS Code take it", () => {
    const folder = bundle("cjs", "--platform=node", "--format=cjs");
    writeFileSync(join(folder, "package.json"), '{"type":"commonjs"}');
    expect(project.run(["-e", `require("${folder}/app.js"); globalThis.answer.then(console.log);`])).toBe(
      `${expected}\n`,
    );
  });
});
