// Declarations of the package, rolled up: a file for each entry, and what entries share once, so that a type is the same in all of them.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageJson } from "./setup.mjs";

/** The declarations that stand beside the wasm are written by hand. */
const isMade = (/** @type {string} */ path) => !path.startsWith("./dist/wasm/");

/**
 * @param {string} from the folder of the declarations of all modules
 * @param {string} to the folder that will be dist/
 */
export async function rollUpDeclarations(from, to) {
  const [{ rollup }, { dts }] = await Promise.all([import("rollup"), import("rollup-plugin-dts")]); // not before they are installed
  const { exports, imports } = packageJson();
  const entries = Object.values(exports).flatMap(({ types }) => (types && isMade(types) ? [types.slice(7, -5)] : []));
  // What is chosen by the environment has one declaration: *.types.ts.
  const chosen = (/** @type {string} */ name) =>
    imports[name] && join(from, imports[name].default.slice(7).replace(/\.\w+\.js$/, ".types.d.ts"));
  const bundle = await rollup({
    input: Object.fromEntries(entries.map((entry) => [entry, join(from, `${entry}.d.ts`)])),
    plugins: [{ name: "chosen", resolveId: chosen }, dts()],
    onwarn({ message }) {
      // Parts of what is exported have no name of their own: IdReport["perLevel"].
      if (!message.includes("no public re-export")) throw new Error(`the declarations cannot be rolled up: ${message}`);
    },
  });
  await bundle.write({
    dir: to,
    entryFileNames: "[name].d.ts",
    chunkFileNames: ({ name }) => `types/${name.replace(/\.d$/, "")}.d.ts`,
    minifyInternalExports: false,
  });
  await bundle.close();
  for (const name of readdirSync(to, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".d.ts")) continue;
    const file = join(to, name);
    const text = readFileSync(file, "utf8")
      // tsc refers to hand-written declarations in the sources.
      .replace(/path="[^"]+\/(wasm\/globals\.d\.ts)"/, 'path="./$1"')
      // Each blank of thousands of lines would be installed.
      .replace(/^(?: {4})+/gm, (blanks) => "\t".repeat(blanks.length / 4));
    const entry = entries.find((name) => file === join(to, `${name}.d.ts`));
    const exported = entry ? withTypes(text, typesOnly(join(from, `${entry}.d.ts`))) : text;
    // Projects whose library is older learn of Symbol.dispose here; tsc says so in each module.
    const library = /Symbol\.(asyncD|d)ispose/.test(text) ? '/// <reference lib="esnext.disposable" />\n' : "";
    writeFileSync(file, library + exported);
  }
}

/** What the declarations in a file export as types only, classes among it. @param {string} file @returns {Set<string>} */
function typesOnly(file) {
  const text = readFileSync(file, "utf8");
  const names = new Set();
  for (const [, other] of text.matchAll(/export \* from "(\.[^"]+)\.[jt]s"/g)) {
    for (const name of typesOnly(join(file, "..", `${other}.d.ts`))) names.add(name);
  }
  for (const [, keyword, list] of text.matchAll(/export (type )?\{([^}]*)\}/g)) {
    for (const item of list.split(",").map((name) => name.trim())) {
      if (keyword || item.startsWith("type "))
        names.add(
          item
            .replace(/^type /, "")
            .split(" as ")
            .at(-1),
        );
    }
  }
  return names;
}

/** Rolling up loses that a class is exported as a type only: users would import what is not there. @param {string} text @param {Set<string>} types */
function withTypes(text, types) {
  return text.replace(/^export \{([^}]*)\}/gm, (_, list) => {
    const items = list.split(",").map((/** @type {string} */ item) => item.trim());
    const marked = items.map((/** @type {string} */ item) =>
      types.has(item.split(" as ").at(-1)) && !item.startsWith("type ") ? `type ${item}` : item,
    );
    return `export { ${marked.join(", ")} }`;
  });
}
