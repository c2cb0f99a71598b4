// Builds the package into dist/: the wasm and its glue by CMake, the TypeScript by tsc. Does nothing when no input changed.
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rollUpDeclarations } from "./roll-up.mjs";
import { inToolchain, packageJson, ROOT, run, setup } from "./setup.mjs";

/** Hash over every file that the build reads. */
function inputHash() {
  const hash = createHash("sha256");
  const visit = (path) => {
    for (const entry of readdirSync(join(ROOT, path), { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) visit(child);
      else
        hash
          .update(child)
          .update("\0")
          .update(readFileSync(join(ROOT, child)));
    }
  };
  visit("src");
  visit("bindings");
  for (const file of [
    "CMakeLists.txt",
    "CMakePresets.json",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "tools/build.mjs",
    "tools/roll-up.mjs",
    "tools/toolchain.sh",
  ]) {
    hash.update(file).update(readFileSync(join(ROOT, file)));
  }
  return hash.digest("hex");
}

/**
 * Removes what CMake made in another folder: in a checkout that was copied or moved it would refuse to go on.
 * @param {string} folder of a preset
 * @param {string} root the checkout, as it is called now
 */
export function removeStale(folder, root) {
  const cache = join(folder, "CMakeCache.txt");
  if (!existsSync(cache) || readFileSync(cache, "utf8").includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${root}\n`)) return;
  rmSync(folder, { recursive: true });
}

const isWasm = (preset) => preset.startsWith("wasm");

/** Configures a CMake preset in the toolchain. Prints what CMake warns of, and nothing else. */
export function configure(preset) {
  removeStale(join(ROOT, "build", preset), ROOT);
  const command = [...(isWasm(preset) ? ["emcmake"] : []), "cmake", "--preset", preset, "--log-level=WARNING"];
  const { status, stderr } = inToolchain(command, {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    mayFail: true,
  });
  process.stderr.write(stderr.replace(/^emcmake: .*\n/gm, "")); // which names the command that it runs
  if (status !== 0) process.exit(status ?? 1);
}

/** Configures and builds a CMake preset (targets: all when none are named). Prints what CMake and the compiler warn of. */
export function cmake(preset, targets = []) {
  configure(preset);
  const chosen = targets.length > 0 ? ["--target", ...targets] : [];
  inToolchain(["cmake", "--build", "--preset", preset, ...chosen, "--", "--quiet"], { stdio: ["ignore", 2, 2] });
}

/** What linking makes in the folder of a preset. */
const LINKED = /^rqvae-(threads-)?(node|web)\.(mjs|wasm)$/;

/**
 * Links the two glues of a preset of the wasm. What an interrupted build left is linked anew: ninja knows a glue's .mjs, but not whether
 * the wasm beside it was written with it.
 * @param {string} folder the preset's
 * @param {() => void} link builds what is missing in it
 */
export function linkGlues(folder, link) {
  const linked = () => (existsSync(folder) ? readdirSync(folder).filter((name) => LINKED.test(name)) : []);
  const unlink = () => {
    for (const name of linked()) rmSync(join(folder, name));
  };
  // Two glues, one wasm: only what surrounds the module differs by environment.
  const isWhole = () => {
    const [one, other] = linked()
      .filter((name) => name.endsWith(".wasm"))
      .map((name) => readFileSync(join(folder, name)));
    return one !== undefined && other !== undefined && one.equals(other);
  };
  const mark = `${folder}.linking`; // there as long as it runs
  if (existsSync(mark)) unlink();
  mkdirSync(dirname(mark), { recursive: true });
  writeFileSync(mark, "");
  link();
  if (!isWhole()) {
    console.error(`build: the wasm of the two glues in ${folder} differs: both are linked anew`);
    unlink();
    link();
    if (!isWhole()) throw new Error(`the wasm of the two glues in ${folder} differs, although both were linked anew`);
  }
  rmSync(mark);
}

/** What is changed in Emscripten's glues: [what it says, what it shall say, the glues concerned]. */
const GLUE_CHANGES = [
  // The package compiles the wasm itself (native.ts) and hands it over: the glue's own address of it is never used, and would send
  // bundlers looking for a file of that name.
  [(glue) => `new URL("${glue}.wasm",import.meta.url).href`, '""', /./],
  // Nor is what the glue would fetch and compile it with.
  [
    () =>
      "wasmBinaryFile??=findWasmBinary();var result=await instantiateAsync(wasmBinary,wasmBinaryFile,info);var exports=receiveInstantiationResult(result);return exports",
    "",
    /./,
  ],
  [
    () =>
      'if(ENVIRONMENT_IS_WORKER){readBinary=url=>{var xhr=new XMLHttpRequest;xhr.open("GET",url,false);xhr.responseType="arraybuffer";xhr.send(null);return new Uint8Array(xhr.response)}}readAsync=async url=>{var response=await fetch(url,{credentials:"same-origin"});if(response.ok){return response.arrayBuffer()}throw new Error(response.status+" : "+response.url)}',
    "",
    /web/,
  ],
  // Advice for those who build the wasm, not for those who use it.
  [() => 'what+=". Build with -sASSERTIONS for more info.";', "", /./],
  // A library does not put things into the global scope.
  [() => "globalThis.Worker=worker_threads.Worker", "var Worker=worker_threads.Worker", /threads-node/],
  // The loaders start the threads (load-wasm.*.ts): a glue that names itself as a worker's script is a circle in which a bundler may
  // run for ever (Turbopack).
  [
    (glue) =>
      `new Worker(new URL("${glue}.mjs",import.meta.url),{type:"module",${glue.endsWith("node") ? 'workerData:"em-pthread",' : ""}name:"em-pthread"})`,
    "Module.startThread()",
    /threads/,
  ],
  // A thread that traps says so to whoever waits for it.
  [() => "__emscripten_thread_crashed();throw ex", "__emscripten_thread_crashed(),_helperFailed();throw ex", /threads/],
  // esbuild's CommonJS, the usual bundle for AWS Lambda and VS Code, has neither an address of the module nor a top-level await.
  [() => "createRequire(import.meta.url)", "createRequire(import.meta.url??process.execPath)", /node/],
  [() => "_scriptName=import.meta.url", '_scriptName=import.meta.url??""', /node/],
  [
    () => 'if(isNode)isPthread=(await import("node:worker_threads")).workerData==="em-pthread"',
    'if(isNode)import("node:worker_threads").then(({workerData})=>workerData==="em-pthread"&&Module())',
    /threads-node/,
  ],
  // jest's jsdom hides TextDecoder (text-codecs.ts); a thread has the global one.
  [() => "UTF8Decoder=new TextDecoder", "UTF8Decoder=new(Module.TextDecoder??TextDecoder)", /./],
  // A helper that cannot start (a policy forbids workers) is done without: src/numerics/parallel.h.
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the glue's
  [() => "${e.message}`);throw e}", "${e.message}`)}", /threads/],
];

/** Left as they are: bundlers recognise what these load by the text. */
const READ_BY_BUNDLERS = /load-wasm\.\w+\.js$|worker\/host\.\w+\.js$/;

/**
 * Shortens the JavaScript in a folder: no white space, variables of a letter. Names of functions and classes stay, for stack traces, but for
 * the command line's, which shows none.
 * @param {string} folder
 */
export async function minify(folder) {
  const { minifySync, parseAst } = await import("vite"); // not before it is installed
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!/\.m?js$/.test(name) || READ_BY_BUNDLERS.test(name)) continue;
    const file = join(folder, name);
    // What every client loads is smaller once compressed when its modules keep their own names.
    const isClients = !/^(?:cli|sweep|formats|report|evaluate|behaviour|fusion|words|wasm)[/\\]/.test(name);
    const isTraced = !name.endsWith(".mjs") && !/^(?:cli|sweep)[/\\]/.test(name); // the glues have no names worth keeping
    const { code, errors } = minifySync(name, readFileSync(file, "utf8"), {
      module: true,
      compress: true,
      mangle: { toplevel: !isClients, keepNames: isTraced },
      codegen: { removeWhitespace: true },
    });
    if (errors.length > 0) throw new Error(`${name} cannot be minified: ${errors[0].message}`);
    // What is imported stays a plain string, which every bundler can read.
    const plain = code.replace(/\bimport\(`([^`$]+)`\)/g, 'import("$1")');
    writeFileSync(file, isTraced ? inLines(plain, parseAst(plain)) : plain);
  }
}

