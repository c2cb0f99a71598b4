/** A fresh Vite application: no configuration, in development, built and previewed. */
import { rmSync } from "node:fs";
import { build, createServer, preview } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasChromium } from "../../browser/browsers.mjs";
import { answerOfNode, answerOfPage } from "../answers.ts";
import { makeProject, type Project } from "../project.ts";

describe.skipIf(!hasChromium)("Vite 8 (Chromium; skipped when it is not installed)", () => {
  let project: Project;
  let expected: string;
  beforeAll(async () => {
    project = makeProject({ sources: ["index.html", "app.js"] });
    expected = await answerOfNode();
  });
  afterAll(() => project.remove());
  const fresh = () => ({ root: project.folder, configFile: false as const, logLevel: "warn" as const });

  it("in development, before and after the dependencies are optimised", async () => {
    rmSync(`${project.folder}/node_modules/.vite`, { recursive: true, force: true });
    for (const _turn of ["first visit", "second visit"]) {
      const server = await createServer({ ...fresh(), server: { host: "127.0.0.1" } });
      try {
        await server.listen();
        expect(await answerOfPage(server.resolvedUrls!.local[0]!)).toBe(expected);
      } finally {
        await server.close();
      }
    }
  });

  it("built, and previewed", async () => {
    await build(fresh());
    const server = await preview({ ...fresh(), preview: { host: "127.0.0.1" } });
    try {
      expect(await answerOfPage(server.resolvedUrls!.local[0]!)).toBe(expected);
    } finally {
      await server.close();
    }
  });
});
