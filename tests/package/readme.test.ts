/** The README on npm's page. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { repositoryAddress, withAbsoluteLinks } from "../../tools/npm-readme.mjs";
import { packageJson } from "../../tools/setup.mjs";
import { ROOT } from "./project.ts";

const ADDRESS = "https://github.com/someone/rqvae";

it("has no link that leads nowhere there, and each leads to a file of the version's tag", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const links = (text: string) =>
    Array.from(text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/\]\(([^)\s]+)|\b(?:src|href)="([^"]+)"/g), (found) =>
      String(found[1] ?? found[2]),
    );
  const absolute = links(withAbsoluteLinks(readme, ADDRESS, "1.2.3"));
  expect(absolute.filter((link) => !/^(https?:|#)/.test(link))).toEqual([]);
  const own = absolute.filter((link) => link.startsWith(ADDRESS));
  expect(own.length).toBe(links(readme).filter((link) => !/^(https?:|#)/.test(link)).length);
  expect(own.length).toBeGreaterThan(20);
  for (const link of own) {
    const [, path] = /\/(?:blob|raw)\/v1\.2\.3\/([^#]+)/.exec(link) ?? [];
    expect(path && existsSync(join(ROOT, path)), link).toBe(true);
  }
  expect(withAbsoluteLinks("![a](docs/a.png) [b](docs/b.md#c) [d](#d)\n```js\nx[0](y)\n```\n", ADDRESS, "1.0.0")).toBe(
    `![a](${ADDRESS}/raw/v1.0.0/docs/a.png) [b](${ADDRESS}/blob/v1.0.0/docs/b.md#c) [d](#d)\n\`\`\`js\nx[0](y)\n\`\`\`\n`,
  );
});

it("leads to the repository that package.json names, in three places alike", () => {
  const { repository, homepage, bugs } = packageJson();
  const named = repository.url.replace(/^git\+/, "").replace(/\.git$/, "");
  expect([homepage, bugs]).toEqual([`${named}#readme`, `${named}/issues`]);
  if (named.includes("OWNER")) expect(() => repositoryAddress({ repository })).toThrow(/in place of OWNER/);
  else expect(repositoryAddress({ repository })).toBe(named);
});
