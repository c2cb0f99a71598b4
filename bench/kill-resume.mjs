/**
 * Kills `rqvae train` and `rqvae encode` at their changes to files and at random times, runs the same command again until it ends, and
 * compares its files with those of an uninterrupted run; then the same with changes that fail as on a full disk.
 *
 *     node bench/kill-resume.mjs [--kills 60] [--seconds 600] [--seed 1] [--disk]
 *
 * Deterministic but for the random times: each kill tells with which numbers it can be had again. `--disk` adds a real full disk (a small
 * tmpfs; needs root). Exit code 1 if anything was lost.
 */

import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { writeNpy } from "../dist/formats/arrays/npy.js";

const program = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const faulty = new URL("../tests/js/cli/faulty-fs.mjs", import.meta.url).href;

const shape = ["--codes", "16", "--hidden", "16", "--latent", "8"];
const COMMANDS = {
  train: ["train", "items.npy", ...shape, "--epochs", "6", "--checkpoint", "c", "--checkpoint-every", "0", "--resume"],
  "train to named files": [
    "train",
    "items.npy",
    ...shape,
    "--epochs",
    "2",
    "-o",
    "model.safetensors",
    "--ids",
    "ids.csv",
  ],
  encode: ["encode", "made.safetensors", "items.npy", "-o", "ids.csv", "--latents", "latents.npy"],
  "encode a part": ["encode", "made.safetensors", "items.npy", "--rows", "100:700", "-o", "part.shard"],
};

/** Small numbers that are the same everywhere (mulberry32). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function prepare() {
  const root = mkdtempSync(join(tmpdir(), "rqvae-kills-"));
  const [rows, dim] = [900, 16];
  const data = Float32Array.from({ length: rows * dim }, (_, k) => (((k * 7919) % 1009) - 500) / 250);
  const start = join(root, "start");
  mkdirSync(start);
  writeFileSync(join(start, "items.npy"), writeNpy({ data, rows, dim }));
  const made = run(start, ["train", "items.npy", ...shape, "--epochs", "1", "-q", "-o", "made.safetensors"]);
  if (made.status !== 0) throw new Error(made.stderr);
  rmSync(join(start, "made.ids.csv"));
  return { root, start };
}

function run(cwd, args, env = {}) {
  const flags = Object.keys(env).length > 0 ? ["--import", faulty] : [];
  const result = spawnSync(process.execPath, [...flags, program, ...args], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", TMPDIR: join(cwd, ".."), ...env },
  });
  return { ...result, stderr: result.stderr ?? "" };
}

/** Runs it and kills it from outside, so many milliseconds behind the first sign of life. */
function runAndKill(cwd, args, delay) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args], { cwd, env: { ...process.env, NO_COLOR: "1" } });
    child.stderr.resume();
    child.stdout.resume();
    setTimeout(() => child.kill("SIGKILL"), delay);
    child.on("close", (status) => resolve({ status }));
  });
}

/** What stands in a folder, hidden notes of finished trainings aside. */
const results = (folder) =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => !name.endsWith(".finished"))
      .sort()
      .map((name) => [name, readFileSync(join(folder, name)).toString("base64")]),
  );

function differences(expected, folder) {
  const found = results(folder);
  const names = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...names].filter((name) => expected[name] !== found[name]);
}

