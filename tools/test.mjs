// Sets up, builds and runs all tests: checks of style and types, the C++ suite natively, under sanitizers and as wasm, then the
// package, the browsers and the page. The last line counts the tests.
//
//   npm test                      everything
//   npm test -- cpp js            only these parts: check, cpp, js, browser, package
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build, cmake } from "./build.mjs";
import { ensureDebianPackage, inToolchain, ROOT, run, setup } from "./setup.mjs";

const PARTS = ["check", "cpp", "js", "browser", "package"];
const chosen = process.argv.slice(2);
for (const part of chosen) {
  if (PARTS.includes(part)) continue;
  console.error(`npm test: unknown part "${part}"; there are ${PARTS.join(", ")}`);
  process.exit(2);
}
const wants = (part) => chosen.length === 0 || chosen.includes(part);

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

function countGoogleTest(name, status, report) {
  if (!existsSync(report)) {
    console.log(`FAILED: ${name} wrote no report (status ${status})`);
    total.failed++;
    return;
  }
  const { tests, failures, errors = 0, testsuites } = JSON.parse(readFileSync(report, "utf8"));
  const skipped = testsuites.flatMap((suite) => suite.testsuite).filter((test) => test.result !== "COMPLETED").length;
  total.failed += failures + errors;
  total.skipped += skipped;
  total.passed += tests - failures - errors - skipped;
  if (status !== 0 && failures + errors === 0) total.failed++; // a crash or a leak after the last test
  if (tests === 0) broken = true;
  console.log(`${name}: ${tests - failures - skipped} passed, ${failures} failed, ${skipped} skipped`);
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

setup();
await build();

if (wants("check")) {
  step("style and types", () => {
    check("Biome", "node_modules/.bin/biome", ["check", "."]);
    check("TypeScript", "node_modules/.bin/tsc", ["-p", "tsconfig.json"]);
    check("clang-format", "node", ["tools/format-cpp.mjs"]);
  });
}

if (wants("cpp")) {
  for (const preset of ["native-release", "native-asan"]) {
    step(`C++ tests: ${preset}`, () => {
      cmake(preset, ["rqvae_tests"]);
      const report = join(results, `${preset}.json`);
      const args = [join(ROOT, "build", preset, "rqvae_tests"), "--gtest_brief=1", `--gtest_output=json:${report}`];
      countGoogleTest(preset, inToolchain(args, { mayFail: true }).status, report);
    });
  }
  step("C++ tests: wasm in Node", () => {
    cmake("wasm", ["rqvae_tests"]);
    const report = join(results, "wasm.json");
    const args = ["build/wasm/rqvae_tests.cjs", "--gtest_brief=1", `--gtest_output=json:${report}`];
    countGoogleTest("wasm", run(process.execPath, args, { mayFail: true }).status, report);
  });
}

if (wants("js")) step("package tests in Node", () => vitest("js", ["tests/js"]));
if (wants("package")) step("tests of the packed package", () => vitest("package", ["tests/package"]));
if (wants("browser")) {
  const ready = [
    ensureDebianPackage("chromium", "/usr/bin/chromium"),
    ensureDebianPackage("firefox-esr", "/usr/bin/firefox-esr"),
  ];
  // Elsewhere their tests skip; where everything has to be shown, a missing browser must not pass unnoticed.
  if (process.env.CI) total.failed += ready.filter((there) => !there).length;
  step("browser tests", () => vitest("browser", ["tests/browser"]));
}

console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed > 0 || broken || total.passed === 0 ? 1 : 0);
