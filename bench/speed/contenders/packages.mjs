// Packages of the scratch folder that the contender was started with.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder] = process.argv.slice(2);
const require = createRequire(join(folder, "package.json"));

/** @type {(name: string) => string} */
export const pathOf = (name) => require.resolve(name);

/** @type {(name: string) => Promise<any>} */
export async function importPackage(name) {
  const found = await import(pathToFileURL(pathOf(name)).href);
  return found.default ?? found;
}
