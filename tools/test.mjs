// Sets up, builds and runs the tests: checks of style and types, the C++ suite natively, under sanitizers and as wasm, then the
// package, the browsers and the page. The last line counts the tests.
//
//   npm test                      all but what "npm run test:all" adds
//   npm test -- cpp js            only these parts: check, cpp, js, package, browser, threads, fixtures, reproducible
//   npm run test:all              every part; "threads" runs the C++ tests that have several threads under ThreadSanitizer,
//                                 "fixtures" builds and runs the packed package with bundlers and in other runtimes,
//                                 "reproducible" builds it again in another folder
//   npm run test:all -- --within 55   the same, but what it adds to "npm test" is left out, and said to be, where it could not end
//                                 within so many minutes
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { build, cmake } from "./build.mjs";
import { ensureDebianPackage, inToolchain, ROOT, run, setup } from "./setup.mjs";

const QUICK = ["check", "cpp", "js", "package", "browser"];
const PARTS = [...QUICK, "threads", "fixtures", "reproducible"];
const begun = performance.now();
const given = process.argv.slice(2);
const limit = given.indexOf("--within");
const minutes = limit < 0 ? Number.POSITIVE_INFINITY : Number(given.splice(limit, 2)[1]);
if (!(minutes > 0)) {
  console.error("npm test: --within needs a number of minutes");
  process.exit(2);
}
const chosen = given.length === 0 ? QUICK : given.length === 1 && given[0] === "all" ? PARTS : given;
for (const part of chosen) {
  if (PARTS.includes(part)) continue;
  console.error(`npm test: unknown part "${part}"; there are ${PARTS.join(", ")}, or all`);
  process.exit(2);
}
const wants = (part) => chosen.includes(part);

/** Minutes that the parts of "all" may take on a slow machine. */
const EXTRA_MINUTES = { threads: 6, fixtures: 12, reproducible: 10 };

/** Whether there is time for a part; if not, it counts as a skipped test. */
function hasTimeFor(part) {
  const gone = (performance.now() - begun) / 60_000;
  if (gone + EXTRA_MINUTES[part] <= minutes) return true;
  console.log(`skipped: ${part}, since ${gone.toFixed(0)} of ${minutes} minutes are gone`);
  total.skipped++;
  return false;
}

const results = join(ROOT, "build/test-results");
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });
const total = { passed: 0, failed: 0, skipped: 0 };
let broken = false;

function step(name, body) {
  const started = performance.now();
  console.log(`\n== ${name}`);
  body();
  console.log(`== ${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** A check without a runner of its own counts as one test. */
function check(name, command, args, inside = false) {
  const result = inside ? inToolchain([command, ...args], { mayFail: true }) : run(command, args, { mayFail: true });
  console.log(`${result.status === 0 ? "ok" : "FAILED"}: ${name}`);
  total[result.status === 0 ? "passed" : "failed"]++;
}

/** A check whose program may be missing in a toolchain of one's own. */
function checkIfInstalled(program, body) {
  if (inToolchain(["sh", "-c", `command -v ${program}`], { mayFail: true, stdio: "ignore" }).status === 0)
    return body();
  console.log(`skipped: ${program}, which is not installed`);
  // Where everything has to be shown, a missing program must not pass unnoticed.
  total[process.env.CI ? "failed" : "skipped"]++;
}

/** Runs the C++ tests in as many processes as there are cores, each with its share of them. */
const SHARDS = Math.min(availableParallelism(), 4);
const SHARDED = `
  shards=$1 report=$2 pids=
  shift 2
  for index in $(seq 0 $((shards - 1))); do
    GTEST_TOTAL_SHARDS=$shards GTEST_SHARD_INDEX=$index "$@" --gtest_brief=1 "--gtest_output=json:$report.$index.json" &
    pids="$pids $!"
  done
  status=0
  for pid in $pids; do wait $pid || status=$?; done
  exit $status`;

function googleTest(name, command, { inside = false } = {}) {
  const base = join(results, name);
  const args = ["sh", "-c", SHARDED, "sh", String(SHARDS), base, ...command];
  const { status } = inside ? inToolchain(args, { mayFail: true }) : run(args[0], args.slice(1), { mayFail: true });
  const counts = { tests: 0, failed: 0, skipped: 0 };
  for (let index = 0; index < SHARDS; index++) {
    const report = `${base}.${index}.json`;
    if (!existsSync(report)) {
      console.log(`FAILED: ${name} wrote no report (status ${status})`);
      total.failed++;
      continue;
    }
    const { tests, failures, errors = 0, testsuites } = JSON.parse(readFileSync(report, "utf8"));
    counts.tests += tests;
    counts.failed += failures + errors;
    counts.skipped += testsuites
      .flatMap((suite) => suite.testsuite)
      .filter((test) => test.result !== "COMPLETED").length;
  }
  const passed = counts.tests - counts.failed - counts.skipped;
  if (status !== 0 && counts.failed === 0) total.failed++; // a crash or a leak after the last test
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  total.passed += passed;
  if (counts.tests === 0) broken = true;
  console.log(`${name}: ${passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
}

function vitest(name, folders) {
  const report = join(results, `${name}.json`);
  const { status } = run(
    "node_modules/.bin/vitest",
    ["run", "--reporter=dot", "--reporter=json", `--outputFile.json=${report}`, ...folders],
    { mayFail: true },
  );
  if (!existsSync(report)) {
    total.failed++;
    return;
  }
  const json = JSON.parse(readFileSync(report, "utf8"));
  total.passed += json.numPassedTests;
  total.failed += json.numFailedTests;
  total.skipped += json.numPendingTests + json.numTodoTests;
  if (json.numTotalTests === 0) broken = true;
  if (status !== 0 && json.numFailedTests === 0) total.failed++; // a file that could not be loaded
  for (const file of json.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === "pending" || test.status === "skipped") console.log(`skipped: ${test.fullName}`);
    }
  }
}

