/** README and guides: links lead somewhere, code says how it is run. The site that is made of them is in site.test.ts. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as rqvae from "rqvae";
import { describe, expect, it } from "vitest";
import { MODEL_OPTION_NAMES } from "../../bindings/js/options/model-config.ts";
import { TRAIN_OPTION_NAMES } from "../../bindings/js/options/train-config.ts";
import { markdownFiles, sampleFiles, snippets } from "./snippets.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const pages = markdownFiles(ROOT);

/** The text without code, where brackets are no links and # begins no heading. */
const prose = (markdown: string) => markdown.replace(/^```[\s\S]*?^```$/gm, "").replace(/`[^`\n]+`/g, "`code`");

/** The anchors of a page's headings, as GitHub and typedoc make them. */
function anchors(markdown: string): string[] {
  const headings = markdown.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/^#{1,6} (.+)$/gm);
  return Array.from(headings, ([, text]) =>
    text!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe("documentation", () => {
  it("has the pages that it is about", () => {
    expect(pages).toContain("README.md");
    expect(pages.filter((page) => page.startsWith("docs/guides/")).length).toBeGreaterThan(5);
  });

  it.each(pages)("%s: relative links and anchors lead somewhere", (page) => {
    const links = Array.from(prose(read(page)).matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target!);
    const broken = links.filter((link) => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path = "", anchor] = link.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, file))) return true;
      return anchor !== undefined && !anchors(read(file)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it.each(pages)("%s: every code block says how it is run", (page) => {
    // What is quoted is part of an example, which has its own test (examples/python.test.ts).
    const known = ["js node", "js vite", "js workerd", "js parsed", "html browser", "sh cli", "python quoted"];
    // Commands that install, build or serve are read, not run; text is what a program printed.
    const unmarked = snippets(read(page)).filter(({ language, run }) => !known.includes(`${language} ${run}`));
    expect(unmarked.filter(({ language, run }) => !["sh", "text"].includes(`${language} ${run}`.trim()))).toEqual([]);
    expect(read(page)).not.toMatch(/^```$\n(?=import )/m);
  });

  it("the files that pages fetch from the repository are in it", () => {
    const files = sampleFiles(ROOT);
    expect([...files.keys()]).toContain("emoji.npy");
    expect([...files.values()].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    // Each by `curl -L ADDRESS -o NAME`, which is how the tests bring them.
    const addresses = pages.flatMap((page) => read(page).match(/raw\.githubusercontent\.com\/\S+( -o \S+)?/g) ?? []);
    expect(addresses.filter((address) => !address.includes(" -o "))).toEqual([]);
  });

  it("the catalogue of errors has every class", () => {
    const classes = Object.keys(rqvae).filter((name) => name.endsWith("Error"));
    expect(classes.length).toBeGreaterThan(8);
    expect(classes.filter((name) => !anchors(read("docs/guides/errors.md")).includes(name.toLowerCase()))).toEqual([]);
  });

  it("the tables of options have every option", () => {
    const text = read("docs/training.md");
    const notInTables = ["inputDim", "seed", "onProgress", "signal", "checkpoint", "resume"];
    const names = [...MODEL_OPTION_NAMES, ...TRAIN_OPTION_NAMES].filter((name) => !notInTables.includes(name));
    const missing = names.filter(
      (name) => !new RegExp(`\`(${name}|${name.replace(/LearningRateScale$/, "-")})\``).test(text),
    );
    // Written as "`encoder-`, `decoder-`, `codebookLearningRateScale`".
    expect(missing).toEqual([]);
  });

  it("DEVELOPING.md and the guides name files that exist", () => {
    const named = pages
      .filter((page) => page === "DEVELOPING.md" || page.startsWith("docs/"))
      .flatMap((page) =>
        Array.from(
          read(page).matchAll(/`((?:src|bindings|tests|tools|bench|web|examples|docs)\/[\w./-]*\w)`/g),
          ([, path]) => path!,
        ),
      );
    expect(named.length).toBeGreaterThan(15);
    const built = ["docs/site", "web/dist"];
    expect(named.filter((path) => !built.includes(path) && !existsSync(join(ROOT, path)))).toEqual([]);
  });
});
