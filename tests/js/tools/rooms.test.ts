/** The rooms of the package: who may know whom, and that nothing goes in a circle. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SOURCES = fileURLToPath(new URL("../../../bindings/js", import.meta.url));

/** From the lowest to the highest: each knows those before it only. */
const ROOMS = [
  "base",
  "options/table.ts", // the types of options are made of it
  "types.ts",
  "options",
  "runtime",
  "items",
  "ids",
  "model-file",
  "model",
  "index",
  "tokens",
  "formats",
  "report",
  "worker",
  "sweep",
  "cli",
  "index.ts",
  "inline.ts",
];

/** Static and dynamic imports, of types too. */
function importsOf(text: string): string[] {
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1]!);
}

const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter(
  (name) => name.endsWith(".ts") && !name.endsWith(".d.ts"),
);
const graph = new Map(
  files.map((name) => {
    const file = join(SOURCES, name);
    const targets = importsOf(readFileSync(file, "utf8"))
      .map((path) => relative(SOURCES, resolve(dirname(file), path)))
      .filter((path) => !path.startsWith("wasm/"));
    return [name, targets] as const;
  }),
);
const roomOf = (name: string) => (ROOMS.includes(name) ? name : name.split("/")[0]!);

describe("the rooms of bindings/js", () => {
  it("are those that are known here", () => {
    expect(new Set(files.map(roomOf))).toEqual(new Set(ROOMS));
    expect(graph.get("index.ts")!.length).toBeGreaterThan(5);
    for (const targets of graph.values())
      for (const path of targets) expect(existsSync(join(SOURCES, path))).toBe(true);
  });

  it("know only those below them", () => {
    const upward = [...graph].flatMap(([name, targets]) =>
      targets
        .filter((path) => ROOMS.indexOf(roomOf(path)) > ROOMS.indexOf(roomOf(name)))
        .map((path) => `${name} imports ${path}`),
    );
    expect(upward).toEqual([]);
  });

  it("are those of DEVELOPING.md, in its order, and what people look for is where it says", () => {
    const text = readFileSync(join(SOURCES, "../../DEVELOPING.md"), "utf8");
    // Another picture, of all folders, stands before it.
    const rooms = text.slice(text.indexOf("The rooms of `bindings/js`"));
    const picture = [...rooms.matchAll(/^ {4}(index\.ts|types\.ts|options\/table\.ts|[a-z-]+\/)(?=,| {2})/gm)].map(
      (match) => match[1]!.replace(/\/$/, ""),
    );
    expect(picture).toEqual(ROOMS.filter((room) => room !== "inline.ts").toReversed());
    const table = text.slice(text.indexOf("Ten things that people look for")).split("\n\n")[1]!;
    const links = [...table.matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1]!);
    expect(links).toHaveLength(10);
    for (const link of links) expect(existsSync(join(SOURCES, "../..", link)), link).toBe(true);
  });

  it("hold no circle of files", () => {
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (name: string, path: readonly string[]) => {
      if (path.includes(name)) circles.push([...path.slice(path.indexOf(name)), name].join(" -> "));
      if (done.has(name) || path.includes(name)) return;
      for (const target of graph.get(name) ?? []) visit(target, [...path, name]);
      done.add(name);
    };
    for (const name of files) visit(name, []);
    expect(circles).toEqual([]);
  });
});
