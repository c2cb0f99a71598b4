/** The site of the documentation, as it is published: a page for every guide, and no link that leads nowhere. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deadLinks } from "../../tools/site.mjs";
import { ROOT } from "./project.ts";
import { markdownFiles } from "./snippets.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rqvae-site-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("links of a site", () => {
  it("are found dead when they lead to no file, to no anchor, or out of the site", () => {
    const site = join(folder, "small");
    mkdirSync(join(site, "b"), { recursive: true });
    writeFileSync(
      join(site, "index.html"),
      `<h1 id="top">A &amp; B</h1> <a href="#top">1</a> <a href="b/">2</a> <a href="b/index.html?x=1#c&amp;d">3</a> <img src="a%20b.png">
       <a href="https://example.org/nothing">4</a> <script>var x = '<a href="no.html">';</script>
       <a href="#bottom">5</a> <a href="gone.html">6</a> <a href="b/#gone">7</a> <a href="../out.html">8</a> <img src="gone.png">`,
    );
    writeFileSync(join(site, "b/index.html"), '<a href="../index.html#top">back</a> <p id="c&amp;d">x</p>');
    writeFileSync(join(site, "a b.png"), "");
    writeFileSync(join(folder, "out.html"), "");
    expect(deadLinks(site)).toEqual(
      ["#bottom", "gone.html", "b/#gone", "../out.html", "gone.png"].map((link) => `index.html: ${link}`),
    );
  });
});

describe("the documentation", () => {
  it("is built without a warning, with a page for every guide, and all its links lead somewhere", () => {
    const site = join(folder, "docs");
    // Every public export is documented, no name or anchor is unknown (typedoc.json makes errors of such warnings).
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["node_modules/typedoc/bin/typedoc", "--out", site],
      { cwd: ROOT, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } },
    );
    expect(`${stdout}${stderr}`).not.toMatch(/warn|error/i);
    expect(status).toBe(0);
    expect(deadLinks(site)).toEqual([]);
    const titles = readdirSync(join(site, "documents")).map(
      (name) => /<title>(.*?) \| rqvae<\/title>/.exec(readFileSync(join(site, "documents", name), "utf8"))?.[1],
    );
    const guides = markdownFiles(ROOT).filter((page) => /^(?:docs|examples)\//.test(page));
    const headings = guides.map((page) => /^# (.+)$/m.exec(readFileSync(join(ROOT, page), "utf8"))?.[1]);
    expect(headings.filter((heading) => !titles.includes(heading?.replaceAll("`", "")))).toEqual([]);
    expect(headings.length).toBeGreaterThan(10);
  }, 180_000);
});