/** @returns how many kills and failing disks were tried, and what was lost by which */
export async function killAndResume({ kills = 60, seconds = Infinity, seed = 1, disk = false, log = () => {} } = {}) {
  const { root, start } = prepare();
  const next = random(seed);
  const fresh = () => {
    const folder = mkdtempSync(join(root, "run-"));
    cpSync(start, folder, { recursive: true });
    return folder;
  };
  const tally = { kills: 0, resumed: 0, faults: 0, lost: [] };
  const deadline = Date.now() + 1000 * seconds;
  try {
    const plans = Object.entries(COMMANDS).map(([name, args]) => {
      const folder = fresh();
      const { status, stderr } = run(folder, args, { FAULTY_COUNT: join(root, "count") });
      if (status !== 0) throw new Error(`${name}: ${stderr}`);
      return { name, args, expected: results(folder), changes: Number(readFileSync(join(root, "count"), "utf8")) };
    });
    for (let i = 0; i < kills && Date.now() < deadline; ) {
      // Half of all with the command that has most to lose.
      const plan = plans[next() < 0.5 ? 0 : Math.floor(next() * plans.length)];
      const folder = fresh();
      const story = [];
      for (let again = 1 + Math.floor(3 * next()); again > 0; again--) {
        const byTime = next() < 0.25;
        // The end is where files are given their names: half of the kills go there.
        const at =
          next() < 0.5 ? 1 + Math.floor(plan.changes * next()) : Math.max(1, plan.changes - Math.floor(24 * next()));
        const behind = next() < 0.5 ? "+" : "";
        const delay = Math.floor(200 + 1200 * next());
        story.push(byTime ? `${delay} ms` : `change ${at}${behind}`);
        const args = plan.args;
        const { signal, status } = byTime
          ? await runAndKill(folder, args, delay)
          : run(folder, args, { FAULTY_KILL: `${at}${behind}` });
        i++;
        tally.kills++;
        if (signal !== "SIGKILL" && status !== 0 && status !== null) story.push(`exit code ${status}`);
      }

      const { status, stderr } = run(folder, plan.args);
      const wrong = status === 0 ? differences(plan.expected, folder) : [stderr.trim()];
      tally.resumed++;
      if (wrong.length > 0) {
        tally.lost.push(`${plan.name}, killed at ${story.join(", ")}: ${wrong.join(", ")}`);
        log(tally.lost.at(-1));
      }
      rmSync(folder, { recursive: true });
    }
    for (const fault of ["ENOSPC", "EROFS", "EACCES", "EIO"]) {
      if (Date.now() > deadline) break;
      const wrong = failingCheckpoints(fresh(), plans[0], fault) ?? failingOutput(fresh(), plans[0], fault, root);
      tally.faults += 2;
      if (wrong) tally.lost.push(`${fault}: ${wrong}`);
    }
    if (disk) {
      tally.faults++;
      const wrong = fullDisk(fresh(), plans[0]);
      if (wrong) tally.lost.push(`full disk: ${wrong}`);
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return tally;
}

/** Checkpoints fail for a while: the training goes on, says so once, and ends with the same files. */
function failingCheckpoints(folder, { args, expected }, fault) {
  const { status, stderr } = run(folder, args, { FAULTY_FAIL: `${fault},[.]c[.][0-9a-f]+-,3,9` });
  const told = stderr.split("\n").filter((line) => line.includes("continues without this checkpoint")).length;
  if (status !== 0 || told < 1) return `exit code ${status}, told ${told} times: ${stderr.trim()}`;
  const differing = differences(expected, folder);
  return differing.length > 0 ? `checkpoints fail: ${differing.join(", ")}` : undefined;
}

/** The model cannot be written at the end: it is kept elsewhere, and the same command ends well once the disk is well. */
function failingOutput(folder, { args, expected }, fault) {
  const { status, stderr } = run(folder, args, { FAULTY_FAIL: `${fault},^[.]model[.]safetensors[.]` });
  const kept = /It is kept in (\S+model\.safetensors)/.exec(stderr)?.[1];
  if (status !== 1 || !kept) return `exit code ${status}: ${stderr.trim()}`;
  if (readFileSync(kept).toString("base64") !== expected["model.safetensors"]) return "another model was kept";
  const again = run(folder, args);
  if (again.status !== 0) return again.stderr.trim();
  const differing = differences(expected, folder);
  return differing.length > 0 ? `the output fails: ${differing.join(", ")}` : undefined;
}

/** A file system that is full from the start but for a few bytes. */
function fullDisk(folder, { args, expected }) {
  const small = join(folder, "small");
  mkdirSync(small);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=24k", "tmpfs", small]).status !== 0) return undefined;
  try {
    const here = args.map((arg) => (arg === "c" ? "small/c" : arg));
    const first = run(folder, here);
    if (first.status !== 0 || !first.stderr.includes("no space left on the disk")) return first.stderr.trim();
    const wanted = ["model.safetensors", "model.ids.csv"].filter(
      (name) => readFileSync(join(folder, name)).toString("base64") !== expected[name],
    );
    if (wanted.length > 0) return wanted.join(", ");
    const second = run(folder, [...args.slice(0, -5), "-o", "small/m.safetensors", "--ids", "small/i.csv"]);
    const kept = [...second.stderr.matchAll(/It is kept in (\S+?):/g)].map(([, path]) => path);
    if (second.status !== 1 || kept.length === 0 || !kept.every((path) => existsSync(path)))
      return second.stderr.trim();
    return undefined;
  } finally {
    spawnSync("umount", [small]);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "60" },
      seconds: { type: "string", default: "600" },
      seed: { type: "string", default: "1" },
      disk: { type: "boolean", default: false },
    },
  });
  const { kills, resumed, faults, lost } = await killAndResume({
    kills: Number(values.kills),
    seconds: Number(values.seconds),
    seed: Number(values.seed),
    disk: values.disk,
    log: console.error,
  });
  console.log(`${kills} kills in ${resumed} stories, ${faults} failing disks: ${lost.length} lost`);
  for (const story of lost) console.log(`  ${story}`);
  process.exitCode = lost.length > 0 ? 1 : 0;
}
