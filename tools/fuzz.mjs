// Runs a test that fuzzes for longer than CI does: npm run fuzz -- hostile-files --minutes 10 --seed 3
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { ROOT } from "./setup.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: "string", default: "5" }, seed: { type: "string", default: String(Date.now() % 1e6) } },
});
const { minutes, seed } = values;
if (positionals.length !== 1 || !(Number(minutes) > 0)) {
  console.error("usage: npm run fuzz -- TEST [--minutes N] [--seed N], where TEST.test.ts fuzzes");
  process.exit(2);
}
console.log(`fuzz: ${positionals[0]} for ${minutes} minutes with seed ${seed}`);
const { status } = spawnSync("npx", ["vitest", "run", `/${positionals[0]}.test.ts`], {
  cwd: ROOT,
  stdio: "inherit",
  env: { ...process.env, RQVAE_FUZZ_MINUTES: minutes, RQVAE_FUZZ_SEED: seed },
});
process.exit(status ?? 1);
