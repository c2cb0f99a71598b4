/** The rooms of the package and of the page: who may know whom, and that nothing goes in a circle. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** From the lowest to the highest: each knows those before it only. */
const PACKAGE = [
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
  "features",
  "formats",
  "words",
  "report",
  "behaviour",
  "evaluate",
  "fusion",
  "worker",
  "sweep",
  "cli",
  "index.ts",
  "inline.ts",
];
const PAGE = [
  "base",
  "map",
  "lab",
  "data",
  "keep",
  "settings",
  "training",
  "explore",
  "compare",
  "take",
  "page-state.ts",
  "page-memory.ts",
  "main.ts",
];

/** Static and dynamic imports, of types too. */
function importsOf(text: string): string[] {
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1]!);
}

/** The files of a folder, and what each of them imports. */
function readHouse(folder: string, rooms: readonly string[]) {
  const sources = join(ROOT, folder);
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".ts") && !name.endsWith(".d.ts"),
  );
  const graph = new Map(
    files.map((name) => {
      const file = join(sources, name);
      const targets = importsOf(readFileSync(file, "utf8"))
        .filter((path) => /\.ts$/.test(path))
        .map((path) => relative(sources, resolve(dirname(file), path)))
        .filter((path) => !path.startsWith("wasm/"));
      return [name, targets] as const;
    }),
  );
  return { sources, files, graph, roomOf: (name: string) => (rooms.includes(name) ? name : name.split("/")[0]!) };
}

describe.each([
  ["bindings/js", PACKAGE],
  ["web/src", PAGE],
])("the rooms of %s", (folder, rooms) => {
  const { sources, files, graph, roomOf } = readHouse(folder, rooms);

  it("are those that are known here", () => {
    expect(new Set(files.map(roomOf))).toEqual(new Set(rooms));
    expect([...graph.values()].flat().length).toBeGreaterThan(50);
    for (const targets of graph.values())
      for (const path of targets) expect(existsSync(join(sources, path)), path).toBe(true);
  });

  it("know only those below them", () => {
    const upward = [...graph].flatMap(([name, targets]) =>
      targets
        .filter((path) => rooms.indexOf(roomOf(path)) > rooms.indexOf(roomOf(name)))
        .map((path) => `${name} imports ${path}`),
    );
    expect(upward).toEqual([]);
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

describe("DEVELOPING.md", () => {
  it("shows the rooms in their order, and what people look for is where it says", () => {
    const text = readFileSync(join(ROOT, "DEVELOPING.md"), "utf8");
    // Another picture, of all folders, stands before these two.
    const [rooms, pageRooms] = text.slice(text.indexOf("The rooms of `bindings/js`")).split("The page, `web/src`");
    const shown = (picture: string) =>
      [...picture.matchAll(/^ {4}([a-z-]+\.ts|options\/table\.ts|[a-z-]+\/)(?=,| {2})/gm)].map((match) =>
        match[1]!.replace(/\/$/, ""),
      );
    expect(shown(rooms!)).toEqual(PACKAGE.filter((room) => room !== "inline.ts").toReversed());
    expect(shown(pageRooms!)).toEqual(PAGE.filter((room) => !/^page-/.test(room)).toReversed());
    const table = text.slice(text.indexOf("Ten things that people look for")).split("\n\n")[1]!;
    const links = [...table.matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1]!);
    expect(links).toHaveLength(10);
    for (const link of links) expect(existsSync(join(ROOT, link)), link).toBe(true);
  });
});
