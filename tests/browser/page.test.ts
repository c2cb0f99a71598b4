/** The demo page, built and driven as a visitor would. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { type ItemMatrix, measureSpectrum, RQVAE, suggestConfig } from "rqvae";
import { readItems, readLabels } from "rqvae/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpy } from "../../bindings/js/formats/arrays/npy.ts";
import { catalogue } from "../js/support/catalogue.ts";
import { writeIdsCsv, writeIdsJsonl, writeLcRec, writeRecBole } from "../js/support/formats.ts";
import { hasChromium, launchChromium } from "./browsers.mjs";
import { Visitor } from "./page-visitor.ts";
import { ROOT, type Site, serve } from "./server.mjs";

const EMOJI = join(ROOT, "examples/data/emoji");

describe.skipIf(!hasChromium)("the demo page (Chromium; skipped when it is not installed)", () => {
  let site: Site;
  let browser: Browser;
  let visitor: Visitor;

  beforeAll(async () => {
    execFileSync(process.execPath, ["tools/web.mjs", "build"], { cwd: ROOT, stdio: "ignore" });
    site = await serve(join(ROOT, "web/dist"));
    browser = await launchChromium();
    visitor = new Visitor(browser, site.url);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  const emoji = async () => ({
    items: await readItems(readFileSync(join(EMOJI, "emoji-glovesif100.f16.npy")), { fileName: "emoji.npy" }),
    labels: readLabels(readFileSync(join(EMOJI, "emoji.labels.json"), "utf8")),
  });

  /** What Node makes of the same items with as many epochs. */
  async function inNode(items: ItemMatrix, epochs: number): Promise<RQVAE> {
    const shape = { n: items.rows, inputDim: items.dim };
    const { inputDim, codebookSize } = suggestConfig(shape).model;
    const spectrum = await measureSpectrum(items, { inputDim, ...(codebookSize && { codebookSize }) });
    const { model: options, train } = suggestConfig({ ...shape, spectrum });
    const model = await RQVAE.create(options);
    await model.train(items, { ...train, epochs });
    return model;
  }

  const things = (rows: number, dim = 6) => {
    const { data } = catalogue(rows, dim);
    const csv = [["name", ...Array.from({ length: dim }, (_, j) => `x${j}`)].join(",")];
    for (let i = 0; i < rows; i++) csv.push([`thing ${i}`, ...data.subarray(dim * i, dim * i + dim)].join(","));
    return Buffer.from(csv.join("\n"));
  };

  it("trains on the sample, and every file it gives equals Node's byte for byte", async () => {
    const page = await visitor.arrive();
    await page.getByTestId("option-epochs").fill("6");
    await page.getByTestId("sample-button").click();
    await visitor.finished();

    const { items, labels } = await emoji();
    using model = await inNode(items, 6);
    const ids = model.encode(items);
    expect((await visitor.download("download-ids")).toString()).toBe(writeIdsCsv(ids, labels));
    expect((await visitor.download("download-jsonl")).toString()).toBe(writeIdsJsonl({ ids }));
    expect((await visitor.download("download-lcrec")).toString()).toBe(writeLcRec({ ids }));
    expect((await visitor.download("download-recbole")).toString()).toBe(writeRecBole({ ids }));
    const file = await visitor.download("download-model");
    expect(Buffer.compare(file, Buffer.from(model.save()))).toBe(0);
    expect(await visitor.text("snippet")).toContain(model.fingerprint);
    expect((await visitor.download("download-report")).toString()).toMatch(/^<!doctype html>[\s\S]*red heart/i);

    // What the visitor sees: every item, its relatives, the share of items with an ID of their own.
    const holders = new Map<string, number>();
    for (const id of ids) holders.set(String(id), (holders.get(String(id)) ?? 0) + 1);
    const own = [...holders.values()].filter((count) => count === 1).length;
    expect(await visitor.text("unique-share")).toBe(`${((100 * own) / items.rows).toFixed(1)}%`);
    await page.getByTestId("table-search").fill("guitar");
    await expect.poll(() => visitor.text("result-table")).toContain("guitar");
    const row = labels.titles.findIndex((title) => title.endsWith("guitar"));
    for (const code of ids.toTokens(row).match(/<[^>]+>/g)!) expect(await visitor.text("result-table")).toContain(code);
    expect(await page.getByTestId("code-tree").locator("li").count()).toBeGreaterThan(5);
    expect(await page.getByTestId("learning-chart").locator("canvas").count()).toBe(2);
    expect(await page.getByTestId("usage").locator("canvas").count()).toBe(3);

    // The model taken away gives the same items the same IDs, and refuses others.
    await visitor.choose("model-input", "model.safetensors", file);
    await expect.poll(() => visitor.text("reuse-model")).toContain(model.fingerprint.slice(0, 8));
    await visitor.choose("new-items-input", "new.npy", Buffer.from(writeNpy(items)));
    await page.getByTestId("download-new-ids").waitFor();
    expect((await visitor.download("download-new-ids")).toString()).toBe(writeIdsCsv(ids));
    await visitor.choose("new-items-input", "things.csv", things(20));
    await page.getByTestId("reuse-error").waitFor({ state: "visible" });
    expect(await visitor.text("reuse-error")).toMatch(/6 numbers in each row.*100/);
    expect(visitor.complaints).toEqual([]);
  });

  it("lets one explore: tree, card, lookup, map, report", async () => {
    const page = await visitor.arrive();
    await page.getByTestId("option-epochs").fill("4");
    await page.getByTestId("sample-button").click();
    await visitor.finished();

    // Walking into a branch shows its part of the table, and back out all of it.
    const branch = page.getByTestId("code-tree").getByRole("button").first();
    const size = await branch.locator(".branch-size").textContent();
    await branch.click();
    await expect.poll(() => visitor.text("table-count")).toMatch(new RegExp(`^${size} of 1,914`));
    await page.getByTestId("crumbs").getByRole("button", { name: "All" }).click();
    await expect.poll(() => visitor.text("table-count")).toBe("All 1,914 emoji");

    // A title picks the item; its card tells code by code why, and who is alike.
    await page.getByTestId("table-search").fill("red heart");
    await page.getByTestId("result-table").getByRole("button", { name: "red heart" }).first().click();
    await expect.poll(() => visitor.text("spotlight")).toMatch(/Runner-up.*The ID keeps \d+%.*Same first code/s);
    expect(await page.getByTestId("spotlight").locator("tbody tr").count()).toBe(3);

    // The most crowded IDs come first when sorted so.
    await page.getByTestId("table-search").fill("");
    await page.getByRole("button", { name: "Shared by" }).click();
    await expect.poll(() => page.locator(".table-row .shared").first().isVisible()).toBe(true);

    // An ID in use leads to its item, one that is not to the nearest.
    const id = (await page.getByTestId("spotlight").locator(".card-head .id").textContent())!;
    await page.getByTestId("lookup-input").fill(id);
    await page.getByRole("button", { name: "Find" }).click();
    await expect.poll(() => visitor.text("lookup-answer")).toMatch(/red heart/);
    await page.getByTestId("lookup-input").fill("0 0 999");
    await page.getByRole("button", { name: "Find" }).click();
    await expect.poll(() => visitor.text("lookup-answer")).toMatch(/from 0 to 63/);
    await page.getByTestId("lookup-input").fill("nonsense");
    await page.getByRole("button", { name: "Find" }).click();
    await expect.poll(() => visitor.text("lookup-answer")).toMatch(/No emoji is called “nonsense”/);
    const used = new Set((await visitor.download("download-lcrec")).toString().match(/\["[^\]]+"\]/g));
    const free = Array.from({ length: 64 }, (_, code) => code).find(
      (code) => !used.has(`["<a_0>", "<b_0>", "<c_${code}>"]`),
    );
    await page.getByTestId("lookup-input").fill(`0 0 ${free}`);
    await page.getByRole("button", { name: "Find" }).click();
    await expect.poll(() => visitor.text("lookup-answer")).toMatch(/No item has this ID.*nearest.*<a_0>/s);

    await page.getByRole("tab", { name: "Map" }).click();
    await expect.poll(() => visitor.text("map")).toMatch(/directions show \d+%|among the fifty nearest/);
    await expect.poll(() => visitor.text("report"), { timeout: 30_000 }).toMatch(/Residual k-means/);
    expect(visitor.complaints).toEqual([]);
  });

  it("pauses, goes on, and ends as if it had not", async () => {
    const page = await visitor.arrive();
    await page.getByTestId("option-epochs").fill("12");
    await page.getByTestId("sample-button").click();
    await visitor.progress(/^Epoch [3-9]/);
    await page.getByTestId("pause-button").click();
    await visitor.progress(/^Paused/);
    const before = await visitor.text("unique-share");
    await page.waitForTimeout(700);
    expect(await visitor.text("unique-share")).toBe(before);
    expect(await visitor.text("pause-button")).toBe("Resume");
    await page.getByTestId("pause-button").click();
    await visitor.finished();
    using model = await inNode((await emoji()).items, 12);
    expect(Buffer.compare(await visitor.download("download-model"), Buffer.from(model.save()))).toBe(0);
    expect(visitor.complaints).toEqual([]);
  });

  it("offers an interrupted run after a reload, and ends it as if there had been none", async () => {
    const page = await visitor.arrive();
    await page.getByTestId("option-epochs").fill("16");
    await visitor.choose("file-input", "things.csv", things(2500, 24));
    await expect.poll(() => visitor.text("preview")).toContain("2,500");
    await page.getByTestId("train-button").click();
    await visitor.progress(/^Epoch [2-9] /);
    await page.getByTestId("pause-button").click();
    await visitor.progress(/^Paused/);
    const began = async () => {
      const curves = await page.getByTestId("loss-chart").getAttribute("aria-label");
      return /Reconstruction: from ([\d.,]+) to/.exec(curves ?? "")?.[1];
    };
    const beginning = await began();
    expect(beginning).toBeDefined();
    await page.reload();
    await page.getByTestId("resume").waitFor({ state: "visible" });
    expect(await visitor.text("resume-text")).toMatch(/2,500 items \(things\.csv\), epoch \d+ of 16/);
    await page.getByTestId("resume-stored").click();
    await visitor.finished();
    // The form says what the run was made with, for the next one.
    expect(await page.getByTestId("option-epochs").inputValue()).toBe("16");
    // The curves begin where the run began.
    expect(await began()).toBe(beginning);
    const items = await readItems(things(2500, 24), { fileName: "things.csv" });
    using model = await inNode(items, 16);
    expect(Buffer.compare(await visitor.download("download-model"), Buffer.from(model.save()))).toBe(0);
    // Finished, it is not offered again.
    await page.reload();
    await page.waitForTimeout(500);
    expect(await page.getByTestId("resume").isVisible()).toBe(false);
    expect(visitor.complaints).toEqual([]);
  });

  it("takes a file of the visitor's own, with titles, and shows it before anything runs", async () => {
    const page = await visitor.arrive();
    await visitor.choose("file-input", "things.csv", things(120));
    await expect.poll(() => visitor.text("preview")).toContain("120");
    expect(await visitor.text("preview")).toMatch(/things\.csv.*6.*of csv.*thing 0.*thing 5.*and 114 more/s);
    expect(await visitor.text("preview")).toMatch(/not normalised/);
    await page.getByTestId("option-epochs").fill("3");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    const ids = (await visitor.download("download-ids")).toString();
    expect(ids.split("\n")[1]).toMatch(/^0,thing 0,\d+,\d+,\d+,<a_\d+><b_\d+><c_\d+>$/);
    expect(visitor.complaints).toEqual([]);
  });

  it("names a column that drowns the others, before the training, while it runs and in the report", async () => {
    const page = await visitor.arrive();
    const { data } = catalogue(200, 6);
    for (let i = 0; i < 200; i++) data[6 * i + 2] = 10 * i;
    await visitor.choose("file-input", "numbered.npy", Buffer.from(writeNpy({ data, rows: 200, dim: 6 })));
    const named = /column 2 carries 9\d\.\d ?% of the variance/i;
    await expect.poll(() => visitor.text("preview")).toMatch(named);
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    expect(await visitor.text("warnings")).toMatch(named);
    expect(await visitor.text("warnings")).toContain("“Input scaling” “perDimension”");
    await expect.poll(() => visitor.text("report"), { timeout: 20_000 }).toMatch(named);
    expect(visitor.complaints).toEqual([]);
  });

  it("names rows that are all the same, and advises nothing else", async () => {
    const page = await visitor.arrive();
    const same = { data: new Float32Array(60 * 4).fill(0.5), rows: 60, dim: 4 };
    await visitor.choose("file-input", "same.npy", Buffer.from(writeNpy(same)));
    await expect.poll(() => visitor.text("preview")).toContain("All rows are the same");
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    expect(await visitor.text("warnings")).toContain("All 60 items have the same vector");
    expect(await visitor.text("warnings")).not.toMatch(/learning rate|codes per level/i);
    await expect.poll(() => visitor.text("report"), { timeout: 20_000 }).toContain("All 60 items have the same vector");
    expect(visitor.complaints).toEqual([]);
  });

  it("warns of rows that are no numbers, and leaves them out on request", async () => {
    const page = await visitor.arrive();
    const { data } = catalogue(150, 5);
    data[5 * 7] = Number.NaN;
    data[5 * 90 + 3] = Number.POSITIVE_INFINITY;
    await visitor.choose("file-input", "holes.npy", Buffer.from(writeNpy({ data, rows: 150, dim: 5 })));
    await expect.poll(() => visitor.text("preview")).toMatch(/2 rows hold values that are not numbers \(rows 7, 90\)/);
    await page.getByTestId("leave-out").click();
    await expect.poll(() => visitor.text("preview")).toContain("148");
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    // Items keep the numbers of their rows in the file.
    const rows = (await visitor.download("download-ids")).toString().trim().split("\n").slice(1);
    expect(rows.map((row) => Number(row.split(",")[0]))).toEqual(
      Array.from({ length: 150 }, (_, i) => i).filter((i) => i !== 7 && i !== 90),
    );
    expect(visitor.complaints).toEqual([]);
  });

  it.each([
    ["broken.npy", Buffer.from("\x93NUMPY broken", "latin1"), /NumPy|npy/],
    ["page.npy", Buffer.from("<!doctype html><p>404"), /HTML/],
    ["hole.csv", Buffer.from("1,2,3\n4,5,6\n7,,9\n1,2,3\n"), /row 2.*column 1|empty/],
    ["nan.json", Buffer.from("[[1, 2], [3, null]]"), /row 1, column 1/],
    ["nothing.json", Buffer.from(""), /empty/],
  ])("says plainly what is wrong with %s", async (name, buffer, message) => {
    const page = await visitor.arrive();
    await visitor.choose("file-input", name, buffer);
    await page.getByTestId("error").waitFor({ state: "visible" });
    expect(await visitor.text("error")).toMatch(message);
    expect(await visitor.text("error")).not.toMatch(/undefined|\[object|TypeError/);
  });

  it("says that titles do not match, and takes those that do, before the items or after", async () => {
    const page = await visitor.arrive();
    const { data } = catalogue(40, 4);
    const npy = Buffer.from(writeNpy({ data, rows: 40, dim: 4 }));
    const titles = (n: number) => Buffer.from(JSON.stringify(Array.from({ length: n }, (_, i) => `title ${i}`)));
    await visitor.choose("file-input", "things.npy", npy);
    await expect.poll(() => visitor.text("preview")).toContain("There are no titles");
    await visitor.choose("labels-input", "titles.json", titles(39));
    await page.getByTestId("error").waitFor({ state: "visible" });
    expect(await visitor.text("error")).toMatch(/titles\.json has 39 titles, but things\.npy has 40 items/);
    await visitor.choose("labels-input", "titles.json", titles(40));
    await expect.poll(() => visitor.text("preview")).toContain("title 3");
    expect(await page.getByTestId("error").isVisible()).toBe(false);

    await visitor.arrive();
    await visitor.choose("labels-input", "titles.json", titles(40));
    await visitor.choose("file-input", "things.npy", npy);
    await expect.poll(() => visitor.text("preview")).toContain("title 3");
  });

  it("explains a wrong option beside the form and trains once it is right", async () => {
    const page = await visitor.arrive();
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("option-levels").fill("0");
    await page.getByTestId("sample-button").click();
    await page.getByTestId("error").waitFor({ state: "visible" });
    expect(await visitor.text("error")).toMatch(/levels.*must be a whole number/i);
    expect(await page.getByTestId("option-levels").getAttribute("aria-invalid")).toBe("true");
    await page.getByTestId("option-levels").fill("2");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    expect(await visitor.text("progress-text")).toMatch(/^Done/);
  });

  it("has every option in the expert view, and its link holds what was changed", async () => {
    const page = await visitor.arrive();
    await page.getByTestId("sample-fiori").click();
    await expect.poll(() => visitor.text("preview")).toContain("778");
    await page.getByTestId("view-switch").getByText("Expert").click();
    expect(await page.getByTestId("options").locator("input, select").count()).toBe(50);
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("option-codes").fill("16, 24");
    await page.getByTestId("option-activation").selectOption("relu");
    await page.getByTestId("option-layerNorm").selectOption("yes");
    await page.getByTestId("option-hiddenDims").fill("40");
    const link = () => page.evaluate(() => location.hash);
    await expect.poll(link).toContain("hiddenDims=40");
    const hash = await link();

    const shared = await visitor.arrive({ hash });
    await expect.poll(() => visitor.text("preview")).toContain("778");
    await shared.getByTestId("train-button").click();
    await visitor.finished();
    using model = await RQVAE.load(await visitor.download("download-model"));
    expect(model.config).toMatchObject({
      codebookSize: [16, 24],
      activation: "relu",
      layerNorm: true,
      hiddenDims: [40],
    });
    expect(visitor.complaints).toEqual([]);
  });

  it("measures the latent width that nobody chose, says why, and forgets it with the data", async () => {
    const page = await visitor.arrive();
    const latent = page.getByTestId("option-latent");
    const items = catalogue(900, 24);
    items.data.forEach((x, at) => {
      if (at % 24 >= 6) items.data[at] = x / 100; // few directions tell anything
    });
    await visitor.choose("file-input", "things.npy", Buffer.from(writeNpy(items)));
    await expect.poll(() => visitor.text("preview")).toContain("900");
    await page.getByTestId("option-epochs").fill("2");
    expect(await latent.inputValue()).toBe("24");
    // It does not take long.
    const said = await page.evaluateHandle(() => {
      const [line, texts] = [document.querySelector("[data-testid=progress-text]")!, [] as (string | null)[]];
      new MutationObserver(() => texts.push(line.textContent)).observe(line, { childList: true });
      return texts;
    });
    await page.getByTestId("train-button").click();
    await visitor.finished();
    const looks = async () => (await said.jsonValue()).filter((text) => text?.startsWith("Measuring the items"));
    const looked = await looks();
    expect(looked.length).toBeGreaterThan(0);
    using fitted = await RQVAE.fit(items, { epochs: 2 });
    expect(fitted.config.latentDim).toBeLessThan(24);
    const width = String(fitted.config.latentDim);
    expect([await latent.inputValue(), await latent.getAttribute("placeholder")]).toEqual([width, width]);
    expect(await visitor.text("train-hint")).toMatch(
      new RegExp(`^Latent width ${width}: ${width} of 24 directions hold [\\d.]+ ?% of the variance.*\\.$`),
    );
    expect(Buffer.compare(await visitor.download("download-model"), Buffer.from(fitted.save()))).toBe(0);

    // What was typed stands.
    await latent.fill("5");
    expect(await visitor.text("train-hint")).toMatch(/^These settings suit/);
    await page.getByTestId("train-button").click();
    await visitor.finished();
    using model = await RQVAE.load(await visitor.download("download-model"));
    expect(model.config.latentDim).toBe(5);
    expect(await looks()).toEqual(looked); // no more often

    await visitor.choose("file-input", "others.csv", things(700, 24));
    await expect.poll(() => visitor.text("preview")).toContain("700");
    expect(await latent.inputValue()).toBe("24");
    expect(await visitor.text("train-hint")).toMatch(/^These settings suit/);
    expect(visitor.complaints).toEqual([]);
  });

  it("stops while it looks at the items, and can begin again", async () => {
    const page = await visitor.arrive();
    await visitor.choose("file-input", "wide.npy", Buffer.from(writeNpy(catalogue(8000, 256))));
    await expect.poll(() => visitor.text("preview")).toContain("8,000");
    await page.getByTestId("option-epochs").fill("1");
    await page.getByTestId("train-button").click();
    await visitor.progress(/^Measuring/);
    expect(await page.getByTestId("pause-button").isDisabled()).toBe(true);
    await page.getByTestId("stop-button").click();
    await visitor.finished(5000);
    expect(await visitor.text("progress-text")).toMatch(/^Stopped before the first step/);
    await visitor.choose("file-input", "things.csv", things(120));
    await expect.poll(() => visitor.text("preview")).toContain("120");
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    expect(await visitor.text("progress-text")).toMatch(/^Done/);
    expect(visitor.complaints).toEqual([]);
  });

  it("stops on request and keeps what was learned", async () => {
    const page = await visitor.arrive();
    await page.getByTestId("option-epochs").fill("100000");
    await page.getByTestId("sample-button").click();
    await page.waitForFunction(() =>
      /\d/.test(document.querySelector("[data-testid=unique-share]")?.textContent ?? ""),
    );
    await page.getByTestId("stop-button").click();
    await visitor.finished();
    expect(await visitor.text("progress-text")).toMatch(/^Stopped/);
    using model = await RQVAE.load(await visitor.download("download-model"));
    expect(model.initialized).toBe(true);
  });

  it.each([390, 768, 3840])("fits %i pixels without scrolling sideways", async (width) => {
    const page = await visitor.arrive({ width });
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("sample-button").click();
    await visitor.finished();
    await expect.poll(() => visitor.text("report"), { timeout: 30_000 }).toMatch(/Residual k-means/);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  });
});
