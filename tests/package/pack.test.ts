/** The packed package, installed into an empty folder as a user would, with scripts disabled and offline. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientSizes } from "../../bench/speed/sizes.mjs";
import { guideEnvironment, makeProject, type Project, ROOT, transformersTools } from "./project.ts";
import { markdownFiles, type Snippet, snippets } from "./snippets.ts";

const transformers = transformersTools();
let project: Project;
let folder: string;
let installed: string;

/** Runs Node in the user's folder; a process that does not end by itself is a failure. */
function node(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8", timeout: 60_000 });
}

beforeAll(() => {
  project = makeProject({ name: "rqvae user % " });
  ({ folder, installed } = project);
});
afterAll(() => project.remove());

const snippetsOf = (page: string) => snippets(readFileSync(join(ROOT, page), "utf8"));

/** Markdown files with snippets that are run in one of these ways. */
function pagesWith(...ways: string[]): string[] {
  return markdownFiles(ROOT).filter((page) => snippetsOf(page).some(({ run }) => ways.includes(run)));
}

/** What a program's comments say it prints, `// <a_1><b_2> title`: the walk compares it with what it does print. */
const shownOutput = ({ code }: Snippet) =>
  code
    .split("\n")
    .filter((line) => line.startsWith("// <"))
    .map((line) => line.slice(3));

/** Runs a snippet by Node or a shell in a folder below the user's, and returns what it prints. */
function run({ run: way, code, line }: Snippet, cwd: string): string {
  const options = { cwd, encoding: "utf8", stdio: "pipe", timeout: 120_000 } as const;
  if (way === "cli") {
    return execFileSync("bash", ["-euc", code], { ...options, env: guideEnvironment(project.tarball, transformers) });
  }
  const file = join(cwd, `snippet-line-${line}.mjs`);
  writeFileSync(file, code);
  return execFileSync(process.execPath, [file], options);
}

function files(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(path, entry.name)) : [join(path, entry.name)],
  );
}