/**
 * A line for each statement and each member of a class: Node shows the whole line that throws to whoever does not catch an error.
 * @param {string} code
 * @param {any} program its syntax tree
 */
function inLines(code, program) {
  /** @type {Set<number>} */
  const starts = new Set();
  const visit = (/** @type {any} */ node) => {
    if (node === null || typeof node !== "object") return;
    if (Array.isArray(node)) return node.forEach(visit);
    if (["Program", "BlockStatement", "ClassBody"].includes(node.type)) {
      for (const { start } of node.body) starts.add(start);
    }
    for (const value of Object.values(node)) visit(value);
  };
  visit(program);
  const cuts = [...starts].filter((start) => start > 0 && code[start - 1] !== "\n").sort((a, b) => a - b);
  return [0, ...cuts].map((start, i) => code.slice(start, cuts[i])).join("\n");
}

/** Copies one build of the wasm and its two glues. */
function takeWasm(name, target) {
  const built = (file) => join(ROOT, `build/${name.replace("rqvae", "wasm")}`, file);
  copyFileSync(built(`${name}-web.wasm`), join(target, `${name}.wasm`));
  for (const glue of [`${name}-node`, `${name}-web`]) {
    let text = readFileSync(built(`${glue}.mjs`), "utf8");
    for (const [says, shall, concerns] of GLUE_CHANGES) {
      if (!concerns.test(glue)) continue;
      if (!text.includes(says(glue))) {
        console.error(`build: ${glue}.mjs no longer holds ${says(glue)}: look at what it does instead`);
        process.exit(1);
      }
      text = text.replaceAll(says(glue), shall);
    }
    // What embind says of a wrong call: only we call it, and the stack tells where.
    text = text.replace(/((?:Binding|Internal)Error)\((`[^`]*`|"[^"]*")\)/g, '$1("embind")');
    writeFileSync(join(target, `${glue}.mjs`), text);
  }
}

/** Makes dist/ current. */
export async function build() {
  const stamp = join(ROOT, "build/dist.inputs"); // beside dist, not in it: what is in it is published
  const inputs = inputHash();
  if (existsSync(join(ROOT, "dist/index.js")) && existsSync(stamp) && readFileSync(stamp, "utf8") === inputs) return;
  const { version } = packageJson();
  if (!readFileSync(join(ROOT, "bindings/js/base/version.ts"), "utf8").includes(`"${version}"`)) {
    console.error(`bindings/js/base/version.ts does not say version ${version}, as package.json does`);
    process.exit(1);
  }
  const started = performance.now();
  console.error("build: C++ to WebAssembly");
  for (const preset of ["wasm", "wasm-threads"]) {
    linkGlues(join(ROOT, "build", preset), () => cmake(preset, ["rqvae-node", "rqvae-web"]));
  }
  console.error("build: TypeScript");
  // Made beside the old one and put in its place when whole: a failed build leaves the last good package.
  const made = join(ROOT, "build/dist");
  rmSync(made, { recursive: true, force: true });
  // Twice: the declarations keep the documentation, the JavaScript goes to users' clients without it.
  const declarations = join(ROOT, "build/declarations");
  rmSync(declarations, { recursive: true, force: true });
  for (const [folder, ...flags] of [
    [declarations, "--emitDeclarationOnly"],
    [made, "--declaration", "false", "--removeComments"],
  ]) {
    run("node_modules/.bin/tsc", ["-p", "tsconfig.build.json", "--outDir", folder, ...flags], {
      stdio: ["ignore", 2, 2],
    });
  }
  await rollUpDeclarations(declarations, made);
  mkdirSync(join(made, "wasm"), { recursive: true });
  for (const name of ["rqvae", "rqvae-threads"]) takeWasm(name, join(made, "wasm"));
  await minify(made);
  const inline = gzipSync(readFileSync(join(made, "wasm/rqvae.wasm")), { level: 9 }).toString("base64");
  writeFileSync(join(made, "wasm/rqvae-inline.mjs"), `export default "${inline}";\n`);
  for (const file of readdirSync(join(ROOT, "bindings/js/wasm"))) {
    if (/\.d\.m?ts$/.test(file)) copyFileSync(join(ROOT, "bindings/js/wasm", file), join(made, "wasm", file));
  }
  rmSync(join(ROOT, "dist"), { recursive: true, force: true });
  renameSync(made, join(ROOT, "dist"));
  writeFileSync(stamp, inputs);
  console.error(`build: done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  setup();
  await build();
}
