import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/{js,package,browser}/**/*.test.ts"],
    environment: "node",
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 15_000 } }, // a busy machine
  },
});
