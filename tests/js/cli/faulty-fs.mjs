/**
 * Loaded before a program (`node --import`): kills it at one of its changes to files, or has them fail. By environment variables:
 * FAULTY_KILL=N[+]: SIGKILL before the Nth change (with +: behind it); FAULTY_COUNT=FILE: writes there how many there were;
 * FAULTY_FAIL=CODE,PATTERN[,FROM,TO]: changes of files whose path the pattern matches fail, the FROMth to the TOth of them.
 */

import fs from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const { FAULTY_KILL: killing, FAULTY_COUNT: counting, FAULTY_FAIL: failing } = process.env;
const killAt = killing ? Number.parseInt(killing, 10) : 0;
const killBehind = killing?.endsWith("+");
const [code, pattern, from = "1", to = "Infinity"] = failing?.split(",") ?? [];
let changes = 0;
let matching = 0;

const die = () => process.kill(process.pid, "SIGKILL");

/** Before a change of a file; says what to do behind it. */
function change(path, mayFail = true) {
  changes++;
  if (changes === killAt && !killBehind) die();
  if (mayFail && pattern !== undefined && new RegExp(pattern).test(path)) {
    matching++;
    if (matching >= Number(from) && matching <= Number(to)) {
      throw Object.assign(new Error(`${code}: injected`), { code });
    }
  }
  return changes === killAt ? die : () => {};
}

const paths = new WeakMap();

function wrap(owner, name, pathOf, mayFail = true) {
  const original = owner[name];
  owner[name] = async function (...given) {
    const path = pathOf(this, given);
    if (path === undefined) return original.apply(this, given);
    const done = change(String(path), mayFail);
    const result = await original.apply(this, given);
    done();
    return result;
  };
}

const probe = await promises.open(process.execPath, "r");
const handle = Object.getPrototypeOf(probe);
await probe.close();
for (const name of ["write", "writeFile", "appendFile", "sync"]) wrap(handle, name, (file) => paths.get(file));
for (const name of ["rename", "link"]) wrap(promises, name, (_, [, target]) => target);
for (const name of ["mkdtemp", "writeFile"]) wrap(promises, name, (_, [path]) => path);
// Where there is no room there is some to take away.
for (const name of ["unlink", "rm"]) wrap(promises, name, (_, [path]) => path, false);
// Asking for permission changes nothing: it is not counted.
const { access } = promises;
promises.access = async (path, mode) => {
  if (pattern !== undefined && new RegExp(pattern).test(String(path))) throw Object.assign(new Error(code), { code });
  return access(path, mode);
};
const { open } = promises;
promises.open = async (path, flags = "r", ...rest) => {
  const writes = flags !== "r";
  const done = writes ? change(String(path)) : () => {};
  const file = await open(path, flags, ...rest);
  if (writes) paths.set(file, String(path));
  done();
  return file;
};
const { unlinkSync, writeFileSync } = fs;
fs.unlinkSync = (path) => {
  const done = change(String(path), false);
  unlinkSync(path);
  done();
};
syncBuiltinESMExports();
if (counting) process.on("exit", () => writeFileSync(counting, String(changes)));