const CPPCHECK = [
  ...[
    "--std=c++20",
    "--language=c++",
    "--enable=warning,performance,portability",
    "--inline-suppr",
    "--quiet",
    ...readdirSync(join(ROOT, "src")).map((folder) => `-Isrc/${folder}`),
  ],
  "--error-exitcode=1",
  "--suppress=missingIncludeSystem",
  "--suppress=uninitMemberVarNoCtor", // plain structs, which are made whole, by their members' names
  "--suppress=passedByValue:src/fitting/pca.cpp", // Random is one number: its stream is copied on purpose
  "--suppress=uninitvar:src/fitting/kmeans.cpp", // the candidates' potentials: there is one candidate at least
  "src",
];

/** Debian's packages of programs that tests drive; the tests of one that cannot be had are skipped. */
function ensureAll(packages) {
  const ready = packages.map(([name, command]) => ensureDebianPackage(name, command));
  // Elsewhere their tests skip; where everything has to be shown, a missing program must not pass unnoticed.
  if (process.env.CI) total.failed += ready.filter((there) => !there).length;
}

const BROWSERS = [
  ["chromium", "/usr/bin/chromium"],
  ["firefox-esr", "/usr/bin/firefox-esr"],
  ["webkit2gtk-driver", "/usr/bin/WebKitWebDriver"],
  ["xvfb", "/usr/bin/Xvfb"],
  ["xauth", "/usr/bin/xauth"],
];

setup();
await build();
if (wants("browser") || wants("fixtures")) ensureAll(BROWSERS);
if (wants("fixtures")) ensureAll([["redis-server", "/usr/bin/redis-server"]]); // of examples/distributed

if (wants("check")) {
  step("style and types", () => {
    check("Biome", "node_modules/.bin/biome", ["check", "."]);
    check("TypeScript", "node_modules/.bin/tsc", ["-p", "tsconfig.json"]);
    check("prose", "node", ["tools/prose.mjs"]);
    check("clang-format", "node", ["tools/format-cpp.mjs"]);
    checkIfInstalled("cppcheck", () => check("cppcheck", "cppcheck", CPPCHECK, true));
    checkIfInstalled("clang-tidy", () => check("clang-tidy", "node", ["tools/tidy-cpp.mjs"]));
  });
}

if (wants("cpp")) {
  for (const preset of ["native-release", "native-asan"]) {
    step(`C++ tests: ${preset}`, () => {
      cmake(preset, ["rqvae_tests"]);
      googleTest(preset, [join(ROOT, "build", preset, "rqvae_tests")], { inside: true });
    });
  }
  step("C++ tests: wasm in Node", () => {
    cmake("wasm", ["rqvae_tests"]);
    googleTest("wasm", [process.execPath, "build/wasm/rqvae_tests.cjs"]);
  });
}

if (wants("js")) step("package tests in Node", () => vitest("js", ["tests/js", "bench"]));
if (wants("package")) {
  step("tests of the packed package", () => vitest("package", ["tests/package", "--exclude=tests/package/*/**"]));
}
if (wants("browser")) step("browser tests", () => vitest("browser", ["tests/browser"]));
if (wants("threads") && hasTimeFor("threads")) {
  step("C++ tests: native-tsan", () => {
    cmake("native-tsan", ["rqvae_tests"]);
    googleTest("native-tsan", [join(ROOT, "build/native-tsan/rqvae_tests")], { inside: true });
  });
}
if (wants("fixtures") && hasTimeFor("fixtures")) {
  const folders = readdirSync(join(ROOT, "tests/package"), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  const paths = folders.map(({ name }) => `tests/package/${name}/`);
  // One at a time: bundlers take all cores by themselves.
  step("the packed package with bundlers and in other runtimes", () =>
    vitest("fixtures", ["--maxWorkers=1", ...paths]),
  );
}
if (wants("reproducible") && hasTimeFor("reproducible")) {
  step("a second build in another folder", () => check("equal bytes", "node", ["tools/reproducible.mjs"]));
}

console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed > 0 || broken || total.passed === 0 ? 1 : 0);
