/** Nothing that a visitor made is lost: kept results, the browser's history, links, and two results side by side. */
import type { Page } from "playwright-core";
import { RQVAE } from "rqvae";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue } from "../js/support/catalogue.ts";
import { hasChromium } from "./browsers.mjs";
import { startVisit, type Visitor } from "./page-visitor.ts";

describe.skipIf(!hasChromium)("what the page keeps (Chromium; skipped when it is not installed)", () => {
  let visit: Awaited<ReturnType<typeof startVisit>>;
  let visitor: Visitor;

  beforeAll(async () => {
    visit = await startVisit();
    visitor = visit.visitor;
  });
  afterAll(() => visit?.end());

  const things = (rows: number, dim = 6) => {
    const { data } = catalogue(rows, dim);
    const csv = [["title", ...Array.from({ length: dim }, (_, j) => `x${j}`)].join(",")];
    for (let i = 0; i < rows; i++) csv.push([`thing ${i}`, ...data.subarray(dim * i, dim * i + dim)].join(","));
    return Buffer.from(csv.join("\n"));
  };
  const rows = () => visitor.page.locator(".kept-row");
  const keptNames = () => visitor.page.locator(".kept-name").evaluateAll((all) => all.map((each) => (each as HTMLInputElement).value)); // biome-ignore format: one line
  /** The name of the kept result that a tab shows. */
  const shownName = (page: Page) =>
    page.evaluate(() => document.querySelector<HTMLInputElement>(".kept-row[aria-current] .kept-name")?.value);
  const hash = () => new URLSearchParams(new URL(visitor.page.url()).hash.slice(1));
  const branch = () => hash().get("branch");
  const crumbs = () => visitor.text("crumbs");
  const cardId = async () => (await visitor.page.getByTestId("spotlight").locator(".card-head .id").textContent())!;
  /** Opens a branch of the tree. */
  async function walk(place = 0): Promise<void> {
    const before = await crumbs();
    await visitor.page.getByTestId("code-tree").getByRole("button").nth(place).click();
    await expect.poll(crumbs).not.toBe(before);
  }
  async function trainOnEmoji(epochs = 2): Promise<void> {
    await visitor.page.getByTestId("option-epochs").fill(String(epochs));
    await visitor.page.getByTestId("sample-button").click();
    await visitor.finished();
    await expect.poll(() => hash().get("result")).toBeTruthy();
  }
  const fingerprint = async () => /fingerprint === "(\w+)"/.exec((await visitor.text("snippet")) ?? "")?.[1];

  it("comes back after a reload, in the same place, with its curves and its model", async () => {
    const page = await visitor.arrive();
    expect(await page.getByTestId("kept").isVisible()).toBe(false);
    await trainOnEmoji(3);
    const trained = await fingerprint();
    await walk(1);
    await walk(0);
    await page.getByTestId("table-search").fill("a");
    await expect.poll(() => hash().get("find")).toBe("a");
    const [where, count, card] = [await crumbs(), await visitor.text("table-count"), await cardId()];
    await page.reload();
    await expect.poll(crumbs).toBe(where);
    await expect.poll(() => visitor.text("table-count")).toBe(count);
    expect(await page.getByTestId("table-search").inputValue()).toBe("a");
    expect(await cardId()).toBe(card);
    expect(await visitor.text("progress-text")).toMatch(/kept result: 1,914 emoji after 3 epochs/);
    expect(await page.getByTestId("option-epochs").inputValue()).toBe("3");
    expect(await page.getByTestId("loss-chart").locator("canvas").count()).toBeGreaterThan(0);
    expect(await fingerprint()).toBe(trained);
    using model = await RQVAE.load(await visitor.download("download-model"));
    expect([model.fingerprint, model.history?.epochs.length]).toEqual([trained, 3]);
    await expect.poll(() => visitor.text("report"), { timeout: 30_000 }).toMatch(/Residual k-means/);
    // And the run can be begun anew.
    await page.getByTestId("train-button").click();
    await visitor.finished();
    await expect.poll(() => rows().count()).toBe(2);
    expect(visitor.complaints).toEqual([]);
  });

  it("walks with Back and Forward, through branches, items, views and results", async () => {
    const page = await visitor.arrive();
    await trainOnEmoji(3);
    const first = hash().get("result");
    await walk(0);
    const one = branch();
    await walk(1);
    const two = branch();
    // The card follows into the branch.
    const begins = two!
      .split(".")
      .map((code, level) => `<${"abc"[level]}_${code}>`)
      .join("");
    await expect.poll(cardId).toContain(begins);
    const start = await cardId();
    await page.locator(".item-title button").nth(2).click();
    await expect.poll(() => hash().get("item")).toBeTruthy();
    await page.getByRole("tab", { name: "Map" }).click();
    expect(hash().get("show")).toBe("map");
    await page.goBack();
    await expect.poll(() => page.getByRole("tab", { name: "Tree" }).getAttribute("aria-selected")).toBe("true");
    await page.goBack();
    await expect.poll(cardId).toBe(start);
    expect(branch()).toBe(two);
    await page.goBack();
    await expect.poll(branch).toBe(one);
    await expect.poll(() => page.getByTestId("crumbs").getByRole("button").count()).toBe(2);
    await page.goBack();
    await expect.poll(() => page.getByTestId("crumbs").getByRole("button").count()).toBe(1);
    await page.goForward();
    await expect.poll(() => page.getByTestId("crumbs").getByRole("button").count()).toBe(2);

    // Another sample, and back to the result of the first, where it was left.
    await page.getByTestId("sample-fiori").click();
    await expect.poll(() => visitor.text("preview")).toContain("778");
    await expect.poll(() => page.locator("#results").isVisible()).toBe(false);
    await page.goBack();
    await expect.poll(() => hash().get("result")).toBe(first);
    await expect.poll(() => page.locator("#results").isVisible()).toBe(true);
    await expect.poll(() => visitor.text("summary")).toContain("1,914 emoji");
    await expect.poll(() => page.getByTestId("crumbs").getByRole("button").count()).toBe(2);

    // A second run is a result of its own; Back leads to the first.
    await page.getByTestId("option-epochs").fill("1");
    await page.getByTestId("train-button").click();
    await visitor.progress(/^Done.*|^Stopped/);
    await expect.poll(() => rows().count(), { timeout: 20_000 }).toBe(2);
    await expect.poll(() => hash().get("result")).not.toBe(first);
    await page.goBack();
    await expect.poll(() => visitor.text("progress-text"), { timeout: 20_000 }).toMatch(/kept result.*3 epochs/);
    expect(visitor.complaints).toEqual([]);
  });

  it("keeps the last five with names and sizes, opens one, and deletes one", async () => {
    const page = await visitor.arrive();
    const trainOn = async (file: string, count: number) => {
      await visitor.choose("file-input", file, things(count));
      await expect.poll(() => visitor.text("preview")).toContain(`${count} items`);
      await page.getByTestId("option-epochs").fill("1");
      await page.getByTestId("train-button").click();
      await expect.poll(() => shownName(page), { timeout: 30_000 }).toBe(file);
    };
    for (let i = 0; i < 6; i++) await trainOn(`things ${i}.csv`, 40 + i);
    expect(await keptNames()).toEqual([5, 4, 3, 2, 1].map((i) => `things ${i}.csv`));
    expect(await rows().nth(1).textContent()).toMatch(/44 items, .* codes · just now · \d+ KB/);
    await page.locator(".kept-name").nth(2).fill("my best");
    await page.locator(".kept-name").nth(2).press("Enter");
    await page.getByRole("button", { name: "Open my best" }).waitFor();
    await page.reload();
    await expect.poll(keptNames).toEqual(["things 5.csv", "things 4.csv", "my best", "things 2.csv", "things 1.csv"]);
    await page.getByRole("button", { name: "Open my best" }).click();
    await expect.poll(() => visitor.text("summary")).toContain("43 items");
    expect(await visitor.text("preview")).toContain("things 3.csv");
    await page.getByRole("button", { name: "Delete my best" }).click();
    await expect.poll(() => rows().count()).toBe(4);
    expect(hash().get("result")).toBeNull();
    expect(await page.locator("#results").isVisible()).toBe(true); // it is shown until something else is
    await page.getByRole("button", { name: "Delete things 5.csv" }).click();
    await expect.poll(() => rows().count()).toBe(3);
    expect(visitor.complaints).toEqual([]);
  });

  it("leaves an address what it says: the sample of a link, and of a page that Back leads to", async () => {
    const page = await visitor.arrive({ hash: "#data=emoji&epochs=1&branch=0" });
    await expect.poll(() => visitor.text("preview")).toContain("1,914 emoji");
    await page.waitForTimeout(400); // what settings write comes later
    expect([hash().get("data"), branch()]).toEqual(["emoji", "0"]);
    await visitor.choose("file-input", "n.csv", things(30));
    await expect.poll(() => visitor.text("preview")).toContain("30 items");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    await expect.poll(() => hash().get("result")).toBeTruthy();
    await walk(0);
    const [walked, result] = [branch(), hash().get("result")];
    await page.goBack();
    await expect.poll(branch).toBe(null);
    await page.getByTestId("option-epochs").fill("3");
    await expect.poll(() => hash().get("epochs")).toBe("3");
    expect([branch(), hash().get("result"), walked === null]).toEqual([null, result, false]);
    await page.goBack();
    await expect.poll(() => visitor.text("preview")).toContain("1,914 emoji");
    await page.waitForTimeout(400);
    expect([hash().get("data"), hash().get("result")]).toEqual(["emoji", null]);
    expect(visitor.complaints).toEqual([]);
  });

  it("leaves a search alone that is typed before the result is kept", async () => {
    const page = await visitor.arrive();
    await page.addInitScript(() => {
      const { postMessage } = Worker.prototype;
      Worker.prototype.postMessage = function (
        this: Worker,
        ...message: [{ call?: { method?: string } }, StructuredSerializeOptions?]
      ) {
        const post = () => postMessage.apply(this, message);
        const { call } = message[0];
        if (call?.method === "toKeep") addEventListener("keep", post, { once: true });
        else post();
      } as Worker["postMessage"];
    });
    await page.reload();
    await visitor.choose("file-input", "things.csv", things(60));
    await expect.poll(() => visitor.text("preview")).toContain("60");
    await page.getByTestId("option-epochs").fill("1");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    await page.getByTestId("table-search").fill("thing 59");
    await expect.poll(() => visitor.text("table-count")).toBe("1 of 60 items");
    expect(await rows().count()).toBe(0);
    await page.evaluate(() => dispatchEvent(new Event("keep")));
    await expect.poll(() => hash().get("result")).toBeTruthy();
    expect(await page.getByTestId("table-search").inputValue()).toBe("thing 59");
    expect(await visitor.text("table-count")).toBe("1 of 60 items");
    expect(visitor.complaints).toEqual([]);
  });

  it("goes on after a crash: with the same items, and with what is kept", async () => {
    const page = await visitor.arrive();
    await page.addInitScript(() => {
      const Plain = Worker;
      globalThis.Worker = class extends Plain {
        constructor(url: string | URL, options?: WorkerOptions) {
          super(url, options);
          addEventListener("crash", () => {
            this.terminate();
            this.dispatchEvent(new ErrorEvent("error", { message: "out of memory" }));
          }, { once: true }); // biome-ignore format: short
        }
      };
    });
    await page.reload();
    await trainOnEmoji(1);
    const before = await fingerprint();
    await page.getByTestId("option-epochs").fill("400");
    await page.getByTestId("train-button").click();
    await visitor.progress(/^Epoch [1-9]/);
    await page.evaluate(() => dispatchEvent(new Event("crash")));
    await expect.poll(() => visitor.text("error")).toMatch(/ran out of memory/);
    await expect.poll(() => shownName(page)).toBeUndefined(); // once the list has been read again
    await rows().getByRole("button", { name: "Open Emoji sample" }).click();
    await visitor.progress(/^A kept result/);
    expect(await fingerprint()).toBe(before);

    await page.getByTestId("option-epochs").fill("400");
    await page.getByTestId("train-button").click();
    await visitor.progress(/^Epoch [1-9]/);
    await page.evaluate(() => dispatchEvent(new Event("crash")));
    await page.getByTestId("error").waitFor();
    await page.getByTestId("option-epochs").fill("1");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    expect(await fingerprint()).toBe(before);
  });

  it("says what to do when the settings of a link make no sense", async () => {
    await visitor.arrive({ hash: "#data=emoji&epochs=many" });
    await expect.poll(() => visitor.text("preview")).toContain("1,914 emoji");
    expect(await visitor.text("train-hint")).not.toContain("Reading");
  });

  it("lets two tabs keep results of their own, and push out none that the other shows", async () => {
    const page = await visitor.arrive();
    await trainOnEmoji(1);
    const first = hash().get("result")!;
    const other = await visitor.contextOfVisit.newPage();
    await other.goto(page.url().replace(/#.*/, ""));
    await expect.poll(() => other.locator(".kept-row").count()).toBe(1);
    for (let i = 0; i < 5; i++) {
      await other.getByTestId("file-input").setInputFiles({ name: `n${i}.csv`, mimeType: "text/csv", buffer: things(30) }); // biome-ignore format: one line
      await expect.poll(() => other.getByTestId("preview").textContent()).toContain("30 items");
      await other.getByTestId("option-epochs").fill("1");
      await other.getByTestId("train-button").click();
      await expect.poll(() => shownName(other), { timeout: 30_000 }).toBe(`n${i}.csv`);
    }
    // The list of the first tab follows.
    await expect.poll(keptNames).toEqual(["n4.csv", "n3.csv", "n2.csv", "n1.csv", "Emoji sample"]);
    await page.reload();
    await expect.poll(() => visitor.text("summary")).toContain("1,914 emoji");
    expect(hash().get("result")).toBe(first);
    await other.close();
    expect(visitor.complaints).toEqual([]);
  });

  it("offers a run that another sample interrupted, and leaves one alone that another tab has paused", async () => {
    const page = await visitor.arrive();
    await page.getByTestId("option-epochs").fill("400");
    await page.getByTestId("sample-icons").click();
    await expect.poll(() => visitor.text("preview")).toContain("7,447");
    await page.getByTestId("train-button").click();
    await visitor.progress(/^Epoch [1-9]/);
    await page.getByTestId("pause-button").click();
    await visitor.progress(/^Paused/);
    const other = await visitor.contextOfVisit.newPage();
    await other.goto(page.url().replace(/#.*/, ""));
    await other.waitForTimeout(500);
    expect(await other.getByTestId("resume").isVisible()).toBe(false);
    await other.close();
    await page.getByTestId("sample-fiori").click();
    await page.getByTestId("resume").waitFor({ state: "visible" });
    expect(await visitor.text("resume-text")).toMatch(/7,447 icons.*of 400/);
    await page.getByTestId("discard-stored").click();
    await expect.poll(() => page.getByTestId("resume").isVisible()).toBe(false);
    await page.reload();
    await page.waitForTimeout(500);
    expect(await page.getByTestId("resume").isVisible()).toBe(false);
    expect(visitor.complaints).toEqual([]);
  });

  it.each([
    ["has no room", "QuotaExceededError", /no room left.*Download/],
    ["keeps nothing", "InvalidStateError", /keeps no results.*private window.*Download/],
  ])("works in a browser that %s, and says so", async (_, name, words) => {
    const page = await visitor.arrive();
    await page.addInitScript((error) => {
      if (error === "InvalidStateError") {
        Object.defineProperty(globalThis, "indexedDB", {
          value: { open: () => { throw new DOMException("refused", error); } }, // biome-ignore format: short
        });
      } else {
        IDBObjectStore.prototype.put = () => {
          throw new DOMException("refused", error);
        };
      }
    }, name);
    await page.reload();
    await page.getByTestId("option-epochs").fill("1");
    await page.getByTestId("sample-button").click();
    await visitor.finished();
    await expect.poll(() => visitor.text("kept-note")).toMatch(words);
    expect(await page.getByTestId("kept-note").isVisible()).toBe(true);
    await page.getByTestId("code-tree").getByRole("button").first().click();
    await expect.poll(branch).toBeTruthy();
    expect((await visitor.download("download-model")).length).toBeGreaterThan(1000);
    expect(visitor.complaints).toEqual([]);
  });

  it("copies a link that trains when it is opened, and leads to the same place of the same model", async () => {
    const page = await visitor.arrive();
    await visitor.contextOfVisit.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByTestId("option-levels").fill("2");
    await trainOnEmoji(2);
    await walk(2);
    await page.locator(".item-title button").nth(1).click();
    const [trained, where, card] = [await fingerprint(), await crumbs(), await cardId()];
    expect(await visitor.text("copy-link-about")).toMatch(/sample, the settings, the seed.*trains when it is opened/);
    // What the form says by now is not what the result was made with.
    await page.getByTestId("option-epochs").fill("7");
    await page.getByTestId("copy-link").click();
    await expect.poll(() => visitor.text("copy-link")).toBe("Copied");
    const link = await page.evaluate(() => navigator.clipboard.readText());
    expect(link).toMatch(/#data=emoji&.*levels=2.*&seed=0&branch=\d+&item=\d+&train=1$/);
    expect(link).toContain("epochs=2");
    const opened = await visitor.arrive({ hash: link.slice(link.indexOf("#")) });
    await visitor.finished();
    await expect.poll(crumbs).toBe(where);
    await expect.poll(cardId).toBe(card);
    expect(await fingerprint()).toBe(trained);
    // The address is now that of the result: a reload does not train again.
    await expect.poll(() => hash().get("result")).toBeTruthy();
    await opened.reload();
    await expect.poll(() => visitor.text("progress-text")).toMatch(/kept result/);
    expect(visitor.complaints).toEqual([]);
  });

  it("says that a link cannot carry the visitor's own data", async () => {
    const page = await visitor.arrive({ hash: "#epochs=1" });
    await visitor.choose("file-input", "own.csv", things(50));
    await expect.poll(() => visitor.text("preview")).toContain("own.csv");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    await expect.poll(() => visitor.text("copy-link-about")).toMatch(/but not your data/);
    expect(visitor.complaints).toEqual([]);
  });

  it("asks for a file again that was too large to keep", async () => {
    const page = await visitor.arrive({ hash: "#epochs=1" });
    const large = Buffer.concat([things(60), Buffer.alloc(33 << 20, "\n")]);
    const file = { name: "large.csv", mimeType: "text/csv", buffer: large };
    await page.getByTestId("file-input").setInputFiles(file);
    await expect.poll(() => visitor.text("preview"), { timeout: 20_000 }).toContain("60");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    await expect.poll(() => hash().get("result")).toBeTruthy();
    await page.reload();
    await expect.poll(() => visitor.text("kept-note")).toMatch(/kept without its file.*choose large\.csv again/);
    const asked = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Open large.csv" }).click();
    await (await asked).setFiles(file);
    await expect.poll(() => visitor.text("summary"), { timeout: 20_000 }).toContain("60 items");
    expect(visitor.complaints).toEqual([]);
  });

  it("compares a result with residual k-means and with another result, with linked trees", {
    timeout: 120_000,
  }, async () => {
    const page = await visitor.arrive();
    expect(await page.locator("#compare").isVisible()).toBe(false);
    await trainOnEmoji(1);
    await page.locator("#compare").waitFor({ state: "visible" });
    const compare = async (other: string) => {
      await page.getByTestId("compare-after").selectOption({ label: other });
      await page.getByTestId("compare-button").click();
      await page.locator(".versus-result").waitFor({ timeout: 60_000 });
    };
    await compare("Residual k-means of the same data");
    expect(await visitor.text("compare-result")).toMatch(
      /of 1,914 emoji ha(ve|s) the same ID.*Different IDs.*items? moved/s,
    );
    const figures = await page.locator(".versus-table").first().locator("tr").allTextContents();
    expect(figures[1]).toMatch(/Codes of each level64 · 64 · 6464 · 64 · 64/);
    expect(figures[2]).toMatch(/1,\d+ \(\d+\.\d%\)1,\d+ \(\d+\.\d%\)/);
    expect(figures[3]).toMatch(/\d\d\.\d%\d\d\.\d%/);

    // The items of a branch are all somewhere in the other tree.
    const [left, right] = [page.locator(".versus-tree").nth(0), page.locator(".versus-tree").nth(1)];
    const size = Number(await left.locator(".branch-size").first().textContent());
    await left.locator(".branch").first().click();
    await expect.poll(() => right.textContent()).toContain(`Where the ${size} emoji`);
    let found = 0;
    for (;;) {
      const more = right.locator(".more");
      if (!(await more.isVisible())) break;
      await more.click();
    }
    for (const text of await right.locator(".branch-size").allTextContents()) found += Number(/^\d+/.exec(text)![0]);
    expect(found).toBe(size);
    expect(await page.locator(".versus-moved").textContent()).toMatch(new RegExp(`of the ${size} in this branch`));
    // Down to the items, which the other side marks.
    const deeper = Number(/^\d+/.exec((await left.locator(".branch-size").first().textContent())!)![0]);
    await left.locator(".branch").first().click();
    await expect.poll(() => right.textContent()).toContain(`Where the ${deeper} emoji`);
    expect(await left.locator(".versus-item").count()).toBe(deeper);
    await right.locator(".branch").first().click();
    await expect.poll(() => left.textContent()).toMatch(/Where the \d+ emoji/);

    // The same settings again are the same IDs.
    await page.getByTestId("train-button").click();
    await expect.poll(() => rows().count(), { timeout: 60_000 }).toBe(2);
    await compare("Emoji sample");
    await expect.poll(() => visitor.text("compare-result")).toMatch(/All 1,914 emoji have the same ID in both/);
    expect(visitor.complaints).toEqual([]);
  });
});
