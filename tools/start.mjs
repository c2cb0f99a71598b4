// The main job, end to end: sets up, builds, trains on the emoji that come with the repository and prints their semantic IDs.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { ROOT, run, setup } from "./setup.mjs";

setup();
await build();
mkdirSync(join(ROOT, "out"), { recursive: true });
const emoji = "examples/data/emoji";
const { status } = run(
  process.execPath,
  [
    "dist/cli/main.js",
    "train",
    `${emoji}/emoji-glovesif100.f16.npy`,
    "--labels",
    `${emoji}/emoji.labels.json`,
    "--levels",
    "4",
    "--codes",
    "64",
    "-o",
    "out/emoji.safetensors",
    "--ids",
    "out/emoji.ids.csv",
    ...process.argv.slice(2),
  ],
  { mayFail: true },
);
process.exit(status ?? 1);
