/** Code blocks of a Markdown text that say how they are run: ```js node, ```sh cli, ```html browser, and so on. */
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
