/** What npm publishes: the tarball as `npm pack` makes it with its scripts, and the page that npm's site makes of its README. */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ownerOf, withOwner } from "../../tools/owner.mjs";
import { packageJson } from "../../tools/setup.mjs";
import { hasChromium, launchChromium } from "../browser/browsers.mjs";
import { asNpmPage } from "./npm-renderer.mjs";
import { ROOT } from "./project.ts";

const OWNER = "some-one";
const { version, repository } = packageJson();

let folder: string;
/** What was packed: package/... */
let packed: string[];
let readme: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rqvae-npm-"));
  const checkout = join(folder, "checkout");
  mkdirSync(checkout);
  for (const name of [
    "package.json",
    "README.md",
    "LICENSE",
    "THIRD-PARTY-NOTICES",
    "CHANGELOG.md",
    "CITATION.cff",
    "tools",
    "dist",
  ])
    cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
  for (const name of ["docs", "src", "node_modules"]) symlinkSync(join(ROOT, name), join(checkout, name));
  // As tools/owner.mjs does, in a copy that is no repository.
  for (const name of ["package.json", "README.md"]) {
    const file = join(checkout, name);
    writeFileSync(file, withOwner(readFileSync(file, "utf8"), ownerOf({ repository }), OWNER));
  }
  const before = readFileSync(join(checkout, "README.md"), "utf8");
  const json = execFileSync("npm", ["pack", "--json", "--foreground-scripts=false", "--pack-destination", folder], {
    cwd: checkout,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [{ filename }] = JSON.parse(json.slice(json.indexOf("[\n")));
  expect(readFileSync(join(checkout, "README.md"), "utf8"), "the README is as it was after packing").toBe(before);
  execFileSync("tar", ["-xzf", join(folder, filename), "-C", folder]);
  packed = execFileSync("tar", ["-tzf", join(folder, filename)], { encoding: "utf8" })
    .trim()
    .split("\n")
    .sort();
  readme = readFileSync(join(folder, "package/README.md"), "utf8");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the tarball", () => {
  it("has the built package, its licences and its README, and nothing else", () => {
    const papers = ["package/LICENSE", "package/README.md", "package/THIRD-PARTY-NOTICES", "package/package.json"];
    const other = packed.filter((name) => !/^package\/dist\/.*(?:\.m?js|\.d\.m?ts|\.wasm)$/.test(name));
    expect(other).toEqual(papers);
    expect(packed.length).toBeGreaterThan(100);
    const { private: isPrivate, ...json } = JSON.parse(readFileSync(join(folder, "package/package.json"), "utf8"));
    expect(isPrivate).toBeUndefined();
    for (const field of ["description", "license", "homepage", "repository", "bugs", "engines"])
      expect(json).toHaveProperty(field);
    expect(json.keywords.length).toBeGreaterThan(5);
    expect(JSON.stringify(json)).not.toContain("OWNER");
  });

  it("names no folder of the machine that built it", () => {
    const checkout = ROOT.replace(/\/$/, "");
    const home = process.env.HOME ?? checkout;
    const naming = packed
      .filter((name) => statSync(join(folder, name)).isFile())
      .filter((name) => {
        const bytes = readFileSync(join(folder, name));
        return bytes.includes(`${checkout}/`) || bytes.includes(`${home}/`);
      });
    expect(naming).toEqual([]);
  });
});

/** The file of the repository that an address below OWNER leads to. */
function fileOf(address: string): string | undefined {
  const base = `https://github.com/${OWNER}/rqvae`;
  const [, kind, path] =
    new RegExp(`^${base}/(blob|raw|tree)/v${version.replaceAll(".", "\\.")}/([^#?]+)`).exec(address) ?? [];
  return kind && path ? join(ROOT, decodeURIComponent(path)) : undefined;
}

describe.skipIf(!hasChromium)("the page of the package (Chromium; skipped where it is not installed)", () => {
  let browser: Awaited<ReturnType<typeof launchChromium>>;
  let page: Page;

  /** Shows a page; pictures come from the repository, where the version's tag has them, and nothing else comes from anywhere. */
  async function show(markdown: string): Promise<void> {
    page = await browser.newPage();
    await page.route("**/*", async (route) => {
      const url = route.request().url();
      if (url === "https://www.npmjs.example/package/rqvae")
        return route.fulfill({ contentType: "text/html", body: asNpmPage(markdown) });
      const file = fileOf(url);
      if (file && url.includes("/raw/") && existsSync(file)) return route.fulfill({ path: file });
      return route.fulfill({ status: 404, body: "not found" });
    });
    await page.goto("https://www.npmjs.example/package/rqvae", { waitUntil: "load" });
  }

  const pictures = () =>
    page.evaluate(() =>
      Array.from(document.images, ({ currentSrc, src, alt, naturalWidth }) => ({
        address: currentSrc || src,
        alt,
        shown: naturalWidth > 0,
      })),
    );
  /** Everything that leads or loads somewhere, as it is written. */
  const addresses = () =>
    page.evaluate(() => {
      const article = document.querySelector("article")!;
      const written = ["href", "src", "srcset"].flatMap((name) =>
        Array.from(article.querySelectorAll(`[${name}]`), (element) => element.getAttribute(name)!),
      );
      return written.map((address) => ({
        address,
        here: address.startsWith("#") && !!document.getElementById(address.slice(1)),
      }));
    });

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  it("shows every picture, each with a description", async () => {
    await show(readme);
    const found = await pictures();
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter(({ shown }) => !shown)).toEqual([]);
    expect(found.filter(({ alt }) => alt.length < 10)).toEqual([]);
    await page.close();
  });

  it("has no link that leads nowhere", async () => {
    await show(readme);
    const found = await addresses();
    expect(found.length).toBeGreaterThan(10);
    expect(found.filter(({ address, here }) => !here && !address.startsWith("https://"))).toEqual([]);
    expect(found.filter(({ address }) => address.includes("OWNER"))).toEqual([]);
    const own = found.map(({ address }) => address).filter((address) => address.includes(`/${OWNER}/rqvae/`));
    expect(
      own.filter((address) => /\/(?:blob|raw|tree)\//.test(address) && !existsSync(fileOf(address) ?? "")),
    ).toEqual([]);
    await page.close();
  });

  it("would not pass with what is missing: a picture, an anchor, a relative link", async () => {
    const base = `https://github.com/${OWNER}/rqvae`;
    await show(`# A\n\n![gone](${base}/raw/v${version}/docs/gone.png) [b](#b) [a](#a) [file](docs/training.md)\n`);
    expect(await pictures()).toMatchObject([{ shown: false }]);
    const bad = (await addresses()).filter(({ address, here }) => !here && !address.startsWith("https://"));
    expect(bad.map(({ address }) => address)).toEqual(["#b", "docs/training.md"]);
    await page.close();
  });
});
