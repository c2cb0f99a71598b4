/** Next.js 16: a client component and a route handler, in development and built. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { hasChromium } from "../../browser/browsers.mjs";
import { answerOfNode, answerOfPage } from "../answers.ts";
import { makeProject, type Project, toolsFromNpm } from "../project.ts";

const tools = toolsFromNpm("next", { next: "16.4.6", react: "19.3.1", "react-dom": "19.3.1" })!;

describe.skipIf(!hasChromium || !tools)("Next.js 16 (skipped without Chromium or Next.js from npm)", () => {
  let project: Project;
  let expected: string;
  beforeAll(async () => {
    project = makeProject({ within: tools, sources: ["next"] });
    expected = await answerOfNode();
  });
  afterAll(() => project.remove());

  /** Next.js with these arguments; it ends with the test, whatever becomes of that. */
  function start(...args: string[]): ChildProcess {
    const next = spawn(process.execPath, [join(tools, "node_modules/next/dist/bin/next"), ...args], {
      cwd: project.folder,
      env: {
        ...process.env,
        NODE_ENV: undefined,
        FIXTURE_ROOT: tools,
        NEXT_TELEMETRY_DISABLED: "1",
      } as NodeJS.ProcessEnv,
      stdio: ["ignore", "pipe", "pipe"],
    });
    onTestFinished(() => void next.kill());
    return next;
  }

  /** Serves until `body` is done with the address. */
  async function serving(command: "dev" | "start", body: (url: string) => Promise<void>): Promise<void> {
    const server = start(command, "--port", "0", "--hostname", "127.0.0.1");
    try {
      let said = "";
      const url = await new Promise<string>((resolve, reject) => {
        const listen = (chunk: Buffer) => {
          said += chunk;
          const address = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(said);
          if (address && said.includes("Ready")) resolve(address[0]);
        };
        server.stdout!.on("data", listen);
        server.stderr!.on("data", listen);
        server.on("exit", () => reject(new Error(`next ${command} ended: ${said}`)));
      });
      await body(url);
    } finally {
      server.kill(); // "exit", not "close": in development it has children, and ends them
      await once(server, "exit");
    }
  }

  async function bothAnswer(url: string): Promise<void> {
    expect(await (await fetch(`${url}/api/encode`)).text()).toBe(expected);
    expect(await answerOfPage(url)).toBe(expected);
  }

  it("built", { timeout: 300_000 }, async () => {
    const builder = start("build");
    let said = "";
    for (const stream of [builder.stdout!, builder.stderr!]) stream.on("data", (chunk) => (said += chunk));
    const [code] = await once(builder, "close");
    expect(code, said).toBe(0);
    await serving("start", bothAnswer);
  });

  it("in development", { timeout: 300_000 }, () => serving("dev", bothAnswer));
});
