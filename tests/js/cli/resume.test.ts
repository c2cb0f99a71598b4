import { once } from "node:events";
import { existsSync, utimesSync } from "node:fs";
import { RQVAE } from "rqvae";
import { beforeEach, describe, expect, it } from "vitest";
import {
  called,
  expectError,
  files,
  inFolder,
  interruptOnce,
  npy,
  quick,
  read,
  readBytes,
  rqvae,
  start,
  useFolder,
  write,
} from "./harness.ts";

useFolder();

const checkpoint = "run.checkpoint";
const resumable = ["--checkpoint", checkpoint, "--checkpoint-every", "0", "--resume"];

/** Whether the checkpoint, read as a model file, says that initialisation is over; undefined while there is none. */
function checkpointInitialized(): boolean | undefined {
  if (!existsSync(inFolder(checkpoint))) return undefined;
  const bytes = readBytes(checkpoint);
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString());
  return JSON.parse(header.__metadata__.rqvae).initialized;
}

describe.skipIf(process.platform === "win32")("after kill -9", () => {
  const command = ["train", "big.npy", "--codes", "64", "--hidden", "32", "--latent", "16", "--epochs", "8"];
  /** Model and IDs of the same training without an interruption. */
  let whole: Buffer[] | undefined;
  const moments: [string, (since: number) => boolean][] = [
    ["before the first checkpoint", () => true],
    ["in the initialisation", () => checkpointInitialized() === false],
    ["in the training", () => checkpointInitialized() === true],
    ["while a checkpoint is being written", () => files().some((name) => name.endsWith(".tmp"))],
    ["at a random time", (since) => Date.now() - since >= delay],
  ];
  const delay = 200 + Math.floor(Math.random() * 1500);

  beforeEach(() => write("big.npy", npy(undefined, 32, 1500)));

  it.each(moments)(`%s, the same command ends with the same bytes (random: ${delay} ms)`, async (_, moment) => {
    if (whole === undefined) {
      expect(rqvae(...command, "-q", "-o", "whole.safetensors").status).toBe(0);
      whole = [readBytes("whole.safetensors"), readBytes("whole.ids.csv")];
    }

    // Killed twice on the way, the second time wherever it is by then, unless it came to its end.
    let ended = false;
    for (const when of [moment, (since: number) => Date.now() - since >= delay]) {
      const child = start(...command, ...resumable);
      const closed = once(child, "close");
      const since = Date.now();
      while (child.exitCode === null && !when(since)) await new Promise((resolve) => setTimeout(resolve, 1));
      child.kill("SIGKILL");
      await closed;
      if (when === moment && when !== moments.at(-1)?.[1]) expect(child.signalCode).toBe("SIGKILL");
      ended = child.exitCode === 0;
      if (ended) break;
      // Whatever the moment, a checkpoint that is there is whole.
      if (existsSync(inFolder(checkpoint))) (await RQVAE.load(readBytes(checkpoint))).dispose();
    }
    if (!ended) {
      const there = existsSync(inFolder(checkpoint));
      const { status, stderr } = rqvae(...command, "--force", ...resumable);
      expect(status).toBe(0);
      expect(stderr).toContain(there ? "Resuming from the checkpoint" : "starting from the beginning");
    }
    expect([readBytes("model.safetensors"), readBytes("model.ids.csv")].map((b, i) => b.equals(whole![i]!))).toEqual([
      true,
      true,
    ]);
    expect(files().filter((name) => name.includes(checkpoint))).toEqual([`.${checkpoint}.finished`]);
  });
});