describe("the packed package", () => {
  it("has no runtime dependency and no install script", () => {
    const { dependencies, scripts } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    expect(dependencies).toBeUndefined();
    for (const name of ["preinstall", "install", "postinstall", "prepare"]) expect(scripts?.[name]).toBeUndefined();
    expect(readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith("."))).toEqual(["rqvae"]);
  });

  it("names the versions of what it contains", async () => {
    const script = `import { readFileSync } from "node:fs";
      import { loadGlue, openDefaultWasm } from "./node_modules/rqvae/dist/runtime/load-wasm.node.js";
      const wasm = await WebAssembly.compile(await openDefaultWasm(false));
      const instantiateWasm = (imports, receive) => (WebAssembly.instantiate(wasm, imports).then((made) => receive(made, wasm)), {});
      const { eigen, emscripten } = (await (await loadGlue(false))({ instantiateWasm })).buildInfo();
      const notices = readFileSync("node_modules/rqvae/THIRD-PARTY-NOTICES", "utf8");
      console.log(notices.includes(\`Eigen \${eigen} \`), notices.includes(\`Emscripten \${emscripten} \`), eigen, emscripten);`;
    expect(node("--input-type=module", "-e", script)).toMatch(/^true true /);
  });

  it("keeps its size budgets", () => {
    const { wasm, wasmWithThreads, javaScript } = clientSizes(join(installed, "dist"));
    expect(wasm).toBeLessThanOrEqual(115 * 1024);
    // Threads bring the runtime's locks, queues and thread-local storage; only those fetch it who have threads.
    expect(wasmWithThreads).toBeLessThanOrEqual(122 * 1024);
    expect(javaScript).toBeLessThanOrEqual(30 * 1024);
    const unpacked = files(installed).reduce((sum, file) => sum + statSync(file).size, 0);
    expect(unpacked).toBeLessThanOrEqual(1.85 * 1024 * 1024);
  });

  it("has the files that its package.json promises", () => {
    const { exports, imports, bin } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    const values = (entry: unknown): string[] =>
      typeof entry === "string" ? [entry] : Object.values(entry as object).flatMap(values);
    const paths = [exports, imports, bin].flatMap(values);
    expect(paths.length).toBeGreaterThan(10);
    for (const path of paths) expect(statSync(join(installed, path)).isFile(), path).toBe(true);
    expect(statSync(join(installed, "LICENSE")).isFile()).toBe(true);
    expect(statSync(join(installed, "README.md")).isFile()).toBe(true);
    const notices = readFileSync(join(installed, "THIRD-PARTY-NOTICES"), "utf8");
    for (const work of ["Eigen", "Emscripten", "musl", "libc++"]) expect(notices).toContain(work);
  });

  it("imports without side effect and works by import and by require", () => {
    const entries = [
      "rqvae",
      "rqvae/worker",
      "rqvae/inline",
      "rqvae/formats",
      "rqvae/vocabulary",
      "rqvae/report",
      "rqvae/behaviour",
      "rqvae/evaluate",
      "rqvae/fusion",
      "rqvae/decoding",
      "rqvae/features",
      "rqvae/options",
      "rqvae/words",
    ];
    const quiet = `const before = Object.keys(globalThis).join(); ${entries.map((entry) => `await import("${entry}");`).join(" ")} console.log(before === Object.keys(globalThis).join());`;
    expect(node("--input-type=module", "-e", quiet)).toBe("true\n");
    const body =
      "RQVAE.fit([[1, 2], [3, 4], [5, 7]], { epochs: 2 }).then((m) => console.log(m.encode([[1, 2]]).length));";
    expect(node("--input-type=module", "-e", `import { RQVAE } from "rqvae"; ${body}`)).toBe("1\n");
    expect(node("--no-warnings", "--input-type=commonjs", "-e", `const { RQVAE } = require("rqvae"); ${body}`)).toBe(
      "1\n",
    );
  });

  it("lets a process that only encoded end by itself", () => {
    const train = `import { writeFileSync } from "node:fs"; import { RQVAE } from "rqvae";
      const model = await RQVAE.fit(Array.from({ length: 50 }, (_, i) => [Math.sin(i), Math.cos(i), i % 7]), { epochs: 2 });
      writeFileSync("model.safetensors", model.save());`;
    node("--input-type=module", "-e", train);
    const encode = `import { RQVAE } from "rqvae"; const model = await RQVAE.load("model.safetensors"); console.log(model.encode([[1, 2, 3]]).toTokens(0));`;
    expect(node("--input-type=module", "-e", encode)).toMatch(/^(<[a-z]_\d+>){3}\n$/);
  });

  it.each(pagesWith("node", "cli"))(
    "walks %s from an empty folder: every command and every program, in order",
    (page) => {
      const here = join(folder, page.toLowerCase().replace(/\W+/g, "-"));
      mkdirSync(here);
      for (const snippet of snippetsOf(page)) {
        if (!["node", "cli"].includes(snippet.run)) continue;
        if (!transformers && snippet.code.includes("@huggingface/transformers")) continue;
        let printed = "";
        const walk = () => {
          printed = run(snippet, here);
        };
        expect(walk, `the snippet at line ${snippet.line} of ${page}`).not.toThrow();
        const shown = shownOutput(snippet);
        if (shown.length > 0) expect(printed.trimEnd().split("\n")).toEqual(shown);
      }
    },
    600_000,
  );

  it("finds snippets in the README and in the guides", () => {
    expect(pagesWith("node")).toContain("README.md");
    expect(pagesWith("node").length).toBeGreaterThan(5);
    expect(pagesWith("cli")).toContain("README.md");
  });

  it.each(pagesWith("parsed"))("parses what it cannot run of %s", (page) => {
    const found = snippetsOf(page).filter(({ run }) => run === "parsed");
    for (const { code, line } of found) {
      const file = join(folder, `snippet-line-${line}.mjs`);
      writeFileSync(file, code);
      expect(() => node("--check", file), `the snippet at line ${line} of ${page}`).not.toThrow();
    }
  });

  it("has the README begin with an installation, and a program whose output it shows", () => {
    const [install, program] = snippetsOf("README.md");
    expect(install!.code.split("\n").slice(0, 2)).toEqual(["npm init -y", "npm install rqvae"]);
    expect(program!.run).toBe("node");
    expect(shownOutput(program!).length).toBeGreaterThan(5);
    expect(shownOutput(program!).filter((line) => !/^<a_\d+><b_\d+><c_\d+> \S/.test(line))).toEqual([]);
  });
});
