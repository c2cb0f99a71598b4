import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, utimesSync } from "node:fs";
import { hostname } from "node:os";
import { describe, expect, it, vi } from "vitest";
import { lifeOf, ownMark } from "../bindings/js/cli/process-mark.ts";
import {
  expectError,
  files,
  inFolder,
  npy,
  quick,
  read,
  readBytes,
  rqvae,
  start,
  useFolder,
  write,
} from "../tests/js/cli/harness.ts";
import { killAndResume } from "./kill-resume.mjs";

const posix = describe.skipIf(process.platform === "win32");

posix("train and encode", () => {
  it("lose nothing when they are killed or the disk is full, wherever that is", async () => {
    const { kills, faults, lost } = await killAndResume({
      kills: Number(process.env.RQVAE_KILLS ?? 16),
      seed: Number(process.env.RQVAE_KILLS_SEED ?? 1),
    });
    expect(lost).toEqual([]);
    expect(kills).toBeGreaterThan(0);
    expect(faults).toBe(8);
  }, 3_600_000);
});

posix("a checkpoint", () => {
  useFolder();
  const go = ["train", "items.npy", ...quick, "--checkpoint", "c", "--resume"];
  /** Begun by this process, which lives. */
  const lock = (more: object = {}) =>
    write("c.lock", `${JSON.stringify({ ...ownMark, token: "its-token", ...more })}\n`);

  it("belongs to one run at a time", async () => {
    write("big.npy", npy(undefined, 32, 1500));
    const first = start("train", "big.npy", "--epochs", "100000", "--checkpoint", "c", "--checkpoint-every", "0");
    while (!existsSync(inFolder("c"))) await new Promise((resolve) => setTimeout(resolve, 5));
    const during = rqvae(...go);
    expectError(during, 1, "c: another run is at work on it", `process ${first.pid} on ${hostname()}`);
    first.kill("SIGKILL");
    await once(first, "close");
    // Its lock and whatever it was writing are left behind, and are no hindrance.
    expect(files()).toContain("c.lock");
    expect(rqvae("train", "items.npy", ...quick, "--checkpoint", "c", "--force", "-q").status).toBe(0);
    expect(files().filter((name) => /lock|tmp$/.test(name))).toEqual([]);
  });

  it("is left alone beside a lock that cannot be read", () => {
    write("items.npy", npy());
    mkdirSync(inFolder("c.lock")); // as unreadable as another user's, for root as well
    expectError(rqvae(...go), 1, "c.lock: this lock cannot be read (EISDIR)", "remove it");
    expect(files()).toEqual(expect.not.arrayContaining(["c", "model.safetensors"]));
  });

  it("is taken over from a process that is dead, had its number before, or was elsewhere and is silent", async () => {
    const dead = spawn(process.execPath, ["-e", ""]);
    await once(dead, "close");
    const gone: [string, object, boolean][] = [
      ["dead", { pid: dead.pid }, false],
      ["of the same number", { start: `${Number(ownMark.start || 1) - 1}` }, false],
      ["silent elsewhere", { realm: "00000000", host: "elsewhere" }, true],
    ];
    for (const [, holder, old] of gone) {
      if (ownMark.start === "" && "start" in holder) continue; // not told here
      lock(holder);
      if (old) utimesSync(inFolder("c.lock"), new Date(0), new Date(0));
      expect(rqvae(...go, "--force", "-q")).toMatchObject({ status: 0, stderr: "" });
      expect(files()).not.toContain("c.lock");
    }
    for (const holder of [{}, { realm: "00000000", host: "elsewhere" }]) {
      lock(holder);
      expectError(rqvae(...go, "--force"), 1, "c: another run is at work on it");
      expect(read("c.lock")).toContain("its-token");
    }
    expectError(rqvae(...go, "--force"), 1, "process", "on elsewhere", "wait two minutes, or remove", "c.lock");
  });

  it("is taken over by one of many", async () => {
    write("big.npy", npy(undefined, 32, 1500));
    lock({ pid: 2 ** 30 });
    const all = Array.from({ length: 4 }, (_, i) =>
      start("train", "big.npy", "--epochs", "100000", "--checkpoint", "c", "--force", "-o", `${i}.safetensors`),
    );
    const ended = all.map((child) => once(child, "close"));
    let left = all.length;
    for (const end of ended) void end.then(() => left--);
    while (left > 1) await new Promise((resolve) => setTimeout(resolve, 5));
    const [winner] = all.filter(({ exitCode }) => exitCode === null);
    expect(JSON.parse(read("c.lock")).pid).toBe(winner?.pid);
    winner?.kill("SIGKILL");
    await Promise.all(ended);
    expect(all.filter(({ exitCode }) => exitCode === 1)).toHaveLength(3);
  });

  it("leaves its finished model alone: the same command has nothing left to do, another one is refused", () => {
    expect(rqvae(...go, "-q").status).toBe(0);
    const model = readBytes("model.safetensors");
    const again = rqvae(...go);
    expect(again).toMatchObject({ status: 0, stdout: "" });
    expect(again.stderr).toContain(
      "This training has finished before: model.safetensors and model.ids.csv are complete",
    );
    expect(readBytes("model.safetensors").equals(model)).toBe(true);
    expectError(rqvae(...go, "--lr", "0.01"), 1, "model.safetensors: exists already");
    write("items.npy", npy({ at: 150, by: 9 }));
    expectError(rqvae(...go), 1, "model.safetensors: exists already");
    write("items.npy", npy());
    write("model.ids.csv", "mine");
    expectError(rqvae(...go), 1, "exists already");
    expect(read("model.ids.csv")).toBe("mine");
    expect(rqvae(...go, "--force", "-q").status).toBe(0);
    expect(readBytes("model.safetensors").equals(model)).toBe(true);
  });
});

