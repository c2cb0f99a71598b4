/** workerd, the runtime of Cloudflare Workers: it compiles nothing from bytes, and takes a module compiled beforehand. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RQVAE } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { userProgram } from "../../browser/user.program.js";
import { makeProject, type Project, platformProgram, toolsFromNpm } from "../project.ts";

const workerd = platformProgram(toolsFromNpm("workerd", { workerd: "1.20261117.1" }), "@cloudflare", "bin/workerd");
const esbuild = toolsFromNpm("esbuild", { esbuild: "0.28.2" });

describe.skipIf(!workerd || !esbuild)("workerd (skipped where npm has not it and esbuild for this machine)", () => {
  let project: Project;
  let expected: string;
  beforeAll(async () => {
    project = makeProject({ sources: ["workerd"] });
    // As wrangler does: one file of JavaScript, the wasm as a module of its own.
    execFileSync(
      join(esbuild!, "node_modules/.bin/esbuild"),
      ["main.js", "--bundle", "--format=esm", "--outdir=bundle", "--conditions=workerd,worker,browser"].concat(
        "--loader:.wasm=copy",
        "--asset-names=[name]",
      ),
      { cwd: project.folder, stdio: "pipe" },
    );
    expected = await userProgram(RQVAE);
  });
  afterAll(() => project.remove());

  // From 2026-08-04 on it has a `process` that looks like Node's.
  it.each(["2026-08-03", "2026-11-01"])("of compatibility date %s", async (date) => {
    const template = readFileSync(join(project.folder, "config.capnp"), "utf8");
    writeFileSync(join(project.folder, "dated.capnp"), template.replace("COMPATIBILITY_DATE", date));
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
      const answer = await (await fetch(`http://127.0.0.1:${port}/`)).text();
      expect(answer, said).toBe(expected);
    } finally {
      server.kill("SIGKILL");
      await once(server, "close");
    }
  });
});
