// Checks that the C++ is as clang-format writes it, or rewrites it with --write.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { inToolchain, ROOT } from "./setup.mjs";

const files = ["src", "bindings", "tests/cpp"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true })
    .filter((name) => /\.(h|cpp)$/.test(name))
    .map((name) => `${folder}/${name}`),
);
const mode = process.argv.includes("--write") ? ["-i"] : ["--dry-run", "-Werror"];
inToolchain(["clang-format", ...mode, ...files]);
