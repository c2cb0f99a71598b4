/** examples/node-service: retrained every night, both generations served, switched and rolled back. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Project } from "../project.ts";
import { makeExampleProject, serviceTools } from "./example-project.ts";

const DIM = 8;
const embedding = (i: number) =>
  Array.from({ length: DIM }, (_, j) => Math.sin((i % 20) * (j + 1.3)) + 0.15 * Math.sin(i * (j + 2.1) * 7));
const rows = Array.from({ length: 400 }, (_, i) => ({ id: `sku-${i}`, embedding: embedding(i) }));

interface About {
  generation: number;
  items: number;
  unchanged?: number;
  moved?: number;
}
interface Generations {
  state: string;
  current: About | null;
  next: About | null;
  previous: About | null;
}
interface Item {
  id: string;
  published: number[];
  semanticId: string;
}

const tools = serviceTools()!;

describe.skipIf(!tools)(
  "the generations of examples/node-service (skipped without Fastify and better-sqlite3 from npm)",
  () => {
    let project: Project;
    let server: ChildProcess;
    let url: string;

    const start = async (more: Record<string, string> = {}) => {
      const folder = join(project.folder, "node-service");
      const env = { ...process.env, PORT: "0", DATA: join(folder, "data"), ...more };
      server = spawn(process.execPath, ["server.js"], { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
      let said = "";
      for await (const chunk of server.stdout!) {
        said += chunk;
        url = /listening on (\S+)\n/.exec(said)?.[1] ?? "";
        if (url !== "") break;
      }
    };
    const kill = async () => {
      const ended = once(server, "exit");
      server.kill("SIGKILL");
      await ended;
    };
    const ask = async <Answer>(method: string, path: string, body?: string, status = 200): Promise<Answer> => {
      const headers = body === undefined ? {} : { "content-type": "application/x-ndjson" };
      const response = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body }) });
      const answer = await response.json();
      expect([response.status, answer]).toEqual([status, answer]);
      return answer as Answer;
    };
    const until = async <Answer>(path: string, enough: (answer: Answer) => boolean): Promise<Answer> => {
      for (;;) {
        const answer = await ask<Answer>("GET", path);
        if (enough(answer)) return answer;
        await delay(50);
      }
    };
    const generations = () => ask<Generations>("GET", "/generations");
    const all = () => ask<Item[]>("GET", "/items?limit=1000");

    beforeAll(async () => {
      project = makeExampleProject(tools, ["node-service", "web-client"]);
      await start();
      const catalogue = rows.map((row) => JSON.stringify(row)).join("\n");
      await ask("POST", "/catalogue?epochs=30&codebookSize=32&seed=3", catalogue, 202);
      await until<{ state: string }>("/training", ({ state }) => state === "published");
    }, 300_000);
    afterAll(async () => {
      if (server && server.exitCode === null && server.signalCode === null) await kill();
      project?.remove();
    });

    it("makes the next generation beside the served one, which a kill does not lose", async () => {
      expect(await generations()).toMatchObject({ current: { generation: 1, items: 400 }, next: null, previous: null });
      await ask("POST", "/generations/next", undefined, 409);
      await ask("POST", "/generations/previous", undefined, 409);
      const before = await all();

      // Killed before it is there, it never was.
      await ask("POST", "/generations", undefined, 202);
      await kill();
      await start();
      expect(await generations()).toMatchObject({ state: "idle", current: { generation: 1 }, next: null });

      expect(await ask("POST", "/generations", undefined, 202)).toEqual({ items: 400 });
      const { next } = await until<Generations>("/generations", ({ state }) => state !== "training");
      expect(next).toMatchObject({ generation: 2, items: 400 });
      expect(next!.unchanged! + next!.moved!).toBe(400);
      expect(next!.unchanged).toBeGreaterThan(300);
      expect(await all()).toEqual(before);
      await kill();
      await start();
      expect((await generations()).next).toEqual(next);

      const five = await ask<Item>("GET", "/generations/2/items/sku-5");
      expect(await ask<Item>("GET", "/generations/1/items/sku-5")).toMatchObject({
        published: (await ask<Item>("GET", "/items/sku-5")).published,
      });
      expect((await ask<Item[]>("GET", `/generations/2/ids/${five.published}`)).map(({ id }) => id)).toEqual(["sku-5"]);
      await ask("GET", "/generations/2/items/sku-400", undefined, 404);
      await ask("GET", "/generations/3/items/sku-5", undefined, 400);
      await ask("GET", "/generations/2/ids/x", undefined, 400);
    }, 300_000);

    it("switches and rolls back, with the items that came in between", async () => {
      const before = await all();
      const add = (i: number) => ask("POST", "/items", JSON.stringify({ id: `sku-${i}`, embedding: embedding(i) }));
      await add(400);
      const switched = await ask<Generations>("POST", "/generations/next");
      expect(switched).toMatchObject({
        current: { generation: 2, items: 401 },
        next: null,
        previous: { generation: 1, items: 401 },
      });
      const now = await all();
      expect(now.length).toBe(401);
      // Whoever knows an old ID finds the item, and its new ID.
      for (const { id } of before.slice(0, 20)) {
        const old = await ask<Item>("GET", `/generations/1/items/${id}`);
        expect(old.semanticId).toBe(before.find((item) => item.id === id)!.semanticId);
        const found = await ask<Item[]>("GET", `/generations/1/ids/${old.published}`);
        expect(found).toEqual([await ask("GET", `/items/${id}`)]);
      }
      await add(401);
      await kill();
      await start();
      expect(await generations()).toMatchObject({ current: { generation: 2, items: 402 } });

      const back = await ask<Generations>("POST", "/generations/previous");
      expect(back).toMatchObject({ current: { generation: 1, items: 402 }, next: { generation: 2 }, previous: null });
      const served = new Map((await all()).map(({ id, semanticId }) => [id, semanticId]));
      for (const { id, semanticId } of before) expect(served.get(id)).toBe(semanticId);
      expect([served.has("sku-400"), served.has("sku-401")]).toEqual([true, true]);
      expect(await ask("POST", "/generations/next")).toMatchObject({ current: { generation: 2, items: 402 } });
      const again = new Map((await all()).map(({ id, semanticId }) => [id, semanticId]));
      for (const { id, semanticId } of now) expect(again.get(id)).toBe(semanticId);
    }, 300_000);

    it("does it by itself every night", async () => {
      await kill();
      await start({ RETRAIN_MS: "200" });
      const { next } = await until<Generations>("/generations", ({ next }) => next !== null);
      expect(next).toMatchObject({ generation: 3, items: 402 });
    }, 300_000);
  },
);
