import { createHash } from "node:crypto";
import { assessIds, residualKMeans, SemanticIds } from "rqvae";
import { compareIds, reportHtml } from "rqvae/report";
import { beforeAll, describe, expect, test } from "vitest";
import type { IdReport } from "../../../bindings/js/report/id-report.ts";
import { catalogue } from "../support/catalogue.ts";

const hostile = `<img src=x onerror="alert(1)"> & 'quotes'`;

/** The names of the tags in the order of the text. Throws when they are not nested as they must be. */
function tagsOf(html: string): string[] {
  const open: string[] = [];
  const names: string[] = [];
  for (const [, slash, name, rest] of html
    .replace(/<style>.*<\/style>/s, "")
    .matchAll(/<(\/?)([!a-z0-9]+)([^<>]*)>/g)) {
    if (slash) {
      if (open.pop() !== name) throw new Error(`</${name}> closes something else`);
      continue;
    }
    names.push(name!);
    if (!["!doctype", "meta"].includes(name!) && !rest!.endsWith("/")) open.push(name!);
  }
  if (open.length > 0) throw new Error(`not closed: ${open}`);
  return names;
}

describe("the page of a report", () => {
  const items = catalogue(300, 6);
  let report: IdReport;
  let page: string;
  beforeAll(async () => {
    const model = await residualKMeans(items, { codebookSize: [16, 8, 4] });
    const titles = Array.from({ length: 300 }, (_, i) => (i === 0 ? hostile : `thing ${i}\u0007\n`));
    const labels = { titles, labels: { [`<b>${hostile}`]: titles.map((_, i) => i % 3) } };
    report = await assessIds(model.encode(items), { items, model, labels, baseline: true });
    page = reportHtml(report, { title: hostile });
    model.dispose();
  });

  test("says what changed since earlier IDs, if they are given", () => {
    const before = SemanticIds.from(
      [...report.ids].map(([a, b, c], i) => (i < 7 ? [(a! + 1) % 16, b!, c!] : [a!, b!, c!])),
      { codebookSizes: [16, 8, 4] },
    );
    const itemIds = [...report.ids].map((_, i) => (i === 0 ? hostile : `sku-${i}`));
    const churn = compareIds(before, report.ids, { itemIds: { before: itemIds, after: itemIds } });
    const changed = reportHtml(report, { churn });
    expect(page).not.toContain("What changed since the earlier IDs");
    expect(changed).toContain("What changed since the earlier IDs");
    expect(changed).toContain(`${(100 * churn.perDepth[2]!.unchangedShare).toFixed(1)}%`);
    expect(changed).toContain(`${churn.moved.length} items moved</h3>`); // no code has another name
    expect(changed).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;");
    expect(tagsOf(changed)).not.toContain("img");
    expect(() => reportHtml(report, { churn: {} as never })).toThrow(/churn/);
  });

  test("holds the figures, the findings and every picture", () => {
    const count = (text: string) => page.split(text).length - 1;
    expect(page).toContain(`<dd>${(100 * report.uniqueShare).toFixed(1)}%</dd>`);
    expect(page).toContain(`<dd>${report.itemsSharing}</dd>`);
    expect(count('<li class="good">') + count('<li class="note">') + count('<li class="problem">')).toBe(
      report.findings.length,
    );
    expect(count('class="heat"')).toBe(3);
    expect(count("<title>&lt;a_")).toBe(16);
    expect(count("<title>&lt;b_")).toBe(8);
    expect(count("<title>&lt;c_")).toBe(4);
    expect(count("residual k-means</span>")).toBe(7); // six figures and one label
    for (const heading of [
      "What this means",
      "Compared with two baselines",
      "Labels",
      "How many items share an ID",
      "Examples of each code",
      "The code tree",
    ]) {
      expect(page).toContain(`<h2>${heading}</h2>`);
    }
    const sizes = report.groupSizes.map(({ size, groups }) => size * groups).reduce((a, b) => a + b, 0);
    expect(sizes).toBe(300);
    const first = report.perLevel[0]!;
    expect(page).toContain(`Level 1: ${first.usedCodes} codes in use`);
  });

  test("is well-formed, and no text becomes markup", () => {
    const tags = tagsOf(page);
    for (const name of ["script", "img", "link", "iframe"]) expect(tags).not.toContain(name);
    expect(tags.filter((name) => name === "b")).toHaveLength(report.findings.length);
    expect(page).not.toContain(hostile);
    expect(page).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; &#39;quotes&#39;");
    expect(page).not.toMatch(/undefined|NaN|\[object/);
    expect(page).not.toContain("\u0007");
    expect(tags.length).toBeGreaterThan(200);
  });

  test("runs under its own strict policy: no script, no inline style, nothing from elsewhere", () => {
    const style = /<style>(.*?)<\/style>/s.exec(page)![1]!;
    const hash = createHash("sha256").update(style).digest("base64");
    expect(page).toContain(
      `content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`,
    );
    expect(page).not.toMatch(/<[^>]* (style|on\w+|src|href)=/);
    expect(style).not.toMatch(/url\(|@import/);
    expect(style).toContain("prefers-color-scheme: dark");
  });

  test("is the same every time; titles may come with the page", () => {
    expect(reportHtml(report, { title: hostile })).toBe(page);
    const renamed = reportHtml(report, { labels: { titles: new Array(300).fill("renamed") } });
    expect(renamed).toContain("renamed, renamed");
    expect(renamed).toContain("<h1>Semantic IDs</h1>");
    expect(renamed).not.toContain("thing 1");
  });
});

test("without items, labels or model: what the IDs tell; long titles are cut", async () => {
  const ids = SemanticIds.from(
    [
      [0, 1],
      [0, 1],
      [3, 0],
    ],
    { codebookSizes: [4, 2] },
  );
  const bare = reportHtml(await assessIds(ids));
  expect(tagsOf(bare).length).toBeGreaterThan(20);
  expect(bare).toContain("row 0, row 1");
  expect(bare).toContain("2 items, 1 ID<");
  expect(bare).not.toMatch(/Compared with two|Labels<|variance|undefined/);
  const long = reportHtml(await assessIds(ids, { labels: { titles: ["😀".repeat(90), "", "c"] } }));
  expect(long).toContain(`${"😀".repeat(79)}…`);
  expect(long).not.toContain("😀".repeat(80));
  expect(long).toContain(", row 1");
  expect(tagsOf(reportHtml(await assessIds(SemanticIds.from([[0]], { codebookSizes: [1] })))).length).toBeGreaterThan(
    10,
  );
});

test("stays small for large codebooks and many items", async () => {
  const codes = Uint32Array.from({ length: 3 * 120_000 }, (_, k) => (k * 7919) % 70_000);
  const ids = SemanticIds.from({ codes, levels: 3 }, { codebookSizes: [70_000, 70_000, 70_000] });
  const page = reportHtml(await assessIds(ids));
  expect(page.length).toBeLessThan(600_000);
  expect(page).toContain("A cell stands for 69 codes.");
  expect(page).toMatch(/and [\d,]+ more codes/);
  expect(tagsOf(page).length).toBeLessThan(20_000);
});

test("refuses copies that have lost the IDs, and titles of other items", async () => {
  const report = await assessIds(SemanticIds.from([[0], [1]], { codebookSizes: [4] }));
  for (const [call, message] of [
    [() => reportHtml(JSON.parse(JSON.stringify(report))), "report must be what assessIds returned"],
    [() => reportHtml(report, { labels: { titles: ["one"] } }), "titles has 1 entry, but there are 2 items"],
    [() => reportHtml(report, { title: 5 as never }), "title must be text, received 5"],
    [() => reportHtml(report, { name: "x" } as object), 'unknown option "name"'],
  ] as const) {
    expect(call).toThrow(
      expect.objectContaining({ name: "InvalidInputError", message: expect.stringContaining(message) }),
    );
  }
});
