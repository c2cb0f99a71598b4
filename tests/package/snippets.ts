import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/**
 * Code blocks of a Markdown text that say how they are run. Each page has a folder of its own, which is empty at first:
 * - ```js node: by Node, in that folder; the package is installed
 * - ```sh cli: by a shell in that folder; `curl` brings files of the repository, `npm install rqvae` the packed package (tests/package/bin)
 * - ```html browser: as a page of its own, without a bundler
 * - ```js vite: as the module of a page that Vite builds
 * - ```js workerd: as a worker of workerd (fixtures of the package)
 * - ```python quoted: lines of an example that has a test of its own
 * - ```js parsed: needs what the tests do not have (a server's runtime, another library); its syntax is checked
 */
export interface Snippet {
  language: string;
  run: string;
  code: string;
  /** Line of the opening fence, from 1. */
  line: number;
}

export function snippets(markdown: string): Snippet[] {
  const result: Snippet[] = [];
  const lines = markdown.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const fence = /^```(\w+)(?: (\w+))?$/.exec(lines[i]!);
    if (!fence) continue;
    const end = lines.indexOf("```", i + 1);
    result.push({ language: fence[1]!, run: fence[2] ?? "", code: lines.slice(i + 1, end).join("\n"), line: i + 1 });
    i = end;
  }
  return result;
}

/** What `curl -L ADDRESS -o FILE` on any of the pages brings, from the repository: the file's name, and its place in the checkout. */
export function sampleFiles(root: string): Map<string, string> {
  const pattern = /https:\/\/raw\.githubusercontent\.com\/[^/]+\/rqvae\/main\/(\S+) -o (\S+)/g;
  const pages = markdownFiles(root).map((page) => readFileSync(`${root}/${page}`, "utf8"));
  return new Map(
    pages.flatMap((page) => Array.from(page.matchAll(pattern), ([, path, name]) => [basename(name!), path!])),
  );
}

/** Puts them into a folder, for pages that fetch them. */
export function copySampleFiles(root: string, folder: string): void {
  for (const [name, path] of sampleFiles(root)) copyFileSync(`${root}/${path}`, `${folder}/${name}`);
}

/** The Markdown files that people read, relative to the folder of the checkout. */
export function markdownFiles(root: string): string[] {
  const documents = readdirSync(`${root}/docs`, { recursive: true, encoding: "utf8" })
    .map((name) => `docs/${name.replaceAll("\\", "/")}`)
    .filter((name) => !name.startsWith("docs/site/"));
  const examples = readdirSync(`${root}/examples`).map((name) => `examples/${name}/README.md`);
  const all = [...readdirSync(root), ...documents, ...examples.filter((name) => existsSync(`${root}/${name}`))];
  return all.filter((name) => name.endsWith(".md")).sort();
}
