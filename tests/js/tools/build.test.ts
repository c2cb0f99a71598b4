/** Whatever an interrupted build or one in another folder leaves behind, the next one makes good: tools/build.mjs. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { linkGlues, removeStale } from "../../../tools/build.mjs";

let root: string;
let folder: string;
let linked: number;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "rqvae-build-"));
  folder = join(root, "build/wasm");
  linked = 0;
  vi.spyOn(console, "error").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true });
});

const GLUES = ["rqvae-node", "rqvae-web"];
const wasmOf = (glue: string) => readFileSync(join(folder, `${glue}.wasm`), "utf8");

/** Like ninja, which knows a glue's .mjs and not the wasm beside it: what is there is not made again. */
function link(version = "new") {
  linked++;
  mkdirSync(folder, { recursive: true });
  for (const glue of GLUES) {
    if (existsSync(join(folder, `${glue}.mjs`))) continue;
    for (const end of ["mjs", "wasm"]) writeFileSync(join(folder, `${glue}.${end}`), version);
  }
}

it("links once where nothing was interrupted, and does not link what is there", () => {
  linkGlues(folder, link);
  linkGlues(folder, () => link("newer"));
  expect(linked).toBe(2);
  expect(GLUES.map(wasmOf)).toEqual(["new", "new"]);
});

it.each(["the wasm of one glue is old", "the wasm of one glue is missing"])(
  "links both glues anew where %s",
  (what) => {
    link("old");
    if (what.endsWith("missing")) rmSync(join(folder, "rqvae-web.wasm"));
    else writeFileSync(join(folder, "rqvae-web.wasm"), "older");
    writeFileSync(join(folder, "rqvae_tests.wasm"), "kept");
    linkGlues(folder, link);
    expect(GLUES.map(wasmOf)).toEqual(["new", "new"]);
    expect(readFileSync(join(folder, "rqvae_tests.wasm"), "utf8")).toBe("kept");
    linkGlues(folder, () => link("newer"));
    expect(GLUES.map(wasmOf)).toEqual(["new", "new"]);
  },
);

it("links both glues anew after a build that ended in the middle, though they are alike", () => {
  const interrupt = () => {
    link("half");
    throw new Error("interrupted");
  };
  expect(() => linkGlues(folder, interrupt)).toThrow("interrupted");
  expect(GLUES.map(wasmOf)).toEqual(["half", "half"]);
  linkGlues(folder, link);
  expect(GLUES.map(wasmOf)).toEqual(["new", "new"]);
});

it("gives up where they differ however often they are linked", () => {
  let version = 0;
  const differ = () => {
    link();
    writeFileSync(join(folder, "rqvae-web.wasm"), String(version++));
  };
  expect(() => linkGlues(folder, differ)).toThrow(/wasm of the two glues .* differs/);
  expect(linked).toBe(2);
});

it.each([
  ["/src/moved", "/src/rqvae"],
  ["/src/copy", "/src/copy-2"], // one name begins as the other does
  ["/src/copy-2", "/src/copy"],
])("removes what was built in %s when it is built in %s", (before, now) => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "CMakeCache.txt"), `# by CMake\nCMAKE_HOME_DIRECTORY:INTERNAL=${before}\n`);
  removeStale(folder, before);
  expect(existsSync(folder)).toBe(true);
  removeStale(folder, now);
  expect(existsSync(folder)).toBe(false);
  removeStale(folder, now);
});
