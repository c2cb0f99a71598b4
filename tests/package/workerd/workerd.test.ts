/** workerd, the runtime of Cloudflare Workers: it compiles nothing from bytes, and takes a module compiled beforehand. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RQVAE } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { userProgram } from "../../browser/user.program.js";
import { catalogue, small } from "../../js/support/catalogue.ts";
import { makeProject, type Project, platformProgram, ROOT, toolsFromNpm } from "../project.ts";
import { snippets } from "../snippets.ts";

const workerd = platformProgram(toolsFromNpm("workerd", { workerd: "1.20261117.1" }), "@cloudflare", "bin/workerd");
const esbuild = toolsFromNpm("esbuild", { esbuild: "0.28.2" });

describe.skipIf(!workerd || !esbuild)("workerd (skipped where npm has not it and esbuild for this machine)", () => {
  let project: Project;
  let expected: string;
  let rows: number[][];
  let ids: number[][];
  beforeAll(async () => {
    project = makeProject({ sources: ["workerd"] });
    const items = catalogue(100, 6);
    using model = await RQVAE.create({ inputDim: 6, ...small });
    await model.train(items, { epochs: 2 });
    writeFileSync(join(project.folder, "model.bin"), model.save({ part: "encoder" }));
    rows = [Array.from(items.data.subarray(0, 6)), Array.from(items.data.subarray(6, 12))];
    ids = [...model.encode(rows)];
    const found = snippets(readFileSync(join(ROOT, "docs/guides/deploy.md"), "utf8")).filter(
      ({ run }) => run === "workerd",
    );
    expect(found).toHaveLength(1);
    writeFileSync(join(project.folder, "guide.js"), found[0]!.code);
    // As wrangler does: one file of JavaScript, the wasm as a module of its own.
    execFileSync(
      join(esbuild!, "node_modules/.bin/esbuild"),
      [
        "main.js",
        "guide.js",
        "--bundle",
        "--format=esm",
        "--outdir=bundle",
        "--conditions=workerd,worker,browser",
      ].concat("--loader:.wasm=copy", "--loader:.bin=copy", "--asset-names=[name]"),
      { cwd: project.folder, stdio: "pipe" },
    );
    expected = await userProgram(RQVAE);
  });
  afterAll(() => project.remove());

  // From 2026-08-04 on it has a `process` that looks like Node's.
  it.each(["2026-08-03", "2026-11-01"])("of compatibility date %s", (date) =>
    serving("main", date, async (url) => {
      expect(await (await fetch(url)).text()).toBe(expected);
    }),
  );

  it("runs the worker of the guide to deploying", () =>
    serving("guide", "2026-11-01", async (url) => {
      for (const _request of ["first", "second"]) {
        const response = await fetch(url, { method: "POST", body: JSON.stringify(rows) });
        expect(await response.json()).toEqual(ids);
      }
    }));

  async function serving(main: string, date: string, body: (url: string) => Promise<void>): Promise<void> {
    const template = readFileSync(join(project.folder, "config.capnp"), "utf8");
    const config = template.replace("COMPATIBILITY_DATE", date).replace("MAIN", main);
    writeFileSync(join(project.folder, "dated.capnp"), config);
    const server = spawn(workerd!, ["serve", "dated.capnp", "--control-fd=3"], {
      cwd: project.folder,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    try {
      let said = "";
      server.stderr!.on("data", (chunk) => (said += chunk));
      const port = await new Promise<number>((resolve, reject) => {
        let heard = "";
        server.stdio[3]!.on("data", (chunk) => {
          heard += chunk;
          const listening = /"port":(\d+)/.exec(heard);
          if (listening) resolve(Number(listening[1]));
        });
        server.on("exit", () => reject(new Error(`workerd ended: ${said}`)));
      });
      await body(`http://127.0.0.1:${port}/`);
    } finally {
      server.kill("SIGKILL");
      await once(server, "close");
    }
  }
});
