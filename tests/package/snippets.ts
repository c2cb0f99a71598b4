import { readdirSync } from "node:fs";

/**
 * Code blocks of a Markdown text that say how they are run:
 * - ```js node: by Node, in a folder in which the package is installed
 * - ```sh cli: by a shell in that folder
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

/** The Markdown files that people read, relative to the folder of the checkout. */
export function markdownFiles(root: string): string[] {
  const documents = readdirSync(`${root}/docs`, { recursive: true, encoding: "utf8" })
    .map((name) => `docs/${name.replaceAll("\\", "/")}`)
    .filter((name) => !name.startsWith("docs/site/"));
  const top = readdirSync(root);
  return [...top, ...documents].filter((name) => name.endsWith(".md")).sort();
}
