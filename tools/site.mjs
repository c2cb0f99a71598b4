// The project's site, as it is published: the demo page, and below docs/ the documentation. Every link of it leads somewhere, or it is not
// written.
//
//   node tools/site.mjs     writes build/site (after web/dist and docs/site)
import { cpSync, existsSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT, run } from "./setup.mjs";

/**
 * Links of a folder of pages that lead to no file of it, or to a place that a page does not have. Other sites are not asked.
 * @param {string} folder
 * @returns {string[]} "page: link"
 */
export function deadLinks(folder) {
  const pages = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".html"));
  /** @type {Map<string, { links: string[], ids: Set<string> }>} */
  const read = new Map();
  for (const page of pages) {
    const html = readFileSync(join(folder, page), "utf8").replace(/<script\b[\s\S]*?<\/script>/g, "");
    const values = (/** @type {RegExp} */ pattern) =>
      Array.from(html.matchAll(pattern), ([, value]) => unescaped(value ?? ""));
    read.set(page, { links: values(/\s(?:href|src)="([^"]*)"/g), ids: new Set(values(/\s(?:id|name)="([^"]*)"/g)) });
  }
  return [...read].flatMap(([page, { links }]) =>
    links.filter((link) => !leadsSomewhere(folder, page, link, read)).map((link) => `${page}: ${link}`),
  );
}

/** @param {string} text */
const unescaped = (text) =>
  text.replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<").replaceAll("&amp;", "&");

/**
 * @param {string} folder @param {string} page @param {string} link
 * @param {Map<string, { ids: Set<string> }>} read
 */
function leadsSomewhere(folder, page, link, read) {
  if (/^[a-z]+:/.test(link)) return true;
  const [path = "", anchor = ""] = link.replace(/\?[^#]*/, "").split("#");
  let target = path === "" ? page : normalize(join(dirname(page), decodeURIComponent(path)));
  if (target.startsWith("..") || !existsSync(join(folder, target))) return false;
  if (statSync(join(folder, target)).isDirectory()) target = join(target, "index.html");
  if (!existsSync(join(folder, target))) return false;
  return anchor === "" || !target.endsWith(".html") || (read.get(target)?.ids.has(decodeURIComponent(anchor)) ?? false);
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  run(process.execPath, ["tools/web.mjs", "build"]);
  run(process.execPath, ["node_modules/typedoc/bin/typedoc"]);
  const site = join(ROOT, "build/site");
  rmSync(site, { recursive: true, force: true });
  cpSync(join(ROOT, "web/dist"), site, { recursive: true });
  cpSync(join(ROOT, "docs/site"), join(site, "docs"), { recursive: true });
  const dead = deadLinks(site);
  if (dead.length > 0) {
    console.error(`site: ${dead.length} links lead nowhere:\n${dead.join("\n")}`);
    rmSync(site, { recursive: true, force: true });
    process.exit(1);
  }
  console.log(`site: ${relative(ROOT, site)}`);
}