posix("temporaries", () => {
  useFolder();

  it("of dead processes are removed beside every output, those of living ones stay", async () => {
    const dead = spawn(process.execPath, ["-e", ""]);
    await once(dead, "close");
    const name = (path: string, { realm, pid, start }: { realm: string; pid: number | undefined; start: string }) =>
      `.${path}.${realm}-${pid}-${start}-0123abcd.tmp`;
    const paths = ["m.safetensors", "ids.csv", "c"];
    for (const path of paths) {
      write(name(path, { ...ownMark, pid: dead.pid }), "");
      write(name(path, ownMark), "");
      write(name(path, { ...ownMark, realm: "00000000" }), "");
    }
    const outputs = ["-o", "m.safetensors", "--ids", "ids.csv", "--checkpoint", "c"];
    expect(rqvae("train", "items.npy", ...quick, ...outputs, "-q").status).toBe(0);
    const left = paths.flatMap((path) => [name(path, ownMark), name(path, { ...ownMark, realm: "00000000" })]);
    expect(files().filter((file) => file.endsWith(".tmp"))).toEqual(left.sort());
  });

  it("a process is known by more than its number", async () => {
    expect(lifeOf(ownMark)).toBe("alive");
    expect(lifeOf({ ...ownMark, realm: "00000000" })).toBe("foreign");
    expect(lifeOf({ ...ownMark, pid: 2 ** 30 })).toBe("dead");
    if (existsSync("/proc/self/stat")) {
      // A process that ended and whose parent does not ask for its exit code: a shell that became another program before.
      const parent = spawn("sh", ["-c", "sleep 0.5 & echo $!; exec sleep 30"], { stdio: ["ignore", "pipe", "ignore"] });
      const pid = await new Promise<number>((resolve) =>
        parent.stdout.on("data", (data: Buffer) => resolve(Number(String(data)))),
      );
      await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/stat`, "utf8")).toMatch(/\) Z /), 20_000);
      expect(lifeOf({ ...ownMark, pid, start: "" })).toBe("dead");
      parent.kill();
    }
    if (existsSync("/proc/self/stat")) {
      expect(ownMark.start).toBe(
        readFileSync("/proc/self/stat", "utf8")
          .replace(/^.*\) /, "")
          .split(" ")[19],
      );
      expect(lifeOf({ ...ownMark, start: "1" })).toBe("dead");
    }
  });
});
