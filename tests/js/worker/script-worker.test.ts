/** A worker with a script of one's own, on the same line as RQVAEWorker. */
import { Worker } from "node:worker_threads";
import { InvalidInputError, RQVAE, type TrainProgress, WorkerError } from "rqvae";
import { answerCalls, type CallContext, ScriptWorker } from "rqvae/worker";
import { afterEach, describe, expect, it } from "vitest";
import { catalogue } from "../support/catalogue.ts";

type Script = {
  held(): Float32Array;
  echo(input: unknown): unknown;
  train(
    input: { items: object; epochs: number },
    context: CallContext<TrainProgress>,
  ): Promise<{ fingerprint: string; ids: Uint16Array }>;
  wait(input: undefined, context: CallContext<string>): Promise<void>;
  fail(input: { how: "ours" | "other" }): unknown;
  exit(): void;
};

let started = 0;
const start = () => {
  started++;
  return new Worker(new URL("./own-script.mjs", import.meta.url));
};
const open: ScriptWorker<Script>[] = [];
function script(): ScriptWorker<Script> {
  const worker = new ScriptWorker<Script>(start);
  open.push(worker);
  return worker;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((worker) => worker.dispose()));
});

describe("a worker with a script of one's own", () => {
  it("starts with the first call, and gives what its methods give, which they keep", async () => {
    const before = started;
    const worker = script();
    expect([started - before, worker.started]).toEqual([0, false]);
    expect(await worker.call("held")).toEqual(Float32Array.of(1, 2, 3));
    expect(await worker.call("held")).toEqual(Float32Array.of(1, 2, 3));
    expect([started - before, worker.started]).toEqual([1, true]);
    const sent = Float32Array.of(4, 5);
    expect(await worker.call("echo", { sent, nested: [sent] })).toEqual({ sent, nested: [sent] });
    expect(sent).toHaveLength(2); // copied
  });

  it("does long work with the library, awaited or iterated", async () => {
    const items = catalogue(200, 5);
    const worker = script();
    const call = worker.call("train", { items, epochs: 3 });
    const phases = new Set<string>();
    for await (const { phase } of call) phases.add(phase);
    using model = await RQVAE.fit(items, { epochs: 3 });
    const { fingerprint, ids } = await call;
    expect(fingerprint).toBe(model.fingerprint);
    expect(ids).toEqual(model.encode(items).codes);
    expect(phases).toContain("train");
  });

  it("hears a signal, and ends a call whose onProgress throws", async () => {
    const worker = script();
    const controller = new AbortController();
    const reason = { why: "enough" };
    const onProgress = (event: string) => {
      expect(event).toBe("waiting");
      controller.abort(reason);
    };
    await expect(worker.call("wait", undefined, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    const thrown = new Error("from onProgress");
    const throwing = () => {
      throw thrown;
    };
    await expect(worker.call("wait", undefined, { onProgress: throwing })).rejects.toBe(thrown);
    await expect(worker.call("wait", undefined, { signal: "now" } as never)).rejects.toThrow(InvalidInputError);
  });

  it("passes errors on: ours with their class, others with their name", async () => {
    const worker = script();
    await expect(worker.call("fail", { how: "ours" })).rejects.toThrow(InvalidInputError);
    const other = await worker.call("fail", { how: "other" }).catch((error: Error) => error);
    expect(other).toMatchObject({ name: "OwnError", message: "not ours" });
    await expect(worker.call("none" as never)).rejects.toThrow(/has no method "none"/);
    await expect(worker.call("echo", () => 1)).rejects.toThrow(/cannot be sent to the worker/);
    expect(() => answerCalls({})).toThrow(/this is not a worker/);
  });

  it("can be disposed, may die, and starts anew with the next call", async () => {
    const worker = script();
    const waiting = worker.call("wait");
    const ended = worker.dispose();
    await expect(waiting).rejects.toThrow(WorkerError);
    await ended;
    expect(await worker.call("echo", 1)).toBe(1);
    await expect(worker.call("exit")).rejects.toThrow(/ended by itself \(exit code 3\)/);
    expect(worker.started).toBe(true);
    expect(await worker.call("echo", 2)).toBe(2);
  });
});
