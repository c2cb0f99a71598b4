/** The page's figures, report, settings and downloads: what they say, and what their buttons do. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { presets, RQVAE, residualKMeans, SemanticIdIndex } from "rqvae";
import { readIds, readItems, writeIds } from "rqvae/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpy } from "../../bindings/js/formats/arrays/npy.ts";
import { catalogue } from "../js/support/catalogue.ts";
import { hasChromium } from "./browsers.mjs";
import { startVisit, type Visitor } from "./page-visitor.ts";
import { ROOT, serve } from "./server.mjs";

const EMOJI = join(ROOT, "examples/data/emoji/emoji-glovesif100.f16.npy");
const API_WORDS =
  /SemanticIdIndex|adviseCapacity|residualKMeans|RQVAE\.|deadCodeRestart|learningRate|nQuantization|\w\(\w*\)/;

describe.skipIf(!hasChromium)("the page's report (Chromium; skipped when it is not installed)", () => {
  let visit: Awaited<ReturnType<typeof startVisit>>;
  let visitor: Visitor;
  beforeAll(async () => {
    visit = await startVisit();
    visitor = visit.visitor;
  });
  afterAll(() => visit?.end());

  const hasReport = () => expect.poll(() => visitor.text("report"), { timeout: 40_000 }).toMatch(/Residual k-means/);

  async function trainOnEmoji(epochs: number, width = 1440): Promise<void> {
    const page = await visitor.arrive({ width });
    await page.getByTestId("option-epochs").fill(String(epochs));
    await page.getByTestId("sample-button").click();
    await visitor.finished();
    await hasReport();
  }

  const rowsOf = async (testId: string) => {
    const { ids, itemIds } = await readIds(await visitor.download(testId));
    return new Map(itemIds.map((itemId, row) => [itemId, [...ids.at(row)].join()]));
  };

  it("draws what can be compared over time, and the line to beat, in words and as a table too", async () => {
    await trainOnEmoji(6);
    const { page } = visitor;
    const [kept, own] = await page.getByTestId("learning-chart").locator(".curve").all();
    const said = await kept!.getAttribute("aria-label");
    expect(said).toMatch(
      /^Differences between items kept: all items from \d+% to \d+%, held out from \d+% to \d+% by epoch 6; Residual k-means: \d+%$/,
    );
    expect(await own!.getAttribute("aria-label")).toMatch(
      /^Items with an ID of their own: these IDs from \d+% to \d+%.*Residual k-means: \d+%$/,
    );
    await page.getByTestId("figures").locator("summary").click();
    const table = page.getByTestId("figures").locator("tbody tr");
    await expect.poll(() => table.last().textContent()).toMatch(/^Residual k-means\d/);
    expect(await table.count()).toBeGreaterThan(2);

    // The line and the last figure are those of the report.
    const ofReport = async (name: string) =>
      page
        .getByTestId("report")
        .locator("tbody tr", { hasText: name })
        .locator("td > span:first-child")
        .allTextContents();
    const [reportKept, lineKept] = await ofReport("Differences between items that the ID keeps");
    const [reportOwn, lineOwn] = await ofReport("Items with an ID of their own");
    expect(await table.last().locator("td").allTextContents()).toEqual([lineKept, "–", lineOwn]);
    const final = await table.nth(-2).locator("td").allTextContents();
    expect([final[0], final[2]]).toEqual([reportKept, reportOwn]);
    // It is the library's residual k-means.
    const items = await readItems(readFileSync(EMOJI), { fileName: "emoji.npy" });
    const kmeans = await residualKMeans(items, { codebookSize: [64, 64, 64], encodeBeam: 8 });
    const groups = new Map<string, number>();
    for (const id of kmeans.encode(items)) groups.set(String(id), (groups.get(String(id)) ?? 0) + 1);
    kmeans.dispose();
    const alone = [...groups.values()].filter((count) => count === 1).length / items.rows;
    expect(lineOwn).toBe(`${(100 * alone).toFixed(1)}%`);

    // Losses are for experts.
    expect(await page.getByTestId("loss-chart").isVisible()).toBe(false);
    await page.getByTestId("expert-chart").locator("summary").click();
    await expect.poll(() => page.getByTestId("loss-chart").locator("canvas").count()).toBe(3);
    expect(visitor.complaints).toEqual([]);
  });

  it("says one number everywhere, in the page's own words, and the others on request", async () => {
    await trainOnEmoji(4);
    const { page } = visitor;
    const share = await visitor.text("unique-share");
    expect(share).toMatch(/^\d+\.\d%$/);
    const sentence = `${share} of the 1,914 emoji have an ID of their own`;
    expect(await visitor.text("summary")).toContain(sentence);
    expect(await page.locator("[data-testid=report] .report-lead").textContent()).toBe(`${sentence}.`);
    const report = page.getByTestId("report");
    expect(await report.textContent()).not.toMatch(API_WORDS);
    expect(await report.getByText("Different IDs").isVisible()).toBe(false); // folded away
    await page.getByTestId("report-counts").locator("summary").click();
    const ids = (await visitor.download("download-ids")).toString();
    const tokens = ids
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split(",").at(-1));
    const distinct = new Set(tokens).size.toLocaleString("en");
    expect(await report.getByText("Different IDs").isVisible()).toBe(true);
    expect(await visitor.text("report-counts")).toContain(`Different IDs${distinct}`);
    expect(visitor.complaints).toEqual([]);
  });

  it("makes IDs unique by one more code or by free IDs, in every file, and takes it back", async () => {
    await trainOnEmoji(4);
    const { page } = visitor;
    const formats = ["download-ids", "download-jsonl", "download-lcrec", "download-recbole"];
    const before = await Promise.all([rowsOf("download-ids")]).then(([rows]) => rows!);
    expect(new Set(before.values()).size).toBeLessThan(before.size);

    const items = await readItems(readFileSync(EMOJI), { fileName: "emoji.npy" });
    using model = await RQVAE.load(await visitor.download("download-model"));
    const names = [...before.keys()];
    for (const how of ["suffix", "reassign"] as const) {
      await page.getByTestId("remedy-makeUnique").first().click();
      await page.getByTestId(`unique-${how}`).click();
      await page.getByTestId("undo-unique").waitFor();
      expect(await visitor.text("unique-ids")).toMatch(/Every ID is unique now.*→/s);
      const index = SemanticIdIndex.build(names.map(Number), model.encode(items), {
        collisions: how,
        ...(how === "reassign" ? { model, items } : {}),
      });
      for (const format of formats) {
        const rows = await rowsOf(format);
        expect(new Set(rows.values()).size).toBe(before.size);
        for (const name of names) expect(rows.get(name)).toBe(index.get(Number(name))!.join());
      }
      const loaded = await SemanticIdIndex.load(await visitor.download("download-index"));
      expect(loaded.get(7)).toEqual(index.get(7));
      expect(loaded.collisions).toBe(how);
      expect(await page.getByTestId("downloads-note").isVisible()).toBe(true);
      await page.getByTestId("undo-unique").click();
      await expect.poll(() => page.getByTestId("unique-ids").isVisible()).toBe(false);
      expect(await rowsOf("download-ids")).toEqual(before);
      expect(await page.getByTestId("downloads-note").isVisible()).toBe(false);
    }

    // Other titles leave the IDs as they are published.
    await page.getByTestId("remedy-makeUnique").first().click();
    await page.getByTestId("unique-suffix").click();
    await page.getByTestId("undo-unique").waitFor();
    await visitor.choose("labels-input", "t.txt", Buffer.from(names.map((name) => `title ${name}`).join("\n")));
    await expect.poll(() => visitor.text("unique-ids")).toMatch(/title \d+/);
    expect(new Set((await rowsOf("download-ids")).values()).size).toBe(before.size);
    expect(visitor.complaints).toEqual([]);
  });

  it("trains again with another level at the press of a button", async () => {
    await trainOnEmoji(3);
    const { page } = visitor;
    await page.getByTestId("remedy-addLevel").click();
    await visitor.progress(/^(Getting|Finding|Epoch|Measuring)/);
    await visitor.finished();
    await hasReport();
    expect(await page.getByTestId("option-levels").inputValue()).toBe("4");
    using model = await RQVAE.load(await visitor.download("download-model"));
    expect(model.config.codebookSize).toEqual([64, 64, 64, 64]);
    expect(visitor.complaints).toEqual([]);
  });

  it("never calls settings suitable beside advice to change them, and applies the advice", async () => {
    const page = await visitor.arrive();
    await page.getByTestId("sample-emoji").click();
    await expect.poll(() => visitor.text("capacity")).toMatch(/share an ID/);
    await expect.poll(() => visitor.text("train-hint")).not.toMatch(/suit/);
    await page.getByTestId("take-advice").click();
    await expect.poll(() => visitor.text("capacity")).toMatch(/enough for nearly every item/);
    expect(await page.getByTestId("take-advice").count()).toBe(0);
    expect(await page.getByTestId("option-levels").inputValue()).toBe("4");
    await expect.poll(() => visitor.text("train-hint")).toMatch(/^These settings suit/);
    expect(visitor.complaints).toEqual([]);
  });

  it.each(["tiger", "lcrec", "hopwise"] as const)(
    "fills in the form by a published recipe, and takes it back: %s",
    async (name) => {
      const page = await visitor.arrive();
      const { data } = catalogue(300, 8);
      await visitor.choose("file-input", "things.npy", Buffer.from(writeNpy({ data, rows: 300, dim: 8 })));
      await expect.poll(() => visitor.text("preview")).toContain("300");
      await page.getByTestId("option-epochs").fill("1");
      await page.getByTestId("view-switch").getByText("Expert").click();
      const fields = () =>
        page.getByTestId("options").evaluate((form) => [...new FormData(form as HTMLFormElement)].map(String));
      const before = await fields();
      await page.getByTestId(`preset-${name}`).click();
      expect(await page.getByTestId(`preset-${name}`).getAttribute("aria-pressed")).toBe("true");
      expect(await page.getByTestId("option-epochs").inputValue()).toBe("1");
      const filled = await fields();
      expect(filled).not.toEqual(before);
      await page.getByTestId("preset-undo").click();
      expect(await fields()).toEqual(before);
      await page.getByTestId(`preset-${name}`).click();
      expect(await fields()).toEqual(filled);
      await page.getByTestId("train-button").click();
      await visitor.finished();
      const recipe = presets[name]({ inputDim: 8 });
      using expected = await RQVAE.create(recipe.model);
      await expected.train({ data, rows: 300, dim: 8 }, { ...recipe.train, epochs: 1 });
      expect(Buffer.compare(await visitor.download("download-model"), Buffer.from(expected.save()))).toBe(0);
      expect(visitor.complaints).toEqual([]);
    },
  );

  it("gives code that runs with the files downloaded", { timeout: 120_000 }, async () => {
    await trainOnEmoji(3);
    const { page } = visitor;
    const folder = join(visit.folder, "project");
    mkdirSync(join(folder, "node_modules"), { recursive: true });
    symlinkSync(ROOT, join(folder, "node_modules/rqvae"));
    writeFileSync(join(folder, "model.safetensors"), await visitor.download("download-model"));
    writeFileSync(join(folder, "ids.index"), await visitor.download("download-index"));
    writeFileSync(join(folder, "items.npy"), readFileSync(EMOJI));
    const codeFor = async (label: string) => {
      await page.locator(".code-panel").getByText(label, { exact: true }).click();
      return (await visitor.text("snippet"))!;
    };
    const run = async (label: string) => {
      writeFileSync(join(folder, "snippet.mjs"), await codeFor(label));
      return execFileSync(process.execPath, ["snippet.mjs"], { cwd: folder, encoding: "utf8" });
    };
    const first = (await visitor.download("download-jsonl")).toString().split("\n")[0]!;
    const { codes, tokens } = JSON.parse(first) as { codes: number[]; tokens: string };
    expect((await run("Node")).trim()).toBe(tokens);
    expect(readFileSync(join(folder, "ids.csv"), "utf8").split("\n")[1]).toBe(`0,${codes.join()},${tokens}`);
    const recommender = await run("Recommender");
    expect(recommender).toMatch(/^\w+Array\(\d+\) \[/); // one history of three IDs
    expect(recommender).toMatch(/\[\s*0[,\s\]]|\b0\b/);
    expect(await run("Language model")).toMatch(/^\[[\d,\s]+\]\s+function\s*$/);
    expect(Object.keys(JSON.parse(readFileSync(join(folder, "added_tokens.json"), "utf8")))).toContain("<a_0>");

    // The browser's, with the package as an import map has it.
    const code = await codeFor("Browser");
    writeFileSync(join(folder, "main.js"), code);
    writeFileSync(
      join(folder, "index.html"),
      `<!doctype html><title>x</title><body><script type="module" src="main.js"></script>`,
    );
    const { build } = await import("vite");
    const out = join(folder, "site");
    await build({ root: folder, configFile: false, logLevel: "error", build: { outDir: out } });
    writeFileSync(join(out, "model.safetensors"), readFileSync(join(folder, "model.safetensors")));
    const site = await serve(out);
    try {
      const other = await visit.browser.newPage();
      await other.goto(site.url);
      await expect
        .poll(() => other.locator("body").textContent(), { timeout: 20_000 })
        .toMatch(/^\s*(<[a-z]_\d+>){3}$/);
      await other.close();
    } finally {
      await site.close();
    }
    expect(visitor.complaints).toEqual([]);
  });

  it("assesses IDs that somebody has, with the vectors that are open or by counting", async () => {
    const page = await visitor.arrive();
    const { data } = catalogue(120, 6);
    const items = { data, rows: 120, dim: 6 };
    const model = await residualKMeans(items, { codebookSize: [8, 8] });
    const ids = model.encode(items);
    model.dispose();
    const lcrec = Buffer.from([...(writeIds("lcrec", { ids }) as Iterable<string>)].join(""));
    const sharing = [...ids].map(String).filter((id, _, all) => all.filter((other) => other === id).length > 1).length;
    const share = `${((100 * (120 - sharing)) / 120).toFixed(1)}% of the 120 items`;

    await visitor.choose("file-input", "my.index.json", lcrec);
    await expect.poll(() => visitor.text("own-ids")).toContain(share);
    expect(await visitor.text("own-ids")).toMatch(/assessed, not trained on.*Open their embeddings first/s);
    expect(await page.getByTestId("training").or(page.locator("#training")).first().isVisible()).toBe(false);

    await visitor.choose("file-input", "things.npy", Buffer.from(writeNpy(items)));
    await expect.poll(() => visitor.text("preview")).toContain("120");
    // Another program's table, in another order.
    const lines = [...ids].map((id, row) => `${row};${[...id].join(";")}`).reverse();
    await visitor.choose("file-input", "codes.csv", Buffer.from(`item_id;c_1;c_2\n${lines.join("\n")}\n`));
    await expect
      .poll(() => visitor.text("own-ids"), { timeout: 20_000 })
      .toMatch(/vectors of things\.npy.*Residual k-means/s);
    expect(await visitor.text("own-ids")).toContain(share);
    expect(await visitor.text("own-ids")).toMatch(/nearest items share the first code [\d.]+ times/);
    expect(await visitor.text("preview")).toContain("things.npy"); // still the data to train on

    await visitor.choose("file-input", "broken.csv", Buffer.from("item,code_1,code_2\na,1,2\nb,1,x\n"));
    await page.getByTestId("error").waitFor({ state: "visible" });
    expect(await visitor.text("error")).toMatch(/broken\.csv|row 1|line 3/i);
  });

  it("saves the tree as a picture that stands by itself", async () => {
    await trainOnEmoji(3);
    const svg = (await visitor.download("tree-svg")).toString();
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="1200"/);
    expect(svg.match(/<path /g)!.length).toBeGreaterThan(64);
    expect(svg).toContain("1,914 emoji</text>");
    expect(svg).not.toMatch(/oklch|var\(|NaN|href|press/);
    const ok = await visitor.page.evaluate((text) => {
      const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
      return parsed.querySelector("parsererror") === null;
    }, svg);
    expect(ok).toBe(true);
    const png = await visitor.download("tree-png");
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([2400, 2400]);
    expect(visitor.complaints).toEqual([]);
  });

  it.each([1440, 390])(
    "has no serious finding of axe with everything open, and fits: %i px",
    { timeout: 120_000 },
    async (width) => {
      await trainOnEmoji(3, width);
      const { page } = visitor;
      await page.getByTestId("view-switch").getByText("Expert").click();
      for (const details of ["figures", "expert-chart", "report-counts"])
        await page.getByTestId(details).locator("summary").click();
      await page.getByTestId("remedy-makeUnique").first().click();
      await page.getByTestId("unique-suffix").click();
      await page.getByTestId("undo-unique").waitFor();
      await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(
        violations
          .filter(({ impact }) => impact === "serious" || impact === "critical")
          .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("\n")}`),
      ).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    },
  );
});