describe.skipIf(process.platform === "win32")("after Ctrl-C", () => {
  /** A checkpoint of a training that was stopped on its way. */
  async function stop(...options: string[]) {
    const stderr = await interruptOnce(start("train", "items.npy", ...options, "--checkpoint", checkpoint), "epoch ");
    expect(existsSync(inFolder(checkpoint))).toBe(true);
    return stderr;
  }
  const long = [...quick, "--epochs", "1200", "--validation-until", "1", "--seed", "3"];

  it("tells the command that goes on, and that goes on", async () => {
    expect(rqvae("train", "items.npy", "-q", ...long, "-o", "whole.safetensors").status).toBe(0);
    const stderr = await stop(...long, "--ids", "it's.csv");
    expect(stderr).toMatch(
      /Stopped in epoch \d+ of 1,200\. The model so far is in model\.safetensors, its IDs in it's/,
    );
    const told = `${called} train items.npy ${long.join(" ")} --ids 'it'\\''s.csv' --checkpoint ${checkpoint} --resume`;
    expect(stderr).toContain(`The checkpoint is in ${checkpoint}. To resume:\n  ${told}\n`);
    expect(readBytes("model.safetensors").equals(readBytes("whole.safetensors"))).toBe(false);

    const { status, stdout } = rqvae(
      ...["train", "items.npy", ...long, "--ids", "it's.csv", "--checkpoint", checkpoint, "--resume"],
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/1,200 epochs in .* since the checkpoint/);
    expect(readBytes("model.safetensors").equals(readBytes("whole.safetensors"))).toBe(true);
    expect(read("it's.csv")).toBe(read("whole.ids.csv"));
    expect(files()).not.toContain(checkpoint);
  });

  it("takes options that are left out from the checkpoint, and refuses others", async () => {
    const balanced = ["--set", "sinkhornEpsilon=0.003", "--set", "deadCodeRestart=withSinkhorn"];
    await stop(...long, ...balanced);
    const kept = readBytes(checkpoint);
    const go = ["train", "items.npy", "--checkpoint", checkpoint, "--resume", "-o", "other.safetensors"];
    const refused: [string[], string][] = [
      [["--latent", "4"], "made with --latent 3, but now it is 4: use the same options"],
      [["--codes", "8"], "made with --codes [8, 4], but now it is [8, 8]"],
      [["--levels", "3"], "made with --levels 2, but now it is 3"],
      [["--seed", "4"], "made with --seed 3, but now it is 4"],
      [["--set", "sinkhornEpsilon=0"], "made with --set sinkhornEpsilon [0.003, 0.003], but now it is [0, 0]"],
      [["--preset", "tiger"], "made with --"],
      [["--lr", "0.5"], "made with --lr 0.002, but now it is 0.5"],
      [["--epochs", "5000"], "made with --epochs 1200, but now it is 5000"],
      [["--set", "separationMargin=1"], "made with --set separationMargin 0.05, but now it is 1"],
    ];
    for (const [options, message] of refused) expectError(rqvae(...go, ...options), 1, `${checkpoint}: `, message);
    expectError(rqvae(...go, "--lr", "-1"), 2, "--lr must be");

    write("more.npy", npy(undefined, 5, 61));
    write("wide.npy", npy(undefined, 6));
    write("changed.npy", npy({ at: 0, by: 9 }));
    expectError(rqvae(go[0]!, "more.npy", ...go.slice(2)), 1, checkpoint, "60 items of dimension 5, received 61");
    expectError(rqvae(go[0]!, "wide.npy", ...go.slice(2)), 1, checkpoint, "dimension 5, those of wide.npy have 6");
    expectError(rqvae(go[0]!, "changed.npy", ...go.slice(2)), 1, checkpoint, "other items");

    expect(readBytes(checkpoint).equals(kept)).toBe(true);
    expect(files()).not.toContain("other.safetensors");
    expect(rqvae(...go, "-q").status).toBe(0);
    expect(rqvae("train", "items.npy", ...long, ...balanced, "-q", "-o", "whole.safetensors").status).toBe(0);
    expect(readBytes("other.safetensors").equals(readBytes("whole.safetensors"))).toBe(true);
  });
});

describe("the checkpoint file", () => {
  const go = ["train", "items.npy", ...quick, "--checkpoint", checkpoint];

  it("is refused when it is damaged, cut, or something else, and stays as it is", () => {
    expect(rqvae("train", "items.npy", ...quick, "-q", "-o", "other.safetensors").status).toBe(0);
    const model = readBytes("other.safetensors");
    const flipped = Buffer.from(model);
    flipped[model.length - 1]! ^= 1;
    const wrong: [Uint8Array | string, string][] = [
      ["", "the checkpoint has 0 bytes"],
      [model.subarray(0, 500), "the checkpoint is truncated"],
      [flipped, "the checkpoint is damaged"],
      ["precious notes", "not a safetensors"],
      [model, "a model, not a checkpoint: name the file that --checkpoint wrote"],
    ];
    for (const [content, message] of wrong) {
      write(checkpoint, content);
      expectError(rqvae(...go, "--resume"), 1, `${checkpoint}: `, message);
      expect(readBytes(checkpoint).equals(Buffer.from(content as string))).toBe(true);
    }
    write(checkpoint, flipped);
    expectError(rqvae(...go, "--resume"), 1, "Remove it to start again from the beginning");
    expect(files()).not.toContain("model.safetensors");
  });

  it("is overwritten only with --force", () => {
    write(checkpoint, "precious");
    expectError(rqvae(...go), 1, checkpoint, "exists already", "--resume", "--force");
    expect(read(checkpoint)).toBe("precious");
    expect(rqvae(...go, "--force", "-q").status).toBe(0);
    expect(files()).not.toContain(checkpoint);
  });

  it("can be none of the other files, nor a folder", () => {
    const named = (path: string) => rqvae("train", "items.npy", ...quick, "--force", "--checkpoint", path);
    expectError(named("model.safetensors"), 2, "--checkpoint and --output are the same file");
    expectError(named("model.ids.csv"), 2, "--checkpoint and --ids are the same file");
    expectError(named("items.npy"), 1, "items.npy", "input");
    expectError(named("none/c"), 1, "the folder none does not exist");
    expectError(named("."), 1, "folder");
    if (process.platform !== "win32") expectError(named("/dev/null"), 1, "/dev/null: is not a regular file");
  });

  it("leaves nothing of a killed writer behind, and no other file alone", () => {
    // As earlier releases named them, which do not say whose they are: after an hour they are nobody's.
    for (const name of [`.${checkpoint}.0123abcd.tmp`, `.${checkpoint}.mine.tmp`, ".other.0123abcd.tmp"]) {
      write(name, "");
      utimesSync(inFolder(name), new Date(0), new Date(0));
    }
    expect(rqvae(...go, "-q").status).toBe(0);
    expect(files().filter((name) => name.endsWith(".tmp"))).toEqual([".other.0123abcd.tmp", `.${checkpoint}.mine.tmp`]);
  });
});
